"""What panels of curves show: marks of lines, values as a table, notes, what is said of them.

The browser puts this markup where a panel has the part of that name, and the paths into the marks:
see shapes in plot.js. `data-ids` names the runs that an element stands for.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from dashboard.curves.drawn import GROUP
from tracker import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dashboard.curves.drawn import Drawn
    from dashboard.curves.payload import Axis, Look, Member, Panel, Results

    Json = Mapping[str, Any]

AXES: dict[Axis, str] = {
    "step": "step",
    "relative": "time since the start",
    "wall": "time",
    "share": "training",
}
# What is said before and after a place on an axis.
AROUND: dict[Axis, tuple[str, str]] = {
    "step": ("step ", ""),
    "relative": ("", ""),
    "wall": ("", ""),
    "share": ("", " of training"),
}
# Of more runs than this in a panel, the one that is pointed at is drawn in the color of text.
MANY = 10
# Seen where the browser cuts outliers.
NOTE_ON_CUT = "cut at the 99th percentile"
COLUMNS = ("run", "part", "last", "best", "at")


def entries(runs: Mapping[str, Member], groups: Mapping[str, Member]) -> dict[str, Any]:
    """What a line may stand for, by key: a run, or a group with its runs; names are escaped."""
    found = {
        key: {"name": escape(run.label), "color": escape(run.color), "ids": [key]}
        for key, run in runs.items()
    }
    for key, group in groups.items():
        ids = [run_id for run_id, run in runs.items() if run.group == key]
        found[GROUP + key] = {"name": escape(group.label), "color": escape(group.color), "ids": ids}
    return found


def around(panel: Panel | Results, note: str) -> dict[str, str]:
    """A panel's note and its link to all points, by the class of the part where they stand."""
    said = f'<span title="{escape(note)}">{escape(note)}</span>'
    link = f'<a href="{escape(panel.csv)}" download>All points (CSV)</a>'
    return {".note": f'{said}<span class="cut">{NOTE_ON_CUT}</span>', ".csv": link}


def inside(panel: Panel, lines: Sequence[Drawn], known: Json, look: Look) -> dict[str, str]:
    """The lines of a panel, its values, its note and its link, by the class of the part.

    Args:
        panel: The panel.
        lines: What is drawn in it.
        known: See `entries`.
        look: What all panels share.
    """
    many = " many" * (len({line.run_id for line in panel.lines}) > MANY)
    drawn = "".join(_line(n, one, known[one.key], many, look) for n, one in enumerate(lines))
    return around(panel, panel.note) | {".lines": drawn, ".values": _values(lines, known)}


def _line(number: int, one: Drawn, entry: Json, many: str, look: Look) -> str:
    marks = "".join(f'<path class="{mark}"/>' for mark in _marks(one, look))
    alone = " single" * (len(one.line.x) == 1)
    return (
        f'<g data-n="{number}" class="{one.role}{" quiet" * one.is_quiet}{many}{alone}"'
        f" {_ids(entry)}"
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


def _ids(entry: Json) -> str:
    return f'data-ids="{escape(" ".join(entry["ids"]))}"'


def _values(lines: Sequence[Drawn], known: Json) -> str:
    """The last and the best value of each line; the browser writes where the best one is."""
    head = "".join(f'<th scope="col">{title}</th>' for title in COLUMNS)
    rows = []
    for line, key, role, _ in lines:
        if role == "old":
            continue
        name, color = known[key]["name"], known[key]["color"]
        last = text.number(line.y[-1] if len(line.y) else None)
        best = text.number(line.best.y if line.best else None)
        at = f'<td data-at="{line.best.x}"></td>' if line.best else f"<td>{text.MISSING}</td>"
        sign = f'<i class="{role}" style="background:{color}"></i>'
        cells = f"<td>{escape(line.part)}</td><td>{last}</td><td>{best}</td>{at}"
        rows.append(f'<tr {_ids(known[key])}><td title="{name}">{sign}{name}</td>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


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
    return f"{said}; best {text.number(y)}, {runs[run_id].label}, {_place(axis, x)}"


def _place(axis: Axis, x: float) -> str:
    before, after = AROUND[axis]
    if axis == "relative":
        said = text.duration(x)
    elif axis == "wall":
        said = text.local_time(int(1000 * x))
    else:
        said = f"{x:.3g} %" if axis == "share" else text.number(round(x))
    return before + said + after
