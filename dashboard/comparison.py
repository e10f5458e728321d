"""Shown runs and groups side by side: results against a baseline, and parameters that differ.

Up to eight are columns; more of them are rows, with a bar for each result.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dashboard import metrics
from dashboard.widgets.grid import Cell, Column, Row
from tracker.text import MISSING, number, numbers, plural, short_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dashboard.view import View

MOST_COLUMNS = 8
COLUMN_WIDTH = 172
LONGEST = 60
# A group's values are all named, up to so many; longer numbers are cut.
MOST_NAMED, LONG_NUMBER = 4, 8
# The arrow of a difference: solid where it is better, hollow where it is worse.
ARROWS = {(True, True): "▲", (True, False): "△", (False, True): "▼", (False, False): "▽"}


@dataclass(frozen=True)
class Entry:
    """A run, or a group of runs, that is compared.

    Args:
        key: A run's id, or a group's key.
        label: What it is called.
        color: Hexadecimal.
        run_ids: The shown runs it stands for.
    """

    key: str
    label: str
    color: str
    run_ids: tuple[str, ...]

    @property
    def is_group(self) -> bool:
        """Whether it stands for several runs."""
        return len(self.run_ids) > 1


@dataclass(frozen=True)
class Result:
    """A metric of an entry: the mean of its runs' last values, and their sample deviation."""

    mean: float
    deviation: float | None


def entries(view: View) -> list[Entry]:
    """The shown runs, those of a group as one; the baseline's first."""
    members: dict[str, list[str]] = {}
    titles: dict[str, tuple[str, str]] = {}
    columns = (view.runs[name] for name in ("run_id", "label", "color", "group", "group_label"))
    for run_id, label, color, group, group_label in zip(*columns, strict=True):
        key = str(group or run_id)
        members.setdefault(key, []).append(run_id)
        titles[key] = (str(group_label or label), color)
    labels = view.labels
    found = [
        Entry(key, labels[ids[0]] if len(ids) == 1 else titles[key][0], titles[key][1], tuple(ids))
        for key, ids in members.items()
    ]
    return sorted(found, key=lambda entry: view.state.baseline not in entry.run_ids)


def with_runs(found: Sequence[Entry], run_ids: Iterable[str]) -> list[Entry]:
    """The first entry, and those that have one of these runs."""
    kept = set(run_ids)
    return [e for place, e in enumerate(found) if not place or not kept.isdisjoint(e.run_ids)]


