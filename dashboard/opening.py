"""From a list of runs to the page of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from dashboard.view import View

WANTED = "run_to_open"


def select(run_id: str) -> None:
    """Select a run besides those that are. For a widget's callback."""
    chosen = st.session_state.get("runs", [])
    st.session_state["runs"] = chosen if run_id in chosen else [*chosen, run_id]


def want(run_id: str) -> None:
    """Select a run besides those that are; `follow` goes to its page. For a widget's callback."""
    select(run_id)
    st.session_state[WANTED] = run_id


def follow(view: View) -> None:
    """Go to the page of the run that was asked for, if one was."""
    run_id = st.session_state.pop(WANTED, None)
    if run_id in view.labels:
        # The address is named anew: what this page's widgets have in it means nothing there.
        st.switch_page(
            st.Page(_elsewhere, title="Run", url_path="run"),
            query_params={"run": view.labels[run_id]},
        )


def _elsewhere() -> None:
    """Stands for the page: Streamlit knows pages by their address."""
