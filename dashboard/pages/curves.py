"""Training curves: how the selected runs learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import charts, literal, metrics, queries
from dashboard.formats import MILLISECONDS_PER_SECOND

if TYPE_CHECKING:
    from dashboard.view import View

AXES: dict[str, queries.Axis] = {"Step": "step", "Relative": "relative", "Wall time": "wall"}
X_TITLES = {"step": "step", "relative": "seconds since the start", "wall": "time"}
STROKES = {"train": "dashed", "validation": "solid", "test": "dotted"}
MAX_PANELS = 6
MIN_WIDTH = 2


def show(view: View) -> None:
    """One chart a subject; train and validation of all selected runs together."""
    st.title("Training curves")
    if view.runs.empty:
        literal.empty("📈", "Choose runs in the sidebar to see how they learnt.")
        return
    panels = _panels(view)
    if not panels:
        literal.empty("📈", "The selected runs have logged no metric with more than one step.")
        return
    chosen, axis, log = _controls(panels)
    _legend(view, {key: panels[key] for key in chosen})
    slots = st.columns(2) if len(chosen) > 1 else [st.container()]
    for index, subject in enumerate(chosen):
        with slots[index % len(slots)], st.container(border=True):
            _panel(view, subject, panels[subject], axis, log=log)


def _panels(view: View) -> dict[str, list[str]]:
    """Metrics with a history, by subject, the telling ones first."""
    latest = queries.latest_of(view.source, view.run_ids)
    keys = {
        str(key)
        for run_id, key in zip(latest["run_id"], latest["key"], strict=True)
        if queries.extent(view.source, run_id, key).points > 1
    }
    order = sorted(keys, key=lambda key: ("second" in key, metrics.better(key) != "less", key))
    return metrics.panels(order)


def _controls(panels: dict[str, list[str]]) -> tuple[list[str], queries.Axis, bool]:
    left, middle, right = st.columns([6, 4, 2], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Metrics",
        list(panels),
        default=list(panels)[:MAX_PANELS],
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
    st.markdown(f"**{literal.code_span(subject, 60)}**")
    series = _series(view, keys, axis)
    if log:
        series = [line for line in series if bool((line.points["low"] > 0).any())]
    if not series:
        st.caption("Nothing to draw: no finite value" + (" above zero." if log else "."))
        return
    style = charts.CurveStyle(
        title="",
        x_title=X_TITLES[axis],
        log=log,
        time=axis == "wall",
        better=metrics.better(keys[0]),
    )
    chart = charts.curves(series, style, _marked(view, keys, axis))
    st.altair_chart(chart, key=f"curve-{subject}")


def _series(view: View, keys: list[str], axis: queries.Axis) -> list[charts.Series]:
    spans = {
        (run_id, key): queries.extent(view.source, run_id, key)
        for run_id in view.run_ids
        for key in keys
    }
    spans = {pair: span for pair, span in spans.items() if span.points > 0}
    low, width = _buckets(view, spans, axis)
    found = []
    for run_id, key in spans:
        origin = view.started[run_id]
        state = queries.stamp(view.source, run_id)
        wanted = queries.History(run_id, key, state, axis, low, width, origin)
        points = queries.history(view.source, wanted)
        if not points.empty:
            found.append(_line(view, run_id, key, _placed(points, axis, low, width)))
    return found


def _buckets(
    view: View, spans: dict[tuple[str, str], queries.Extent], axis: queries.Axis
) -> tuple[int, int]:
    """Where the buckets start and how wide they are, the same for all lines of a chart."""
    if axis == "step":
        low = min(span.first_step for span in spans.values())
        high = max(span.last_step for span in spans.values())
    elif axis == "wall":
        low = min(span.begun for span in spans.values())
        high = max(span.ended for span in spans.values())
    else:
        low = 0
        high = max(span.ended - view.started[run_id] for (run_id, _), span in spans.items())
    return low, max(1, -(-(high - low + 1) // queries.BUCKETS))


def _placed(points: pd.DataFrame, axis: queries.Axis, low: int, width: int) -> pd.DataFrame:
    """The points with x in the chart's unit; buckets of one step keep that step exactly."""
    points = points.copy()
    middle = points["bucket"] * width + low + (width - 1) / 2
    if axis == "step":
        points["x"] = middle.astype("float64")
    elif axis == "relative":
        points["x"] = points["x"] / MILLISECONDS_PER_SECOND
    else:
        points["x"] = pd.to_datetime(points["x"].astype("int64"), unit="ms", utc=True)
    return points


def _line(view: View, run_id: str, key: str, points: pd.DataFrame) -> charts.Series:
    part = metrics.split_part(key)[1]
    label = view.labels[run_id] + (f" · {part}" if part else "")
    return charts.Series(run_id, label, view.colours[run_id], part, points)


def _marked(view: View, keys: list[str], axis: queries.Axis) -> pd.DataFrame:
    pieces = []
    for run_id in view.run_ids:
        for key in keys:
            found = queries.nonfinite(view.source, run_id, key)
            found = found.assign(run=run_id, label=f"{view.labels[run_id]} · {key}")
            if axis == "step":
                found["x"] = found["step"].astype("float64")
            elif axis == "relative":
                begun = view.started[run_id]
                found["x"] = (found["timestamp"] - begun) / MILLISECONDS_PER_SECOND
            else:
                found["x"] = pd.to_datetime(found["timestamp"], unit="ms", utc=True)
            pieces.append(found[["x", "kind", "run", "label"]])
    return pd.concat([piece for piece in pieces if not piece.empty] or pieces[:1])