class Comparison:
    """What stands in the grid.

    Args:
        view: What is shown.
        names: Words that a metric's or parameter's name must hold; empty for all.
        shown: What is compared, the baseline first; all entries of the view by default.
    """

    def __init__(self, view: View, names: str = "", shown: Sequence[Entry] | None = None) -> None:
        self.entries = entries(view) if shown is None else list(shown)
        self._runs = view.listing.runs
        self._words = names.lower().split()
        self.metrics = self._wanted(
            key
            for key in self._runs.metric_keys
            if any(key in self._runs.latest.get(run_id, {}) for run_id in view.run_ids)
        )
        params = {key for i in view.run_ids for key in self._runs.facts.params.get(i, {})}
        keys = self._wanted(sorted(params))
        differing = {key for key in keys if self._differs(key)}
        # Those that most entries have come first.
        self.differing = sorted(differing, key=lambda key: (self.params(key).count(MISSING), key))
        self.agreeing = [key for key in keys if key not in differing]

    def _wanted(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if all(word in key.lower() for word in self._words)]

    def _differs(self, key: str) -> bool:
        """Whether entries that have parameters differ in one."""
        known = self._runs.facts.params
        told = zip(self.entries, self.params(key), strict=True)
        return len({text for entry, text in told if any(i in known for i in entry.run_ids)}) > 1

    def params(self, key: str) -> list[str]:
        """A parameter of each entry; several values of a group are all named."""
        values = self._runs.facts.params
        found = []
        for entry in self.entries:
            # A parent run without parameters says nothing of them.
            told = [values[run_id] for run_id in entry.run_ids if values.get(run_id)]
            text = _several(dict.fromkeys(own.get(key, MISSING) for own in told))
            found.append(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
        return found

    def results(self, key: str) -> list[Result | None]:
        """A metric of each entry."""
        return [self._result(key, entry) for entry in self.entries]

    def _result(self, key: str, entry: Entry) -> Result | None:
        found = [self._runs.latest.get(run_id, {}).get(key) for run_id in entry.run_ids]
        present = [value for value in found if value is not None]
        finite = [value for value in present if math.isfinite(value)]
        if not finite:
            return Result(present[0], None) if present else None
        return Result(
            statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else None
        )

    def result_cells(self, key: str, *, bars: bool = False) -> list[Cell | None]:
        """The cells of a metric, one an entry, with differences from the first."""
        found = self.results(key)
        write = numbers([result.mean for result in found if result])
        better = metrics.better(key)
        finite = [r.mean for r in found if r and math.isfinite(r.mean)]
        best = (min(finite) if better == "less" else max(finite)) if better and finite else None
        spread = (max(finite) - min(finite)) if finite else 0.0
        cells: list[Cell | None] = []
        for place, result in enumerate(found):
            if result is None:
                cells.append(None)
                continue
            delta, verdict = _delta(found[0], result, better, write) if place else ("", "")
            share = None
            if bars and better and spread and math.isfinite(result.mean):
                share = (result.mean - min(finite)) / spread
                share = 1 - share if better == "less" else share
            cells.append(
                Cell(
                    write(result.mean),
                    result.mean if math.isfinite(result.mean) else None,
                    small=f"± {write(result.deviation)}" if result.deviation else "",
                    emphasis="best" if result.mean == best and len(finite) > 1 else "",
                    delta=delta,
                    verdict=verdict,
                    bar=share,
                )
            )
        return cells

    def param_cells(self, key: str) -> list[Cell]:
        """The cells of a parameter, one an entry: those that differ from the first stand out."""
        texts = self.params(key)
        return [
            Cell(text, _sortable(text), emphasis="" if not place else _mark(text, texts[0]))
            for place, text in enumerate(texts)
        ]

    def by_column(self) -> tuple[list[Column], list[Row]]:
        """Entries as columns; results, then parameters that differ, then those that agree."""
        columns = [
            Column(
                entry.label,
                _note(entry, is_baseline=not place),
                color=entry.color,
                is_square=entry.is_group,
                is_tinted=not place,
                is_sortable=False,
                width=COLUMN_WIDTH,
            )
            for place, entry in enumerate(self.entries)
        ]
        note = "± over the runs of a group; ▲▼ better than the first, △▽ worse"
        rows = [Row("results", "Results", note=note, is_section=True)]
        rows += [Row(f"m.{k}", k, self.result_cells(k), parent="results") for k in self.metrics]
        for name, title, keys in (
            ("differ", "Parameters that differ", self.differing),
            ("agree", "Parameters that agree", self.agreeing),
        ):
            if keys:
                folded = name == "agree"
                rows.append(
                    Row(name, title, note=str(len(keys)), is_section=True, is_folded=folded)
                )
                rows += [
                    Row(f"p.{key}", key, self.param_cells(key), parent=name, is_text=True)
                    for key in keys
                ]
        return columns, rows

    def by_row(self) -> tuple[list[Column], list[Row]]:
        """Entries as rows, with a bar for each result; then the parameters that differ."""
        cells = [self.result_cells(key, bars=True) for key in self.metrics]
        cells += [list(self.param_cells(key)) for key in self.differing]
        columns = [Column(key) for key in self.metrics]
        columns += [Column(key, kind="text") for key in self.differing]
        rows = [
            Row(
                entry.key,
                entry.label,
                [column[place] for column in cells],
                note=plural(len(entry.run_ids), "run") if entry.is_group else "",
                run_id="" if entry.is_group else entry.run_ids[0],
                color=entry.color,
                is_square=entry.is_group,
                is_pinned=not place,
            )
            for place, entry in enumerate(self.entries)
        ]
        return columns, rows


def _several(values: Iterable[str]) -> str:
    """The values of a group: all of a few, of many numbers the least and the greatest.

    >>> _several(["2", "1"]), _several(["0.5", "64", "128", "3", "7"]), _several([])
    ('2, 1', '0.5 to 128 (5 values)', '\u2013')
    """
    texts = list(values)
    numbers_told = [_sortable(text) for text in texts]
    is_numeric = all(isinstance(one, float) for one in numbers_told)
    if len(texts) <= MOST_NAMED or not is_numeric:
        return ", ".join(texts) or MISSING
    least, most = min(texts, key=float), max(texts, key=float)
    ends = [
        text if len(text) < LONG_NUMBER else short_number(float(text)) for text in (least, most)
    ]
    return f"{ends[0]} to {ends[1]} ({len(texts)} values)"


def _note(entry: Entry, *, is_baseline: bool) -> str:
    many = f"mean of {len(entry.run_ids)} runs" if entry.is_group else "1 run"
    return f"{many} · baseline" if is_baseline else many


def _delta(
    base: Result | None, result: Result, better: str, write: Callable[[float | None], str]
) -> tuple[str, Literal["", "good", "bad"]]:
    """The difference from the baseline with its sign, and whether it is better or worse."""
    if base is None or not math.isfinite(base.mean) or not math.isfinite(result.mean):
        return "", ""
    difference = result.mean - base.mean
    if difference == 0:
        return "", ""
    size = abs(difference)
    shown = number(size) if write(size) == write(0.0) else write(size)
    if not better:
        return f"{'+' if difference > 0 else '-'}{shown}", ""
    is_better = (difference > 0) == (better == "more")
    return f"{ARROWS[difference > 0, is_better]} {shown}", "good" if is_better else "bad"


def _mark(text: str, base: str) -> Literal["strong", "muted"]:
    return "muted" if text == base else "strong"


def _sortable(text: str) -> float | str | None:
    """A parameter as it is sorted: a number, a text, or nothing where it is missing."""
    if text == MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else None


def columns_fit(found: Sequence[Entry]) -> bool:
    """Whether there is room for each entry as a column."""
    return len(found) <= MOST_COLUMNS
