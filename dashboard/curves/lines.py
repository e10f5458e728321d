"""The lines of a chart of curves: read thinned, placed on the chosen axis, coloured by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dashboard import metrics
from dashboard.curves.table import JUDGED_BY, POINTS_SHOWN, Best, Odd, Points, Series
from dashboard.formats import MILLISECONDS_PER_SECOND
from dashboard.queries import histories, outlines
from dashboard.smoothing import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.view import View

BUCKETS = 256
SHORT_RUN_BUCKETS = 100
X_TITLES = {"step": "step", "relative": "seconds since the start", "wall": "time"}
SMOOTH = [f"s{level}" for level in range(LEVELS)]
Spans = dict[tuple[str, str], outlines.Extent]


class Curves(NamedTuple):
    """The lines of one chart, the axis they are on, and what there is to say about that."""

    series: list[Series]
    axis: histories.Axis
    note: str


def read(view: View, keys: Sequence[str], axis: histories.Axis, buckets: int = BUCKETS) -> Curves:
    """One line for each selected run that logged one of these metrics.

    Args:
        view: The runs.
        keys: Metrics of one subject.
        axis: The wanted axis; another one where nothing has a place on it.
        buckets: Into how many a chart is thinned, at most; half as many at least.
    """
    spans = _spans(view, keys)
    axis, note = _drawable(view, spans, axis)
    reaches = {line: _reach(span, axis, view.started[line[0]]) for line, span in spans.items()}
    shared = _shared_width(list(reaches.values()), buckets)
    judged = _judged({key for _, key in spans})
    found = []
    for (run_id, key), (first, last) in reaches.items():
        width = _own_width(last - first, shared)
        wanted = histories.History(
            run_id, key, axis, first - first % width, width, view.started[run_id]
        )
        better = metrics.better(key) if metrics.split_part(key)[1] == judged else ""
        found.append(_line(view, wanted, better))
    return Curves([line for line in found if line.points.x.size], axis, note)


def have_many_points(view: View, keys: Iterable[str]) -> bool:
    """Whether any line of these metrics may be long enough for smoothing."""
    return any(
        outlines.extent(view.source, run_id, key).points > POINTS_SHOWN
        for key in keys
        for run_id in view.run_ids
    )


def have_odd_values(view: View, keys: Iterable[str]) -> bool:
    """Whether any value of these metrics is not finite."""
    return any(
        len(outlines.nonfinite(view.source, run_id, key)) > 0
        for key in keys
        for run_id in view.run_ids
    )


def _spans(view: View, keys: Sequence[str]) -> Spans:
    found = {
        (run_id, key): outlines.extent(view.source, run_id, key)
        for run_id in view.run_ids
        for key in keys
    }
    return {line: span for line, span in found.items() if span.points > 0}


def _drawable(view: View, spans: Spans, axis: histories.Axis) -> tuple[histories.Axis, str]:
    """The axis to draw on: without steps a history has no course over them.

    Takes out of the spans what has no place on the axis that others do have a place on.
    """
    without = [line for line, span in spans.items() if _has_no_steps(span)]
    if axis != "step" or not without:
        return axis, ""
    if len(without) == len(spans):
        return "relative", "Logged without steps: drawn over time."
    for line in without:
        del spans[line]
    names = ", ".join(dict.fromkeys(view.labels[run_id] for run_id, _ in without))
    return axis, f"Logged without steps, to be seen over relative time: {names}."


def _has_no_steps(span: outlines.Extent) -> bool:
    return span.points > 1 and span.first_step == span.last_step == 0


def _judged(keys: Iterable[str]) -> str:
    """The part of the data by which the best point is chosen."""
    present = {metrics.split_part(key)[1] for key in keys}
    return next((part for part in JUDGED_BY if part in present), "")


def _reach(span: outlines.Extent, axis: histories.Axis, origin: int) -> tuple[int, int]:
    """The first and the last position on the axis."""
    if axis == "step":
        return span.first_step, span.last_step
    shift = origin if axis == "relative" else 0
    return span.begun - shift, span.ended - shift


def _shared_width(reaches: Sequence[tuple[int, int]], buckets: int) -> int:
    """Of the buckets of a chart, which are half of `buckets` at least.

    A power of two, and the buckets start at multiples of it: lines side by side have their points
    at the same places, and a line that grows keeps its buckets until it has grown to the double.
    """
    if not reaches:
        return 1
    length = max(last for _, last in reaches) - min(first for first, _ in reaches) + 1
    return 1 << (-(-length // buckets) - 1).bit_length()


def _own_width(length: int, shared: int) -> int:
    """Of a line's buckets: the chart's, or a narrower one where a short run would be a dot."""
    narrow = 1 << max(0, (length // SHORT_RUN_BUCKETS).bit_length() - 1)
    return min(shared, narrow)


def _line(view: View, wanted: histories.History, better: str) -> Series:
    """The points of one history, in the chart's unit."""
    unit = MILLISECONDS_PER_SECOND if wanted.axis == "relative" else 1
    found = histories.history(view.source, wanted)
    start = found["bucket"].to_numpy("float64") * wanted.width + wanted.low
    # Buckets of one step keep that step exactly.
    x = start + (wanted.width - 1) / 2 if wanted.axis == "step" else found["x"].to_numpy()
    best = histories.best(view.source, wanted, found, better) if better else None
    return Series(
        wanted.run_id,
        view.labels[wanted.run_id],
        view.colors[wanted.run_id],
        metrics.split_part(wanted.key)[1],
        Points(
            start / unit,
            x / unit,
            found["low"].to_numpy(),
            found["high"].to_numpy(),
            found[SMOOTH].to_numpy().T,
        ),
        wanted.width / unit,
        _odd(view, wanted, unit),
        _best(wanted, best, unit) if best else None,
    )


def _best(wanted: histories.History, spot: histories.Spot, unit: int) -> Best:
    place = wanted.place(spot.step, spot.timestamp)
    return Best(wanted.start(place) / unit, place / unit, spot.value)


def _odd(view: View, wanted: histories.History, unit: int) -> Odd:
    """Where values were NaN or infinite."""
    found = outlines.nonfinite(view.source, wanted.run_id, wanted.key)
    place = wanted.place(found["step"].to_numpy(), found["timestamp"].to_numpy())
    order = np.argsort(place, kind="stable")
    place = place[order]
    start = wanted.start(place)
    kinds = list(found["kind"].iloc[order]) if len(order) else []
    return Odd(start / unit, place / unit, kinds)
