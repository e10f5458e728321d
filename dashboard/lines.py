"""The lines of a chart of curves: read thinned, placed on the chosen axis, coloured by run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import metrics
from dashboard.curve_chart import Series
from dashboard.formats import MILLISECONDS_PER_SECOND
from dashboard.queries import histories, outlines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

BUCKETS = 400
SHORT_RUN_BUCKETS = 100
X_TITLES = {"step": "step", "relative": "seconds since the start", "wall": "time"}


def read(view: View, keys: Sequence[str], axis: histories.Axis) -> list[Series]:
    """One line for each selected run that logged one of these metrics."""
    reaches = {}
    for run_id in view.run_ids:
        for key in keys:
            span = outlines.extent(view.source, run_id, key)
            if span.points > 0:
                reaches[run_id, key] = _reach(span, axis, view.started[run_id])
    shared = _shared_width(list(reaches.values()))
    found = []
    for (run_id, key), (first, last) in reaches.items():
        width = _own_width(last - first, shared)
        low = first - first % width
        wanted = histories.History(run_id, key, axis, low, width, view.started[run_id])
        points = histories.history(view.source, wanted)
        if not points.empty:
            found.append(_line(view, run_id, key, _placed(points, axis, low, width)))
    return found


def _reach(span: outlines.Extent, axis: histories.Axis, origin: int) -> tuple[int, int]:
    """The first and the last position on the axis."""
    if axis == "step":
        return span.first_step, span.last_step
    shift = origin if axis == "relative" else 0
    return span.begun - shift, span.ended - shift


def _shared_width(reaches: Sequence[tuple[int, int]]) -> int:
    """Of the buckets of a chart, 200 to 400 of them.

    A power of two, and the buckets start at multiples of it: lines side by side have their points
    at the same places, and a line that grows keeps its buckets until it has grown to the double.
    """
    if not reaches:
        return 1
    length = max(last for _, last in reaches) - min(first for first, _ in reaches) + 1
    return 1 << (-(-length // BUCKETS) - 1).bit_length()


def _own_width(length: int, shared: int) -> int:
    """Of a line's buckets: the chart's, or a narrower one where a short run would be a dot."""
    narrow = 1 << max(0, (length // SHORT_RUN_BUCKETS).bit_length() - 1)
    return min(shared, narrow)


def _placed(points: pd.DataFrame, axis: histories.Axis, low: int, width: int) -> pd.DataFrame:
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


def _line(view: View, run_id: str, key: str, points: pd.DataFrame) -> Series:
    part = metrics.split_part(key)[1]
    label = view.labels[run_id] + (f" · {part}" if part else "")
    return Series(run_id, label, view.colours[run_id], part, points)


def marked(view: View, keys: Sequence[str], axis: histories.Axis) -> pd.DataFrame:
    """Where these metrics were NaN or infinite: x, kind, run, label."""
    pieces = []
    for run_id in view.run_ids:
        for key in keys:
            found = outlines.nonfinite(view.source, run_id, key)
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
