"""The bytes in which panels travel to the browser.

They are the length of a JSON head, the head, and float32 columns that the head's lines name by
number: as JSON alone, twelve runs would take four times as long to write and to read.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.curves import markup, results
from dashboard.curves.drawn import GROUP, drawn
from dashboard.curves.payload import Panel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dashboard.curves.drawn import Drawn
    from dashboard.curves.payload import Axis, Look, Member, Results, Section

Json = dict[str, Any]
TITLES: dict[Axis, str] = {
    "step": "step",
    "relative": "time since the start",
    "wall": "time",
    "share": "share of training",
}
# Of more runs than this in a panel, the one that is pointed at is drawn in the color of text.
MANY = 10
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
    head = {
        "html": markup.page(sections, look.legend),
        "panels": [
            _panel(panel, runs, look, extent, columns)
            if isinstance(panel, Panel)
            else _results(panel, *results.table(panel, runs, groups, look.spread))
            for panel in shown
        ],
        "entries": _entries(runs, groups),
        "axis": look.axis,
        "spread": look.spread,
        "zoom": look.zoom,
        "columns": columns.places,
    }
    text = json.dumps(head, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *columns.pieces])


def _entries(runs: Mapping[str, Member], groups: Mapping[str, Member]) -> Json:
    """What a line may stand for, by key: a run, or a group with its runs."""
    found = {
        key: {"label": run.label, "color": run.color, "ids": [key]} for key, run in runs.items()
    }
    for key, group in groups.items():
        ids = [run_id for run_id, run in runs.items() if run.group == key]
        found[GROUP + key] = {"label": group.label, "color": group.color, "ids": ids}
    return found


def _extent(panels: Iterable[Panel]) -> list[float]:
    """The ends of the x axis of these panels."""
    lines = [line for panel in panels for line in panel.lines]
    places = [x for line in lines for x in (line.x, line.odd.x if line.odd else line.x) if len(x)]
    low = min((float(x.min()) for x in places), default=0.0)
    high = max((float(x.max()) for x in places), default=1.0)
    return [low, high] if low < high else [low - 0.5, low + 0.5]


def _panel(
    panel: Panel, runs: Mapping[str, Member], look: Look, extent: list[float], columns: _Columns
) -> Json:
    return {
        "name": panel.name,
        "note": panel.note,
        "label": markup.sentence(panel, runs, look.axis),
        "parts": list(panel.parts),
        "better": panel.better,
        "log": panel.log,
        "log_x": look.log_x and not panel.against and extent[0] > 0,
        "csv": panel.csv,
        "pairs": bool(panel.against),
        "axis": "" if panel.against else look.axis,
        "title": panel.against or TITLES[look.axis],
        "width": look.width,
        "many": len({line.run_id for line in panel.lines}) > MANY,
        "extent": _extent([panel]) if panel.against else extent,
        "lines": [_line(one, columns) for one in drawn(panel, runs, look)],
    }


def _results(panel: Results, table: str, note: str) -> Json:
    known = {"name": panel.name, "note": note, "csv": panel.csv}
    return known | {"table": table, "lines": []}


def _line(one: Drawn, columns: _Columns) -> Json:
    line = one.line
    found: Json = {"of": one.key, "role": one.role, "quiet": one.is_quiet, "part": line.part}
    found |= {"x": columns.add(line.x), "y": columns.add(line.y)}
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
