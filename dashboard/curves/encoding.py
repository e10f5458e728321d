"""The bytes in which panels travel to the browser.

They are the length of a JSON head, the head, and float32 columns that the head's lines name by
number: as JSON alone, twelve runs would take four times as long to write and to read.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.curves import marks, markup, results
from dashboard.curves.drawn import drawn
from dashboard.curves.payload import Panel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dashboard.curves.drawn import Drawn
    from dashboard.curves.payload import Line, Look, Member, Results, Section

Json = dict[str, Any]
NOT_FINITE = {"NaN": math.nan, "∞": math.inf, "-∞": -math.inf}
# Where a logarithmic axis of times begins, as a part of its end.
LEAST_PART = 1e-4


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
    plots = [panel for panel in shown if isinstance(panel, Panel) and not panel.against]
    extent = _extent(plots)
    if look.log_x and extent[0] <= 0 < extent[1]:
        extent[0] = 1.0 if look.axis == "step" and extent[1] > 1 else extent[1] * LEAST_PART
    known = marks.entries(runs, groups)
    head = {
        "html": markup.page(sections, look.legend),
        "panels": [
            _panel(panel, runs, known, look, extent, columns)
            if isinstance(panel, Panel)
            else _results(panel, *results.table(panel, runs, groups, look.spread))
            for panel in shown
        ],
        "entries": known,
        "axis": look.axis,
        "zoom": look.zoom,
        "columns": columns.places,
    }
    text = json.dumps(head, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *columns.pieces])


def _extent(panels: Iterable[Panel]) -> list[float]:
    """The ends of the x axis of these panels."""
    lines = [line for panel in panels for line in panel.lines]
    places = [x for line in lines for x in (line.x, line.odd.x if line.odd else line.x) if len(x)]
    low = min((float(x.min()) for x in places), default=0.0)
    high = max((float(x.max()) for x in places), default=1.0)
    return [low, high] if low < high else [low - 0.5, low + 0.5]


def _panel(
    panel: Panel,
    runs: Mapping[str, Member],
    known: Json,
    look: Look,
    extent: list[float],
    columns: _Columns,
) -> Json:
    lines = drawn(panel, runs, look)
    before, after = (f"{escape(panel.against)} ", "") if panel.against else marks.AROUND[look.axis]
    return {
        "name": panel.name,
        "title": escape(panel.name),
        "label": marks.sentence(panel, runs, look.axis),
        "html": marks.inside(panel, lines, known, look),
        "parts": list(panel.parts),
        "better": panel.better,
        "log": panel.log,
        "log_x": look.log_x and not panel.against and extent[0] > 0,
        "pairs": bool(panel.against),
        "axis": "" if panel.against else look.axis,
        # Panels with the same word here share their range of x.
        "range": panel.name if panel.against else "",
        "before": before,
        "after": after,
        "width": look.width if look.axis == "step" and not panel.against else 1,
        "extent": _extent([panel]) if panel.against else extent,
        "lines": [_line(one, columns) for one in lines],
    }


def _results(panel: Results, table: str, note: str) -> Json:
    return {"name": panel.name, "html": marks.around(panel, note) | {".values": table}, "lines": []}


def _line(one: Drawn, columns: _Columns) -> Json:
    line = _with_odd(one.line)
    values = {"x": line.x, "y": line.y}
    if line.band:
        values |= {"low": line.band[0], "high": line.band[1]}
    named = {name: columns.add(of) for name, of in values.items()}
    found: Json = {"of": one.key, "role": one.role, "quiet": one.is_quiet, "part": line.part}
    return found | {"columns": named} | ({"best": list(line.best)} if line.best else {})


def _with_odd(line: Line) -> Line:
    """A line with its values that are not finite among the others."""
    if not line.odd or not len(line.odd.x):
        return line
    values = np.array([NOT_FINITE[kind] for kind in line.odd.kinds])
    x = np.concatenate([line.x, line.odd.x])
    order = np.argsort(x, kind="stable")
    x, y = x[order], np.concatenate([line.y, values])[order]
    if not line.band or not len(line.x):
        return replace(line, x=x, y=y)
    low, high = (np.interp(x, line.x, side) for side in line.band)
    return replace(line, x=x, y=y, band=(low, high))


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
