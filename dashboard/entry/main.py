"""The script behind every page: page settings, frame, run list, navigation."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import frame, view, view_state, watch
from dashboard.menu import HOME, MENU
from dashboard.settings import USUAL, chosen_database, training_command
from dashboard.source import open_source
from dashboard.widgets import html, run_list
from tracker.exceptions import TrackerError

NAME = "ml-tracker"
ICON = Path(__file__).parents[1] / "icon.png"


def main() -> None:
    """Draw the frame, then the page the address names; an error is one sentence."""
    _call(NAME)
    frame.style()
    try:
        path = chosen_database()
    except TrackerError as error:
        st.title(NAME)
        html.empty("warning", str(error))
        return
    try:
        _show(path)
    except TrackerError as error:
        _unreadable(path, error)


def _show(path: Path) -> None:
    source = watch.reaped(open_source(path))
    state = view_state.read(source)
    current = view.build(source, state)
    pages = {
        item: st.Page(
            partial(item.show, current),
            title=item.title,
            url_path=item.address,
            default=item is HOME,
        )
        for item in MENU
    }
    page = st.navigation(list(pages.values()), position="top")
    wanted = st.session_state.pop(run_list.WANTED, None)
    if target := next((one for item, one in pages.items() if item.address == wanted), None):
        # Without `query_params` it raises where a widget is bound to one.
        st.switch_page(target, query_params={})
    _call(f"{page.title} · {NAME}")
    item = next(item for item, one in pages.items() if one is page)
    frame.running_chip(current)
    frame.phone_menu(list(pages.values()))
    if item.has_run_list:
        frame.beside(current)
    _tell()
    frame.waiting_points(source)
    view_state.write(state, current.experiment_id)
    page.run()
    if item.has_run_list:
        watch.follow_runs(current)


def _tell() -> None:
    """What became of a change made in the run list."""
    if refused := st.session_state.pop("refused", ""):
        st.error(html.code_span(refused), icon=":material/error:")
    if told := st.session_state.pop("told", ""):
        st.toast(told, icon=":material/check:")


def _call(title: str) -> None:
    """What the browser's tab says."""
    st.set_page_config(title, str(ICON), layout="wide", initial_sidebar_state=frame.LIST_WIDTH)


def _unreadable(path: Path, error: Exception) -> None:
    st.title(NAME)
    if path.is_dir():
        inside = next(iter(sorted(path.glob("*.db"))), path / USUAL)
        html.empty("folder", str(error), f"streamlit run dashboard/app.py -- --db {_q(inside)}")
    elif path.exists():
        html.empty("warning", str(error), f"python -m tracker --db {_q(path)} check")
    else:
        sentence = f"{error} The first training run makes it."
        html.empty("potted_plant", sentence, training_command(path))
        watch.wait_for(path)


def _q(path: Path) -> str:
    return shlex.quote(str(path))


if __name__ == "__main__":
    main()
