"""Overview: what was run, and how well it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import frame, watch
from dashboard.queries import run_lists
from dashboard.widgets import best_strip, export, run_list, saved_views
from dashboard.widgets.run_choice import ask_for_runs

if TYPE_CHECKING:
    from dashboard.view import View

# What stands above the table, its margin below, in pixels.
AROUND = 206


def show(view: View) -> None:
    """The best so far, and the table of runs, which is the list of runs here."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Overview", width="content")
        with st.container(width=230):
            frame.experiment_box(view.source)
        if view.listing.unfiltered:
            st.space("stretch")
            saved_views.show(view)
            export.show(view)
    counts = run_lists.status_counts(view.source, view.experiment_id)
    if counts:
        best_strip.show(view)
    if view.listing.unfiltered == 0 and not view.state.deleted:
        ask_for_runs(view, "search_off", "No run yet.")
    else:
        run_list.show(view, "table", "run-table", f"max(320px, calc(100dvh - {AROUND}px))")
    watch.follow(view, watch.EVERY_SECONDS if "RUNNING" in counts else watch.IDLE_SECONDS)
