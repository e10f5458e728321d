"""What panels of curves show: marks of lines, values as a table, notes, what is said of them.

The browser puts this markup where a panel has the part of that name, and the paths into the marks:
see shapes in plot.js. `data-ids` names the runs that an element stands for.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.curves.drawn import GROUP
from tracker import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dashboard.curves.drawn import Drawn
    from dashboard.curves.payload import Axis, Look, Member, Panel, Results

    Entries = Mapping[str, Any]

AXES: dict[Axis, str] = {
    "step": "step",
    "relative": "time since the start",
    "wall": "time",
    "share": "training",
}
# Of more runs than this in a panel, the one that is pointed at is drawn in the color of text.
MANY = 10
# Outliers are cut where they are farther from the usual values than so many times their range.
CUT = 2.0
COLUMNS = ("run", "part", "last", "best", "at")


def entries(runs: Mapping[str, Member], groups: Mapping[str, Member]) -> dict[str, Any]:
    """What a line may stand for, by key: a run, or a group with its runs; names are escaped."""
    found = {
        key: {"name": escape(run.label), "color": run.color, "ids": [key]}
        for key, run in runs.items()
    }
    for key, group in groups.items():
        ids = [run_id for run_id, run in runs.items() if run.group == key]
        found[GROUP + key] = {"name": escape(group.label), "color": group.color, "ids": ids}
    return found


def around(panel: Panel | Results, note: str, *, is_cut: bool = False) -> dict[str, str]:
    """A panel's note and its link to all points, by the class of the part where they stand."""
    cut = '<span class="cut">cut at the 99th percentile</span>' if is_cut else ""
    link = f'<a href="{escape(panel.csv)}" download>All points (CSV)</a>'
    return {
        ".note": f'<span title="{escape(note)}">{escape(note)}</span>{cut}',
        ".csv": link,
    }


def inside(
    panel: Panel, lines: Sequence[Drawn], known: Entries, look: Look, usual: object
) -> dict[str, str]:
    """The lines of a panel, its values, its note and its link, by the class of the part.

    Args:
        panel: The panel.
        lines: What is drawn in it.
        known: See `entries`.
        look: What all panels share.
        usual: See `usual`.
    """
    many = " many" * (len({line.run_id for line in panel.lines}) > MANY)
    drawn = "".join(_line(one, known[one.key], many, look) for one in lines)
    values = _values(panel, lines, known, look.axis)
    return around(panel, panel.note, is_cut=bool(usual)) | {".lines": drawn, ".values": values}


def _line(one: Drawn, entry: Entries, many: str, look: Look) -> str:
    marks = "".join(f'<path class="{mark}"/>' for mark in _marks(one, look))
    alone = " single" * (len(one.line.x) == 1)
    return (
        f'<g class="{one.role}{" quiet" * one.is_quiet}{many}{alone}"'
        f' data-ids="{escape(" ".join(entry["ids"]))}"'
        f' style="--color:{entry["color"]}">{marks}</g>'
    )


def _marks(one: Drawn, look: Look) -> Iterator[str]:
    line, is_first = one.line, not one.is_quiet
    is_banded = one.role != "member" and (one.role != "mean" or look.spread == "std")
    if line.band and is_first and is_banded:
        yield "band"
    yield "trace"
    if line.best and is_first:
        yield "best ring"
        yield "best"
    if line.odd and len(line.odd.x):
        yield "odd"


def _values(panel: Panel, lines: Sequence[Drawn], known: Entries, axis: Axis) -> str:
    """The last and the best value of each line."""
    head = "".join(f'<th scope="col">{title}</th>' for title in COLUMNS)
    rows = []
    for line, key, role, _ in lines:
        if role == "old":
            continue
        name, color = known[key]["name"], known[key]["color"]
        last = text.number(line.y[-1] if len(line.y) else None)
        best = text.number(line.best.y if line.best else None)
        at = _place(panel, axis, line.best.x) if line.best else text.MISSING
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (line.part, last, best, at))
        sign = f'<i class="{role}" style="background:{color}"></i>'
        rows.append(f'<tr><td title="{name}">{sign}{name}</td>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def usual(panel: Panel, lines: Sequence[Drawn]) -> list[float] | None:
    """The first and the 99th percentile of y, where there are values far outside of them."""
    shown = [one.line for one in lines if one.role != "member" or not one.is_quiet]
    values = [part for line in shown for part in (line.y, *(line.band or ()))]
    y = np.concatenate(values) if values else np.empty(0)
    y = y[np.isfinite(y) & (y > 0)] if panel.log else y[np.isfinite(y)]
    if not len(y):
        return None
    unit = np.log10(y) if panel.log else y
    least, low, high, most = np.percentile(unit, [0, 1, 99, 100], method="nearest")
    if not max(most - high, low - least) > CUT * (high - low) > 0:
        return None
    return [10**low, 10**high] if panel.log else [float(low), float(high)]


def sentence(panel: Panel, runs: Mapping[str, Member], axis: Axis) -> str:
    """A panel for who cannot see it: what over what, of how many runs, and the best."""
    count = len({line.run_id for line in panel.lines})
    said = f"{panel.name} over {panel.against or AXES[axis]}: {text.plural(count, 'run')}"
    found = [
        (line.best.y, line.best.x, line.run_id)
        for line in panel.lines
        if line.best and not line.is_superseded
    ]
    if not found:
        return said
    y, x, run_id = (min if panel.better == "less" else max)(found)
    return f"{said}; best {text.number(y)}, {runs[run_id].label}, {_place(panel, axis, x)}"


def _place(panel: Panel, axis: Axis, x: float) -> str:
    if panel.against:
        return f"{panel.against} {text.number(x)}"
    if axis == "relative":
        return text.duration(x)
    if axis == "wall":
        return text.local_time(int(1000 * x))
    return f"{x:.3g} % of training" if axis == "share" else f"step {text.number(round(x))}"
