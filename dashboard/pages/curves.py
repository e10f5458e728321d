"""Curves: how the shown runs learned."""

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
    from dashboard.curves.payload import Axis, Spread
    from dashboard.view import View

AXES: dict[str, Axis] = {"Step": "step", "Time": "relative", "Clock": "wall", "Share": "share"}
SPREADS: dict[str, Spread] = {"Mean ± std": "std", "Mean": "mean", "Every run": "runs"}
SMOOTHING = {"Smooth off": 0.0} | {f"Smooth {n} %": n / 100 for n in (1, 2, 5, 10, 20)}
SHOWN_UNASKED, SPEEDS_UNASKED = 6, 2
RESULTS_SHOWN = 6
REFRESH_SECONDS = 2


def show(view: View) -> None:
    """One panel a subject; train and validation of all shown runs together."""
    if view.runs.empty:
        st.title("Curves")
        ask_for_runs(view, "show_chart", "Show runs in the run list to see how they learned.")
        return
    every = REFRESH_SECONDS if (view.runs["status"] == "RUNNING").any() else None
    st.fragment(partial(_draw, view), run_every=every)()


def _draw(view: View) -> None:
    """The page, drawn anew while a run goes on; the script around it only when one ends."""
    source = watch.fresh(view.source)
    if list(run_lists.runs_by_id(source, view.run_ids)["status"]) != list(view.runs["status"]):
        st.rerun()
    view = replace(view, source=source)
    subjects = panels.subjects(view)
    once = panels.logged_once(view)
    options, chosen, results = _controls(view, subjects, once)
    if not subjects and not once:
        html.empty("show_chart", "The shown runs have logged no metric.", "")
        return
    shown = {name: subjects[name] for name in chosen if name in subjects}
    panels.grid(view, shown, "curves", options, [key for key in results if key in once])


def _controls(
    view: View, subjects: panels.Subjects, once: list[str]
) -> tuple[panels.Options, list[str], list[str]]:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Curves", width="stretch")
        st.caption(_count(view), width="content")
        axis = st.segmented_control(
            "X axis",
            list(AXES),
            default="Step",
            required=True,
            label_visibility="collapsed",
            key="axis",
            bind="query-params",
            width="content",
        )
        smoothing = _select("Smoothing", list(SMOOTHING), "smooth", index=2)
        spread = _select("Groups", list(SPREADS), "spread")
        log = st.toggle("log", key="log", bind="query-params")
        with st.popover("Panels", icon=":material/dashboard_customize:"):
            chosen = _metrics(subjects)
            results = st.multiselect(
                "Logged once",
                once,
                default=once[:RESULTS_SHOWN],
                placeholder="Choose metrics",
                key="once",
                bind="query-params",
            )
            against = _against(subjects)
            log_x = st.toggle("Logarithmic x axis", key="logx", bind="query-params")
            is_wide = st.toggle("First panel wide", key="wide", bind="query-params")
    options = panels.Options(
        axis=AXES[axis or "Step"],
        smoothing=SMOOTHING[smoothing],
        spread=SPREADS[spread],
        log=bool(log),
        log_x=bool(log_x),
        against=against,
        has_wide_first=bool(is_wide),
    )
    return options, chosen, results


def _select(label: str, options: list[str], key: str, index: int = 0) -> str:
    chosen = st.selectbox(
        label,
        options,
        index,
        label_visibility="collapsed",
        key=key,
        bind="query-params",
        width=140,
    )
    return chosen or options[index]


def _metrics(subjects: panels.Subjects) -> list[str]:
    speeds = [name for name in subjects if panels.is_speed(name)]
    default = panels.first_choice(subjects, SHOWN_UNASKED)
    return st.multiselect(
        "Metrics",
        list(subjects),
        default=default + (speeds if len(speeds) <= SPEEDS_UNASKED else []),
        placeholder="Choose metrics",
        key="metrics",
        bind="query-params",
    )


def _against(subjects: panels.Subjects) -> str:
    keys = [key for names in subjects.values() for key in names]
    chosen = st.selectbox(
        "Against a metric",
        keys,
        None,
        placeholder="The x axis above",
        key="against",
        bind="query-params",
    )
    return chosen or ""


def _count(view: View) -> str:
    runs = f"{len(view.runs)} run" + ("" if len(view.runs) == 1 else "s")
    groups = view.runs["group"].dropna().nunique()
    return f"{runs} in {groups} group" + ("" if groups == 1 else "s") if groups else runs
