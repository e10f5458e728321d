"""Timings -> medians, ratios, a table and JSON."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tracker_bench.rows import BEFORE, IMPORT_BOUND_SECONDS, OURS, PEERS, RAW, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tracker_bench.measure import Timing


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table with the timings of its columns, one a repeat."""

    row: Row
    timings: Mapping[str, Sequence[Timing]]

    def wall(self, column: str) -> float:
        """Median seconds for one operation."""
        return median(timing.wall for timing in self.timings[column])

    def ratio(self, above: str, below: str, figure: str = "wall") -> float | None:
        """How many times as long one takes as another.

        The median over the repeats of the quotient of two neighbors in time, so that what
        disturbs the machine for a while disturbs both.
        """
        if above not in self.timings or below not in self.timings:
            return None
        pairs = zip(self.timings[above], self.timings[below], strict=False)
        return median(getattr(a, figure) / max(getattr(b, figure), 1e-9) for a, b in pairs)

    def quantiles(self, column: str) -> dict[str, float]:
        """Median over the repeats of each quantile of what the caller waited."""
        found = [timing.calls for timing in self.timings[column] if timing.calls]
        return {name: median(calls[name] for calls in found) for name in found[0]} if found else {}

    def cpu(self, column: str) -> float:
        """Median seconds of CPU for one operation."""
        return median(timing.cpu for timing in self.timings[column])

    def summary(self) -> str:
        """One line for those who wait."""
        return f"{self.row.name}: " + ", ".join(
            f"{column} {_text(self.wall(column))}" for column in self.timings
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "row": self.row.name,
            "work": self.row.work,
            "unit": self.row.unit,
            "seconds": {
                column: {
                    "median": self.wall(column),
                    "wall": [timing.wall for timing in timings],
                    "cpu": [timing.cpu for timing in timings],
                }
                for column, timings in self.timings.items()
            },
            "times_raw": self.ratio(OURS, RAW),
            "times_raw_cpu": self.ratio(OURS, RAW, "cpu"),
            "times_raw_at_most": self.row.raw_bound,
            "times_raw_cpu_at_most": self.row.cpu_bound,
            "calls": {
                column: self.quantiles(column) for column in self.timings if self.quantiles(column)
            },
            "faster_than": {
                peer: self.ratio(peer, OURS) for peer in (BEFORE, *PEERS) if peer in self.timings
            },
            "faster_than_mlflow_at_least": self.row.mlflow_bound,
        }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def table(results: Iterable[Result]) -> str:
    """The figures for one operation as a Markdown table."""
    results = list(results)
    peers = [peer for peer in (BEFORE, *PEERS) if any(peer in result.timings for result in results)]
    head = ["work", "a", OURS, RAW, "× raw", "(CPU)", "at most"]
    for peer in peers:
        head += [peer, "× faster"] + (["at least"] if peer == "mlflow" else [])
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    lines += [_line(result, peers) for result in results]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def calls_table(results: Iterable[Result]) -> str:
    """What a caller waits and what a call costs in all, as a Markdown table."""
    lines = [["work", "", "p50", "p99", "p99.9", "CPU", "× raw", "at most"]]
    lines.append(["---", "---", *["---:"] * 6])
    for result in results:
        for column in result.timings:
            if calls := result.quantiles(column):
                ratio = result.ratio(column, RAW, "cpu")
                cells = [result.row.work, column, *map(_text, calls.values())]
                cells += [_text(result.cpu(column)), _number(ratio)]
                cells.append(_number(result.row.cpu_bound) if column == OURS else "")
                lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(result: Result, peers: Iterable[str]) -> list[str]:
    row = result.row
    cells = [row.work, row.unit, _seconds(result, OURS), _seconds(result, RAW)]
    cells += [_number(result.ratio(OURS, RAW)), _number(result.ratio(OURS, RAW, "cpu"))]
    cells.append(_number(row.raw_bound) if row.raw_bound else _text(IMPORT_BOUND_SECONDS))
    for peer in peers:
        cells += [
            _seconds(result, peer),
            _number(result.ratio(peer, OURS), 2 if peer == BEFORE else 0),
        ]
        cells += [f"{row.mlflow_bound:g}"] if peer == "mlflow" else []
    return cells


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _seconds(result: Result, column: str) -> str:
    return _text(result.wall(column)) if column in result.timings else ""


def _text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
