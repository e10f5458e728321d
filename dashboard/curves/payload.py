"""What the browser draws panels of curves from, and the bytes in which it travels.

The bytes are the length of a JSON head, the head, and float32 columns that the head's lines name by
number: as JSON alone, twelve runs would take four times as long to write and to read.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from dashboard.curves import markup, results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Numbers = "NDArray[np.float64]"
# What x is: a step, seconds since the run's start, seconds since the epoch, percent of the run.
Axis = Literal["step", "relative", "wall", "share"]
# How runs of one group are drawn: mean and standard deviation, the mean, or each run by itself.
Spread = Literal["std", "mean", "runs"]
Json = dict[str, Any]


class Best(NamedTuple):
    """The best value of a line, and where it was logged."""

    x: float
    y: float


class Odd(NamedTuple):
    """Where values were not finite, in ascending order, and what they were ('NaN', '∞', '-∞')."""

    x: NDArray[np.float64]
    kinds: list[str]


@dataclass(frozen=True)
class Line:
    """One metric of one run.

    Args:
        run_id: The run.
        part: Of the data: 'train', 'validation', 'test' or ''.
        x: Places on the axis, ascending.
        y: The value at each place.
        band: The least and the greatest values there; None to draw no band.
        best: None where no end of the axis is better.
        odd: Values without a place on the y axis.
        is_superseded: Whether a later attempt logged these steps again.
    """

    run_id: str
    part: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    band: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    best: Best | None = None
    odd: Odd | None = None
    is_superseded: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot.

    Args:
        name: Its subject.
        note: Beside the name, such as the metrics' names.
        lines: What it shows.
        parts: Of the data, the one that models are judged by first.
        better: 'less', 'more' or '': which values are read out first.
        log: Whether y is logarithmic.
        csv: Where all points are offered.
        is_wide: Whether it takes a row of its own.
        against: The metric on the x axis, where it is none of the shared axes.
    """

    name: str
    note: str
    lines: Sequence[Line]
    parts: Sequence[str] = ("",)
    better: str = ""
    log: bool = False
    csv: str = ""
    is_wide: bool = False
    against: str = ""


@dataclass(frozen=True)
class Results:
    """A metric that runs logged once: bars, dots or strips.

    Args:
        name: The metric.
        values: Run id and value.
        better: 'less', 'more' or ''.
        csv: Where all points are offered.
    """

    name: str
    values: Sequence[tuple[str, float]]
    better: str = ""
    csv: str = ""


@dataclass(frozen=True)
class Section:
    """Panels under a title that folds them; those under an empty title are always seen."""

    title: str
    note: str
    panels: Sequence[Panel | Results]


@dataclass(frozen=True)
class Member:
    """How a run, or a group of runs, is shown.

    Args:
        label: Its name.
        color: Hexadecimal.
        group: The key of a run's group, if it has one.
    """

    label: str
    color: str
    group: str = ""


@dataclass(frozen=True)
class Look:
    """What all panels share.

    Args:
        axis: What x is.
        width: Of one bucket in steps; values between are thinned to it.
        smoothing: The part of a line that its exponential mean goes over, in [0, 1).
        spread: How groups are drawn.
        log_x: Whether x is logarithmic, where it is no clock.
        zoom: What the browser said of its zoom: {'x': [from, to], 'y': {panel: [from, to]}}.
        legend: Sign ('line', 'thin', 'band', 'dot', 'mark') and meaning.
    """

    axis: Axis = "step"
    width: int = 1
    smoothing: float = 0.0
    spread: Spread = "std"
    log_x: bool = False
    zoom: Json | None = None
    legend: Sequence[tuple[str, str]] = ()


TITLES: dict[Axis, str] = {
    "step": "step",
    "relative": "time since the start",
    "wall": "time",
    "share": "share of training",
}


def encoded(
    sections: Sequence[Section],
    runs: Mapping[str, Member],
    groups: Mapping[str, Member],
    look: Look,
) -> bytes:
    """Everything that a grid of panels needs.

    Args:
        sections: At least one panel between them.
        runs: By id, at least those of the lines.
        groups: By key, at least those of the runs.
        look: What all panels share.
    """
    columns = _Columns()
    shown = [panel for section in sections for panel in section.panels]
    head = {
        "html": markup.page(sections, look.legend),
        "panels": [
            _panel(panel, columns) | {"label": markup.sentence(panel, runs, look.axis)}
            if isinstance(panel, Panel)
            else _results(panel, *results.table(panel, runs, groups, look.spread))
            for panel in shown
        ],
        "runs": {key: vars(run) for key, run in runs.items()},
        "groups": {key: vars(group) for key, group in groups.items()},
        **vars(look),
        "title": TITLES[look.axis],
        "columns": columns.places,
    }
    text = json.dumps(head, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *columns.pieces])


def _panel(panel: Panel, columns: _Columns) -> Json:
    return {
        "name": panel.name,
        "note": panel.note,
        "parts": list(panel.parts),
        "better": panel.better,
        "log": panel.log,
        "csv": panel.csv,
        "wide": panel.is_wide,
        "pairs": bool(panel.against),
        "title": panel.against or None,
        "lines": [_line(line, columns) for line in panel.lines],
    }


def _results(panel: Results, table: str, note: str) -> Json:
    known = {"name": panel.name, "note": note, "csv": panel.csv}
    return known | {"table": table, "lines": []}


def _line(line: Line, columns: _Columns) -> Json:
    found: Json = {"run": line.run_id, "part": line.part}
    found |= {"x": columns.add(line.x), "y": columns.add(line.y), "old": line.is_superseded}
    if line.band:
        found |= {"low": columns.add(line.band[0]), "high": columns.add(line.band[1])}
    if line.best:
        found["best"] = list(line.best)
    if line.odd and len(line.odd.x):
        found |= {"odd": columns.add(line.odd.x), "kinds": line.odd.kinds}
    return found


@dataclass
class _Columns:
    """Float32 columns, each kept once.

    Args:
        places: Of each column: where it starts, its length, and what was taken off its numbers,
            for a float32 has seven digits.
        pieces: The columns' bytes.
    """

    places: list[tuple[int, int, float]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    _known: dict[tuple[bytes, float], int] = field(default_factory=dict)
    _length: int = 0

    def add(self, values: NDArray[np.float64]) -> int:
        """The number of the column with these values."""
        finite = values[np.isfinite(values)]
        origin = float(finite[0]) if finite.size else 0.0
        piece = (values - origin).astype("<f4").tobytes()
        number = self._known.setdefault((piece, origin), len(self.places))
        if number == len(self.places):
            self.places.append((self._length, len(values), origin))
            self.pieces.append(piece)
            self._length += len(values)
        return number
