"""The lines of a panel: read thinned, placed on the chosen axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard import metrics
from dashboard.curves.payload import Best, Line, Odd
from dashboard.queries import histories

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dashboard.curves.payload import Axis
    from dashboard.queries.histories import Buckets, History, Spot, Sums
    from dashboard.source import Source

    Numbers = NDArray[np.float64]

# By which part of the data models are judged, the first one that there is.
JUDGED_BY = ("validation", "test", "train", "")
BUCKETS = 256
SHORT_RUN_BUCKETS = 100
# Of so many lines at most, the least and the greatest value of each bucket are drawn.
BANDS_SHOWN = 6
MILLISECONDS = 1_000
PERCENT = 100.0
Spans = dict[tuple[str, str], histories.Span]


@dataclass(frozen=True)
class Frame:
    """What all lines of a view have in common.

    Args:
        source: The database's state.
        spans: How far the metrics of the runs reach.
        started: Run id to start, in ms since the epoch.
        axis: What x is.
        zoom: The range of x that is looked at: lines have more points there; None for all of it.
        buckets: Into how many the longest line is thinned, at most; half as many at least.
    """

    source: Source
    spans: Spans
    started: dict[str, int]
    axis: Axis = "step"
    zoom: Sequence[float] | None = None
    buckets: int = BUCKETS

    def width(self, keys: Iterable[str]) -> int:
        """Of the buckets of these metrics' lines, in steps.

        A power of two, and buckets start at its multiples: lines side by side have their points at
        the same places, and a line that grows keeps its buckets until it has grown to the double.
        """
        wanted = set(keys)
        reaches = [
            span for (_, key), span in self.spans.items() if key in wanted and span.has_steps
        ]
        if not reaches:
            return 1
        return self.bucket_width(
            max(at.last for at in reaches) - min(at.first for at in reaches) + 1
        )

    def shown_width(self, keys: Iterable[str]) -> int:
        """Of the buckets that are looked at, in steps."""
        usual = self.width(keys)
        if self.zoom is None or self.axis != "step":
            return usual
        return min(usual, self.bucket_width(int(self.zoom[1] - self.zoom[0]) + 1))

    def reach(self, run_id: str) -> tuple[int, int]:
        """The first and the last step of a run, over all its metrics."""
        own = [span for (run, _), span in self.spans.items() if run == run_id and span.has_steps]
        return min(span.first for span in own), max(span.last for span in own)

    def bucket_width(self, length: int) -> int:
        """Of buckets into which a length is to be divided: a power of two."""
        return 1 << (-(-length // self.buckets) - 1).bit_length()

    def wanted(self, run_id: str, key: str, shared: int) -> History:
        """The history to read for a line, with narrower buckets where a short run were a dot."""
        span = self.spans[run_id, key]
        if not span.has_steps:
            begun, ended = histories.times(self.source, run_id, key)
            width = self.bucket_width(ended - begun + 1)
            return histories.History(run_id, key, begun - begun % width, width, by_time=True)
        length = span.last - span.first
        narrow = 1 << max(0, (length // SHORT_RUN_BUCKETS).bit_length() - 1)
        width = min(shared, narrow)
        return histories.History(run_id, key, span.first - span.first % width, width)


@dataclass(frozen=True)
class _Places:
    """Where the points of a history are on the axis.

    Args:
        frame: Has the axis.
        wanted: The history.
        found: Its buckets.
    """

    frame: Frame
    wanted: History
    found: Buckets

    def of(self, buckets: Sums, wanted: History | None = None) -> Numbers:
        """The places of buckets, of the history's own by default."""
        return self._at(_steps(buckets, wanted or self.wanted), buckets.time)

    def at(self, step: Sequence[int], time: Sequence[int]) -> Numbers:
        """The places of points: their steps and times (ms since the epoch)."""
        steps, times = np.array(step, dtype="float64"), np.array(time, dtype="float64")
        if self.wanted.by_time and len(self.found.sums.bucket):
            buckets = self.found.sums
            steps = np.interp(times, buckets.time, _steps(buckets, self.wanted))
        return self._at(steps, times)

    def _at(self, step: Numbers, time: Numbers) -> Numbers:
        axis, run_id = self.frame.axis, self.wanted.run_id
        if axis == "relative":
            return (time - self.frame.started[run_id]) / MILLISECONDS
        if axis == "wall":
            return time / MILLISECONDS
        if axis == "step":
            return step
        first, last = (
            (0, self.found.points - 1) if self.wanted.by_time else self.frame.reach(run_id)
        )
        return PERCENT * (step - first) / max(1, last - first)


