"""Metrics that runs logged once: bars from zero, dots where zero is far off, strips of many runs.

`data-ids` names the runs that a row or a mark stands for; the browser lifts and hides them.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from tracker import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.curves.payload import Member, Results, Spread

# Up to so many runs have a row each; more are dots, a row a group.
FEW = 12
KINDS = {
    "bar": "bars from 0",
    "dot": "dots, as the axis does not start at 0",
    "strip": "one dot a run, tick = mean",
}
TICKS = 4


@dataclass(frozen=True)
class _Row:
    """One row of results: a run, or a group of runs."""

    label: str
    color: str
    is_group: bool
    run_ids: Sequence[str]
    values: Sequence[float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


def table(
    panel: Results, runs: Mapping[str, Member], groups: Mapping[str, Member], spread: Spread
) -> tuple[str, str]:
    """A table of a metric that runs logged once, with bars, dots or strips; and a note on it.

    Args:
        panel: The metric's values.
        runs: By id.
        groups: By key.
        spread: How groups are drawn.
    """
    rows = _rows(panel, runs, groups, spread)
    rows.sort(key=lambda row: row.mean if panel.better == "less" else -row.mean)
    scale = _Scale.of(rows)
    body = "".join(_row(row, scale) for row in rows)
    ticks = "" if scale.kind == "bar" else _axis(scale)
    better = f"{panel.better} is better" if panel.better else ""
    note = " · ".join(filter(None, ["logged once", KINDS[scale.kind], better]))
    name = escape(panel.name)
    return f'<table class="results" aria-label="{name}"><tbody>{body}{ticks}</tbody></table>', note


def _rows(
    panel: Results, runs: Mapping[str, Member], groups: Mapping[str, Member], spread: Spread
) -> list[_Row]:
    many = len(panel.values) > FEW
    found: dict[str, list[tuple[str, float]]] = {}
    for run_id, value in panel.values:
        group = "" if spread == "runs" else runs[run_id].group
        found.setdefault(group or ("" if many else run_id), []).append((run_id, value))
    rows = []
    for key, members in found.items():
        ids, values = zip(*members, strict=True)
        one = runs[ids[0]]
        shown = groups.get(key) if len(ids) > 1 else one
        label, color = (shown.label, shown.color) if shown else ("runs", one.color)
        rows.append(_Row(label, color, len(ids) > 1, ids, values))
    return rows


@dataclass(frozen=True)
class _Scale:
    """Where values stand, in percent of the width."""

    kind: str
    low: float
    high: float

    @classmethod
    def of(cls, rows: Sequence[_Row]) -> _Scale:
        values = [value for row in rows for value in row.values]
        kind = "strip" if len(values) > FEW else ""
        ends = [] if kind else [row.mean + sign * row.std for row in rows for sign in (-1, 1)]
        least, most = min(values), max([*values, *ends])
        kind = kind or ("bar" if 0 <= least < most / 2 else "dot")
        if kind == "bar":
            return cls(kind, 0.0, most or 1.0)
        room = (most - least) * 0.06 or abs(most) / 10 or 0.5
        return cls(kind, min([least, *ends]) - room, most + room)

    def at(self, value: float) -> float:
        return 100 * (max(self.low, value) - self.low) / (self.high - self.low)


def _row(row: _Row, scale: _Scale) -> str:
    color, place = row.color, scale.at(row.mean)
    ids, label = escape(" ".join(row.run_ids)), escape(row.label)
    if scale.kind == "strip":
        marks = "".join(
            f'<span class="dot faint" data-ids="{escape(run_id)}" style="background:{color};'
            f'left:{scale.at(value):.2f}%;top:{22 + number * 37 % 56}%"></span>'
            for number, (run_id, value) in enumerate(zip(row.run_ids, row.values, strict=True))
        )
        marks += f'<span class="tick" style="left:{place:.2f}%;background:{color}"></span>'
        marks += f'<span class="mean" style="left:{place:.2f}%">{text.number(row.mean)}</span>'
    elif scale.kind == "bar":
        marks = f'<span class="bar" style="width:{place:.2f}%;background:{color}"></span>'
    else:
        square = " group" * row.is_group
        marks = f'<span class="dot{square}" style="left:{place:.2f}%;background:{color}"></span>'
    cells = ""
    if scale.kind != "strip":
        spread = f"±{text.number(row.std)}" if row.std else ""
        cells = f'<td>{text.number(row.mean)}</td><td class="spread">{spread}</td>'
        if row.std:
            start, end = scale.at(row.mean - row.std), scale.at(row.mean + row.std)
            marks += (
                f'<span class="error" style="left:{start:.2f}%;width:{end - start:.2f}%"></span>'
            )
    return (
        f'<tr data-ids="{ids}"><th scope="row" title="{label}">{label}</th>'
        f'<td class="track {scale.kind}"><div>{marks}</div></td>{cells}</tr>'
    )


def _axis(scale: _Scale) -> str:
    raw = (scale.high - scale.low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    ticks = "".join(
        f'<span style="left:{scale.at(n * step):.2f}%">{n * step:.{decimals}f}</span>'
        for n in range(first, last + 1)
    )
    cells = f'<td></td><td class="track"><div>{ticks}</div></td>'
    return f'<tr class="axis" aria-hidden="true">{cells}</tr>'
