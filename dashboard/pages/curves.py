"""Training curves: how the selected runs learnt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import curve_chart, files, lines, literal, metrics, queries, vector_image
from dashboard.source import open_source

if TYPE_CHECKING:
    from dashboard.view import View

AXES: dict[str, queries.Axis] = {"Step": "step", "Relative": "relative", "Wall time": "wall"}
STROKES = {"train": "dashed", "validation": "solid", "test": "dotted"}
MAX_PANELS = 6
PANELS_A_ROW = 2
REFRESH_SECONDS = 2


def show(view: View) -> None:
    """One chart a subject; train and validation of all selected runs together."""
    st.title("Training curves")
    if view.runs.empty:
        literal.empty("show_chart", "Choose runs in the sidebar to see how they learnt.")
        return
    panels = _panels(view)
    if not panels:
        literal.empty(
            "show_chart", "The selected runs have logged no metric with more than one step."
        )
        return
    chosen, axis, log = _controls(panels)
    _legend(view, {key: panels[key] for key in chosen})
    every = REFRESH_SECONDS if (view.runs["status"] == "RUNNING").any() else None
    draw = partial(_panels_of, view, {key: panels[key] for key in chosen}, axis, log=log)
    st.fragment(draw, run_every=every)()


def _panels_of(view: View, panels: dict[str, list[str]], axis: queries.Axis, *, log: bool) -> None:
    """The charts, drawn anew while a run goes on; the script around them does not run again."""
    now = replace(view, source=open_source(Path(view.source.path)))
    subjects = list(panels)
    for first in range(0, len(subjects), PANELS_A_ROW):
        row = subjects[first : first + PANELS_A_ROW]
        slots = st.columns(PANELS_A_ROW) if len(subjects) > 1 else [st.container()]
        for slot, subject in zip(slots, row, strict=False):
            with slot, st.container(border=True):
                _panel(now, subject, panels[subject], axis, log=log)


def _panels(view: View) -> dict[str, list[str]]:
    """Metrics with a history, by subject, the telling ones first."""
    latest = queries.latest_of(view.source, view.run_ids)
    keys = {
        str(key)
        for run_id, key in zip(latest["run_id"], latest["key"], strict=True)
        if queries.extent(view.source, run_id, key).points > 1
    }
    order = sorted(keys, key=metrics.by_interest)
    return metrics.panels(order)


def _controls(panels: dict[str, list[str]]) -> tuple[list[str], queries.Axis, bool]:
    left, middle, right = st.columns([6, 4, 2], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Metrics",
        list(panels),
        default=[name for name in panels if "second" not in name][:MAX_PANELS],
        key="metrics",
        bind="query-params",
    )
    axis = middle.segmented_control(
        "Horizontal axis",
        list(AXES),
        default="Step",
        required=True,
        key="axis",
        bind="query-params",
    )
    log = right.toggle("Log scale", key="log", bind="query-params")
    return chosen, AXES[axis or "Step"], bool(log)


def _legend(view: View, panels: dict[str, list[str]]) -> None:
    parts = {metrics.split_part(key)[1] for keys in panels.values() for key in keys} - {""}
    literal.legend(
        list(zip(view.runs["label"], view.runs["colour"], strict=True)),
        [(part, STROKES[part]) for part in STROKES if part in parts and len(parts) > 1],
    )


def _panel(view: View, subject: str, keys: list[str], axis: queries.Axis, *, log: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{literal.code_span(subject, 60)}**", width="stretch")
        st.link_button("CSV", files.points_url(view.run_ids, keys), type="tertiary")
        vector_image.button(f"{subject}.svg", f"svg-{subject}")
    series = lines.read(view, keys, axis)
    if log:
        series = [line for line in series if bool((line.points["low"] > 0).any())]
    if not series:
        st.caption("Nothing to draw: no finite value" + (" above zero." if log else "."))
        return
    style = curve_chart.Style(
        x_title=lines.X_TITLES[axis],
        log=log,
        time=axis == "wall",
        better=metrics.better(keys[0]),
    )
    drawing = curve_chart.draw(series, style, lines.marked(view, keys, axis))
    st.vega_lite_chart(spec=drawing.as_spec(), width="stretch", key=f"curve-{subject}")
