"""The lines of a chart of curves: read thinned, placed on the chosen axis, coloured by run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import metrics
from dashboard.curve_chart import Series
from dashboard.formats import MILLISECONDS_PER_SECOND
from dashboard.queries import histories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

SHORT_RUN_POINTS = 100
X_TITLES = {"step": "step", "relative": "seconds since the start", "wall": "time"}


def read(view: View, keys: Sequence[str], axis: histories.Axis) -> list[Series]:
    """One line for each selected run that logged one of these metrics."""
    spans = {
        (run_id, key): histories.extent(view.source, run_id, key)
        for run_id in view.run_ids
        for key in keys
    }
    spans = {pair: span for pair, span in spans.items() if span.points > 0}
    low, shared = _buckets(view, spans, axis)
    found = []
    for (run_id, key), span in spans.items():
        width = _width(span, axis, shared)
        origin = view.started[run_id]
        state = histories.stamp(view.source, run_id)
        wanted = histories.History(run_id, key, state, axis, low, width, origin)
        points = histories.history(view.source, wanted)
        if not points.empty:
            found.append(_line(view, run_id, key, _placed(points, axis, low, width)))
    return found


def _width(span: histories.Extent, axis: histories.Axis, shared: int) -> int:
    """Of a bucket: the chart's, or a narrower one where a short run would be a dot."""
    own = span.last_step - span.first_step if axis == "step" else span.ended - span.begun
    return max(1, min(shared, own // SHORT_RUN_POINTS))


def _buckets(
    view: View, spans: dict[tuple[str, str], histories.Extent], axis: histories.Axis
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
    return low, max(1, -(-(high - low + 1) // histories.BUCKETS))


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
            found = histories.nonfinite(view.source, run_id, key)
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
