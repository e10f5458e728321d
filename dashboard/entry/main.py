"""The script behind every page: page settings, sidebar, navigation."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import view, watch
from dashboard.menu import MENU
from dashboard.navigation import SHOWN
from dashboard.settings import USUAL, chosen_database, training_command
from dashboard.source import SourceError, open_source
from dashboard.widgets import html, sidebar
from tracker.exceptions import TrackerError

NAME = "ml-tracker"
ICON = Path(__file__).parents[1] / "icon.png"


def main() -> None:
    """Draw the sidebar, then the page the address names; an error is one sentence."""
    _call(NAME)
    try:
        path = chosen_database()
    except TrackerError as error:
        st.title(NAME)
        html.empty("warning", str(error))
        return
    try:
        _show(path)
    except (SourceError, TrackerError) as error:
        _unreadable(path, error)


def _show(path: Path) -> None:
    source = watch.reaped(open_source(path))
    experiment_id = sidebar.pick_experiment(source)
    current = view.build(source, experiment_id, sidebar.pick_runs(source, experiment_id))
    if not current.runs.empty:
        with st.sidebar:
            colors = zip(current.runs["label"], current.runs["color"], strict=True)
            html.legend(list(colors), stacked=True)
    st.sidebar.caption(html.code_span(str(path)))
    pages = [
        st.Page(
            partial(SHOWN[item.address], current),
            title=item.title,
            url_path=item.address,
            icon=f":material/{item.icon}:",
            default=item is MENU[0],
        )
        for item in MENU
    ]
    page = st.navigation(pages)
    _call(f"{page.title} · {NAME}")
    sidebar.complete_link()
    page.run()


def _call(title: str) -> None:
    """What the browser's tab says."""
    st.set_page_config(title, str(ICON), layout="wide")


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
