"""The table that a chart of curves is drawn from: a row a line, a row a place where lines are read.

A line travels as the text of its path, one for each level of smoothing, in its own units: "x y x y
…". The browser scales it as a whole when the axes change, and finds a value in it by its number.
As a row a point it would cost the browser seconds: it works out every point of every line anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from dashboard import metrics, smoothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

# By which part of the data models are judged, the first one that there is.
JUDGED_BY = ("validation", "test", "train", "")
POINTS_SHOWN = 30
STRIP_FROM = 60
BANDS_SHOWN = 6
# Twelve runs side by side in time have some 1,500 buckets between them.
MAX_CELLS = 2_000
# Values that differ by less than this part of themselves are written without what they share.
NARROW = 1e-3
# Streamlit's "Show data" begins with these.
READABLE = ["label", "part", "best", "best_x", "x", "low", "high"]


class Points(NamedTuple):
    """The points of a line by bucket, ordered by start.

    Args:
        start: Where the bucket starts.
        x: Where its point is drawn.
        low: The least value in it.
        high: The greatest value in it.
        smooth: The mean, smoothed: (LEVELS, N).
    """

    start: Numbers
    x: Numbers
    low: Numbers
    high: Numbers
    smooth: Numbers


class Odd(NamedTuple):
    """Where a line's values were not finite: the buckets' starts, the places, what was logged."""

    start: Numbers
    x: Numbers
    kinds: list[str]


class Best(NamedTuple):
    """The best value of a line, where it was logged, and where that bucket starts."""

    start: float
    x: float
    value: float


class Density(NamedTuple):
    """How many points there are.

    Args:
        is_dense: Too many for dots: lines are smoothed instead.
        is_long: Enough of them for a strip to zoom by.
    """

    is_dense: bool
    is_long: bool


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        run_id: Whose it is.
        label: The run's.
        colour: Hexadecimal.
        part: 'train', 'validation', 'test' or ''.
        points: What is drawn.
        stride: The width of a bucket.
        odd: What has no place on the vertical axis.
        best: None where no end of the axis is better.
    """

    run_id: str
    label: str
    colour: str
    part: str
    points: Points
    stride: float
    odd: Odd
    best: Best | None = None


class _Origin(NamedTuple):
    """What is taken off the numbers of all paths: the browser draws with seven digits."""

    x: float
    y: float


def density(series: Sequence[Series]) -> Density:
    """How many points the longest line has."""
    longest = max(len(line.points.x) for line in series)
    return Density(longest > POINTS_SHOWN, longest >= STRIP_FROM)


def table(series: Sequence[Series], *, log: bool) -> pd.DataFrame:
    """Everything that is drawn.

    Args:
        series: At least one, with at least one point between them.
        log: Whether the vertical axis is logarithmic: paths are then in powers of ten.
    """
    dense = density(series).is_dense
    banded = dense and len(series) <= BANDS_SHOWN
    series = [_in_powers_of_ten(line) for line in series] if log else series
    cells = _cells(series, banded=banded, log=log)
    starts = cells["start"].to_numpy()
    origin = _Origin(float(starts[0]), _shared(cells))
    lines = pd.DataFrame(_lines(series, starts, origin, dense=dense, banded=banded, log=log))
    odd = pd.DataFrame([row for line in series for row in _odd_marks(line, starts)])
    found = pd.concat([lines, cells, odd], ignore_index=True)
    return found[[*READABLE, *found.columns.difference(READABLE, sort=False)]]


def _in_powers_of_ten(line: Series) -> Series:
    """A line without what is not above zero; what a band has below that is cut off."""
    kept = line.points.smooth[0] > 0
    start, x, low, high, mean = (
        values[kept] for values in (*line.points[:4], line.points.smooth[0])
    )
    low = np.where(low > 0, low, np.min(low[low > 0], initial=np.inf))
    low, high, mean = np.log10(np.minimum(low, mean)), np.log10(high), np.log10(mean)
    return replace(line, points=Points(start, x, low, high, smoothing.levels(mean)))


