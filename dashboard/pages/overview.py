"""Overview: what was run, and how well it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import frame, watch
from dashboard.queries import run_lists
from dashboard.widgets import run_list
from dashboard.widgets.run_choice import ask_for_runs

if TYPE_CHECKING:
    from dashboard.view import View


def show(view: View) -> None:
    """The best so far, and the table of runs."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Overview", width="content")
        with st.container(width=230):
            frame.experiment_box(view.source)
    counts = run_lists.status_counts(view.source, view.experiment_id)
    if view.listing.unfiltered == 0:
        ask_for_runs(view, "search_off", "No run yet.")
    else:
        run_list.show(view, "table", "run-table", "calc(100dvh - 130px)")
    watch.follow(view, watch.EVERY_SECONDS if "RUNNING" in counts else watch.IDLE_SECONDS)
