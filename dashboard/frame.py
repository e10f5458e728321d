"""The frame around every page: tokens of the theme, the run list, the chip of running runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import listing, view_state
from dashboard.palette import TOKENS, theme
from dashboard.queries import run_lists
from dashboard.view_state import ALL
from dashboard.widgets import run_list
from tracker import TrackingClient
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.navigation.page import StreamlitPage

    from dashboard.source import Source
    from dashboard.view import View

LIST_WIDTH = 272
EXPERIMENT = "experiment_chosen"
ALL_EXPERIMENTS = "All experiments"


@cache
def _css() -> str:
    return Path(__file__).with_name("frame.css").read_text("utf-8")


def style() -> None:
    """Write the theme's tokens and the frame's rules into the page."""
    tokens = ";".join(f"--{name}:{color}" for name, color in TOKENS[theme()].items())
    st.html(f"<style>:root{{{tokens}}}{_css()}</style>")


def experiment_box(source: Source) -> None:
    """The box that chooses the experiment, drawn where this is called."""
    names = listing.offered_experiments(source)
    options: list[str] = [*map(str, names), *([ALL] if len(names) != 1 else [])]
    state = view_state.current()
    chosen = state.experiment or next(iter(options))
    if chosen not in options:
        options.append(chosen)
    st.session_state[EXPERIMENT] = chosen
    everything = run_lists.experiment_names(source)

    def name(option: str) -> str:
        return ALL_EXPERIMENTS if option == ALL else everything[int(option)]

    st.selectbox(
        "Experiment",
        options,
        format_func=name,
        key=EXPERIMENT,
        on_change=_take_experiment,
        args=(chosen,),
        label_visibility="collapsed",
    )


def _take_experiment(before: str) -> None:
    """Choose an experiment; what was chosen of another one's runs is dropped.

    Streamlit also calls this where a page without the box was left before it was drawn: the browser
    then sends a box that the server has forgotten.
    """
    state, chosen = view_state.current(), str(st.session_state[EXPERIMENT])
    if chosen == before:
        return
    state.experiment = chosen
    state.shown, state.baseline, state.run = None, "", ""
    state.group, state.sort, state.descending, state.columns = None, "", None, []


def beside(view: View) -> None:
    """The run list, in the sidebar."""
    with st.sidebar:
        experiment_box(view.source)
        run_list.show(view, "list", "run-list", "calc(100dvh - 118px)")


def running_chip(view: View) -> None:
    """In the bar: how many runs are running; a click lists them."""
    counts = run_lists.status_counts(view.source, None)
    if not (count := counts.get("RUNNING", 0)):
        return
    with st.container(key="running_chip"):
        st.button(
            f"{count:,} running",
            icon=":material/progress_activity:",
            help=f"{plural(count, 'run')} of all experiments",
            on_click=_list_running,
        )


def _list_running() -> None:
    state = view_state.current()
    state.experiment, state.statuses, state.filter = ALL, ["RUNNING"], ""
    st.session_state[run_list.WANTED] = "overview"


def waiting_points(source: Source) -> None:
    """A line that says what is not shown yet, where runs of killed processes cannot be reaped."""
    if "RUNNING" not in run_lists.status_counts(source, None):
        return
    if count := TrackingClient(source.path, read_only=True).waiting_points():
        st.info(
            f"{plural(count, 'point')} logged by processes that were killed cannot be shown until "
            f"somebody who may write the database opens it.",
            icon=":material/hourglass_top:",
        )


def phone_menu(pages: Sequence[StreamlitPage]) -> None:
    """The pages as a row that is scrolled sideways; only a narrow window shows it."""
    with st.container(key="phone_menu", horizontal=True):
        for page in pages:
            st.page_link(page)