def read(frame: Frame, run_ids: Sequence[str], keys: Sequence[str]) -> list[Line]:
    """One line for each of the runs that logged one of these metrics.

    A run that was resumed has a second one of what its later attempt logged again.

    Args:
        frame: What all lines have in common.
        run_ids: The runs.
        keys: Metrics of one subject.
    """
    present = [(run, key) for run in run_ids for key in keys if (run, key) in frame.spans]
    shared, judged = frame.width(keys), judged_part({key for _, key in present})
    wanted = [frame.wanted(run_id, key, shared) for run_id, key in present]
    found: list[Line] = []
    for one, buckets in zip(wanted, histories.read(frame.source, wanted), strict=True):
        part = metrics.split_part(one.key)[1] or missing_part(keys)
        better = metrics.better(one.key) if part == judged else ""
        spot = histories.best(frame.source, one, buckets, better) if better else None
        places = _Places(frame, one, buckets)
        found += _lines(places, part, spot, is_banded=len(present) <= BANDS_SHOWN)
    return found


def judged_part(keys: Iterable[str]) -> str:
    """The part of the data by which the best point is chosen."""
    named = list(keys)
    present = {metrics.split_part(key)[1] or missing_part(named) for key in named}
    return next((part for part in JUDGED_BY if part in present), "")


def missing_part(keys: Iterable[str]) -> str:
    """What a metric without a part is of: 'train' beside one of validation or test, else ''."""
    return "train" if {metrics.split_part(key)[1] for key in keys} & {"validation", "test"} else ""


def _lines(places: _Places, part: str, spot: Spot | None, *, is_banded: bool) -> Iterable[Line]:
    run_id, found = places.wanted.run_id, places.found
    if found.superseded is not None:
        older = found.superseded
        yield Line(run_id, part, places.of(older), older.mean, is_superseded=True)
    x, buckets = _in_detail(places)
    yield Line(
        run_id,
        part,
        x,
        buckets.mean,
        (buckets.low, buckets.high) if is_banded and places.wanted.width > 1 else None,
        _best(places, spot) if spot else None,
        _odd(places) if len(found.odd) else None,
    )


def _in_detail(places: _Places) -> tuple[Numbers, Sums]:
    """Places and buckets; narrower ones where a zoom shows less than half of them."""
    wanted, buckets, frame = places.wanted, places.found.sums, places.frame
    x = places.of(buckets)
    if frame.zoom is None or wanted.width == 1 or wanted.by_time or not len(x):
        return x, buckets
    first = max(0, int(np.searchsorted(x, frame.zoom[0])) - 1)
    end = min(len(x), int(np.searchsorted(x, frame.zoom[1], side="right")) + 1)
    if end - first > len(x) // 2:
        return x, buckets
    start = wanted.low + int(buckets.bucket[first]) * wanted.width
    until = wanted.low + int(buckets.bucket[end - 1] + 1) * wanted.width - 1
    narrow = replace(wanted, low=start, width=frame.bucket_width(until - start + 1))
    inner = histories.detail(frame.source, narrow, until, places.found)
    inner_x = places.of(inner, narrow)
    joined = [
        np.concatenate([outer[:first], detail, outer[end:]])
        for outer, detail in zip((x, *buckets), (inner_x, *inner), strict=True)
    ]
    return joined[0], histories.Sums(*joined[1:])


def _steps(buckets: Sums, wanted: History) -> Numbers:
    """The middle of each bucket; the points' own numbers where they were logged without steps."""
    if wanted.by_time:
        return np.floor(np.cumsum(buckets.points) - (buckets.points + 1) / 2)
    return buckets.bucket * wanted.width + wanted.low + (wanted.width - 1) / 2


def _best(places: _Places, spot: Spot) -> Best:
    return Best(float(places.at([spot.step], [spot.timestamp])[0]), spot.value)


def _odd(places: _Places) -> Odd:
    """Where values were NaN or infinite."""
    odd = places.found.odd
    x = places.at([mark.step for mark in odd], [mark.timestamp for mark in odd])
    order = np.argsort(x, kind="stable")
    return Odd(x[order], [odd[index].kind for index in order])