def _cells(series: Sequence[Series], *, banded: bool, log: bool) -> pd.DataFrame:
    """Where lines are read: start, end, until (the next one's start), x, low, high.

    low and high hold what is drawn there, bands and best points included.
    """
    pieces = [piece for line in series for piece in _bounds(line, banded=banded, log=log)]
    start, x, low, high, stride = (np.concatenate(column) for column in zip(*pieces, strict=True))
    starts, first, which = np.unique(start, return_index=True, return_inverse=True)
    lows, highs, strides = (np.full(len(starts), value) for value in (np.inf, -np.inf, np.inf))
    np.fmin.at(lows, which, low)
    np.fmax.at(highs, which, high)
    np.minimum.at(strides, which, stride)
    cells = pd.DataFrame(
        {
            "kind": "cell",
            "start": starts,
            "end": starts + strides,
            "x": x[first],
            "low": np.where(np.isfinite(lows), lows, np.nan),
            "high": np.where(np.isfinite(highs), highs, np.nan),
        }
    )
    cells = cells.iloc[:: -(-len(cells) // MAX_CELLS)].reset_index(drop=True)
    cells["until"] = cells["start"].shift(-1).fillna(cells["end"])
    return cells.reset_index(names="index")


def _bounds(line: Series, *, banded: bool, log: bool) -> Iterator[tuple[Numbers, ...]]:
    """Of buckets: start, x, the least and the greatest value drawn, stride."""
    points, odd, best = line.points, line.odd, line.best
    low, high = points.smooth.min(axis=0), points.smooth.max(axis=0)
    if banded:
        low, high = np.minimum(low, points.low), np.maximum(high, points.high)
    yield points.start, points.x, low, high, np.full_like(points.x, line.stride)
    nothing = np.full_like(odd.x, np.nan)
    yield odd.start, odd.x, nothing, nothing, np.full_like(odd.x, line.stride)
    if best:
        height = _height(best, log=log)
        y = np.nan if height is None else np.log10(height) if log else height
        yield tuple(np.array([value]) for value in (best.start, best.x, y, y, line.stride))


def _height(best: Best | None, *, log: bool) -> float | None:
    """Where a best value is on the vertical axis."""
    return best.value if best and (best.value > 0 or not log) else None


def _shared(cells: pd.DataFrame) -> float:
    low, high = cells["low"].min(), cells["high"].max()
    return float(low) if high - low < NARROW * max(abs(low), abs(high)) else 0.0


def _lines(
    series: Sequence[Series],
    cells: Numbers,
    origin: _Origin,
    *,
    dense: bool,
    banded: bool,
    log: bool,
) -> Iterator[dict[str, Any]]:
    parts = [part for part in JUDGED_BY if part in {line.part for line in series}]
    strokes = metrics.strokes(parts)
    runs = {run_id: number for number, run_id in enumerate({line.run_id: 0 for line in series})}
    for line, (column, leads) in zip(series, _columns(series, parts), strict=True):
        yield {
            "kind": "line",
            "run": runs[line.run_id],
            "label": line.label,
            "colour": line.colour,
            "part": line.part,
            "stroke": strokes[line.part],
            "column": column,
            "lead": leads,
            "x0": origin.x,
            "y0": origin.y,
            **_paths(line.points, origin, dense=dense, banded=banded),
            **_readings(line, cells),
            "best_y": _height(line.best, log=log),
        }


def _columns(series: Sequence[Series], parts: Sequence[str]) -> list[tuple[int, bool]]:
    """In which column each line is read, -1 for none; whether its run is ranked by it."""
    taken: dict[str, list[int]] = {}
    found = []
    for line in series:
        column = parts.index(line.part)
        own = taken.setdefault(line.run_id, [])
        found.append(-1 if column in own else column)
        own.append(column)
    return [
        (column, column == min(taken[line.run_id]))
        for line, column in zip(series, found, strict=True)
    ]


def _paths(points: Points, origin: _Origin, *, dense: bool, banded: bool) -> dict[str, str | None]:
    x = points.x - origin.x
    smooth = points.smooth if dense else points.smooth[:1]
    paths = [_path(x, values - origin.y) for values in smooth]
    found: dict[str, str | None] = {f"s{level}": path for level, path in enumerate(paths)}
    if len(x) == 1 or not dense:
        numbers = paths[0].split()
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        # A line of no length with round ends is a dot, whatever the path is scaled by.
        found["dots"] = "".join(f"M{x} {y}l0 0" for x, y in pairs)
    if banded and len(x):
        there = _path(x, points.low - origin.y)
        back = _path(x[::-1], points.high[::-1] - origin.y)
        found["band"] = f"M{there}L{back}Z"
    return found


def _path(x: Numbers, y: Numbers) -> str:
    """Points as text; one format for all of them is four times as fast as one for each."""
    numbers = np.column_stack((x, y)).ravel().tolist()
    return ("%.9g %.6g " * len(x) % tuple(numbers)).rstrip()


def _readings(line: Series, cells: Numbers) -> dict[str, Any]:
    """Which of the line's points is read in each cell, and what was not finite there.

    Between its own points a line keeps its last value; after its end it has none.
    """
    points, odd, best = line.points.start, line.odd.start, line.best
    last, last_odd = _before(points, cells), _before(odd, cells)
    ended = max([*points[-1:], *odd[-1:]], default=-np.inf) + line.stride <= cells
    number_at, odd_at = np.append(points, -np.inf)[last], np.append(odd, -np.inf)[last_odd]
    value = np.where(ended | (number_at < odd_at), -1, last)
    kind = np.where(ended | (odd_at < number_at), -1, last_odd)
    kinds = [*line.odd.kinds, ""]
    return {
        "at": " ".join(str(index) if index >= 0 else "" for index in value.tolist()),
        "odd": " ".join(kinds[index] for index in kind.tolist()) if odd.size else None,
        "best": best.value if best else None,
        "best_x": best.x if best else None,
        "best_cell": int(_before(cells, np.array([best.start]))[0]) if best else None,
    }


def _odd_marks(line: Series, cells: Numbers) -> list[dict[str, Any]]:
    """The marks of values that are not finite, one a cell."""
    places = dict(zip(_before(cells, line.odd.start).tolist(), line.odd.x.tolist(), strict=True))
    return [{"kind": "odd", "x": x, "colour": line.colour} for x in places.values()]


def _before(starts: Numbers, places: Numbers) -> NDArray[np.int64]:
    """For each place the last start up to it; -1 before the first."""
    return np.searchsorted(starts, places, side="right").astype("int64") - 1
