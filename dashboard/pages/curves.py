"""Training curves: how the selected runs learnt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import watch
from dashboard.curves import panels
from dashboard.queries import run_lists
from dashboard.widgets import html
from dashboard.widgets.run_choice import ask_for_runs

if TYPE_CHECKING:
    from dashboard.queries import histories
    from dashboard.view import View

AXES: dict[str, histories.Axis] = {"Step": "step", "Relative": "relative", "Wall time": "wall"}
SHOWN_UNASKED = 6
REFRESH_SECONDS = 2


def show(view: View) -> None:
    """One chart a subject; train and validation of all selected runs together."""
    st.title("Training curves")
    if view.runs.empty:
        ask_for_runs(view, "show_chart", "Choose runs in the sidebar to see how they learnt.")
        return
    subjects = panels.subjects(view)
    if not subjects:
        html.empty("show_chart", "The selected runs have logged no metric more than once.")
        return
    chosen, axis, log = _controls(subjects)
    shown = {name: subjects[name] for name in chosen}
    panels.legend(view, shown)
    every = REFRESH_SECONDS if (view.runs["status"] == "RUNNING").any() else None
    st.fragment(partial(_draw, view, shown, axis, log=log), run_every=every)()


def _draw(view: View, shown: panels.Subjects, axis: histories.Axis, *, log: bool) -> None:
    """The charts, drawn anew while a run goes on; the script around them only when one ends."""
    source = watch.fresh(view.source)
    if list(run_lists.runs_by_id(source, view.run_ids)["status"]) != list(view.runs["status"]):
        st.rerun()
    panels.grid(replace(view, source=source), shown, axis, "curve", log=log)


def _controls(subjects: panels.Subjects) -> tuple[list[str], histories.Axis, bool]:
    left, middle, right = st.columns([6, 4, 2], vertical_alignment="center")
    chosen = left.multiselect(
        "Metrics",
        list(subjects),
        default=panels.first_choice(subjects, SHOWN_UNASKED),
        label_visibility="collapsed",
        placeholder="Choose metrics",
        key="metrics",
        bind="query-params",
    )
    axis = middle.segmented_control(
        "Horizontal axis",
        list(AXES),
        default="Step",
        required=True,
        label_visibility="collapsed",
        key="axis",
        bind="query-params",
    )
    log = right.toggle("Log scale", key="log", bind="query-params")
    return chosen, AXES[axis or "Step"], bool(log)
