"""Rows and cells of the run list and the Overview table, as the component takes them.

A cell is None, a text, or a list of a text, what it sorts by, and a small text behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard import metrics
from dashboard.groups import RESERVED
from dashboard.labels import SEED, families, short
from dashboard.progress import estimate
from dashboard.queries.courses import courses, heights
from tracker import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dashboard.groups import Node
    from dashboard.listing import Listing, Mean
    from dashboard.view import View

Cell = str | list[Any] | None
METRIC_COLUMNS, PARAM_COLUMNS = 4, 8
NAME_WIDTH = 24
MOST_EQUAL = 300


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Args:
        key: What it is sorted by: `metrics.NAME`, `params.NAME`, or a key of `run_lists.SORTS`.
        title: In the header.
        kind: 'number', 'text', 'course' or 'tags'.
        cells: One a row.
        best: The best value, which is emphasized; None for none.
        is_sortable: Whether a click on the header sorts by it.
    """

    key: str
    title: str
    kind: str
    cells: Sequence[Cell]
    best: float | None = None
    is_sortable: bool = True

    def header(self) -> dict[str, Any]:
        """The column without its cells."""
        shown = {"key": self.key, "title": self.title, "kind": self.kind, "best": self.best}
        return shown | {"sortable": self.is_sortable, "descends": self._descends}

    @property
    def _descends(self) -> bool:
        """Whether the greatest come first when it is first sorted by."""
        kind, _, name = self.key.partition(".")
        return self.key == "Started" or (kind == "metrics" and metrics.better(name) != "less")


def flat(tree: Iterable[Node]) -> list[tuple[Node, int]]:
    """Each node with the place of its parent in the list, -1 for those at the top."""
    found: list[tuple[Node, int]] = []
    waiting = [(node, -1) for node in reversed(list(tree))]
    while waiting:
        node, parent = waiting.pop()
        found.append((node, parent))
        place = len(found) - 1
        waiting += [(child, place) for child in reversed(node.children)]
    return found


def rows(view: View, nodes: Sequence[tuple[Node, int]], columns: Sequence[Column]) -> list[Any]:
    """The rows: see `run_list.js` for what is in one."""
    begins = families(node.label.name for node, _ in nodes)
    found = []
    for place, (node, parent) in enumerate(nodes):
        row = _row(view, node, nodes[parent][0] if parent >= 0 else None, begins)
        row |= {"parent": parent, "cells": [column.cells[place] for column in columns]}
        found.append(row)
    return found


def _row(view: View, node: Node, parent: Node | None, begins: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"key": node.key, "name": short(node.label.name, begins, NAME_WIDTH)}
    label = node.label
    if parent is not None and parent.is_group and parent.label.name == label.name:
        row["name"] = f"seed {label.seed}" if label.seed else label.name
        row["note"] = label.digits or node.key[:4]
    else:
        row["note"] = " · ".join(filter(None, [label.seed and f"seed {label.seed}", label.digits]))
    row["title"] = str(label)
    if node.children:
        row["count"] = text.plural(len(node.children), node.noun)
        row["ids"] = node.run_ids
    if node.is_group:
        return row | {"group": True, "own": node.own_run}
    run = view.listing.runs.by_id[node.key]
    row["status"] = str(run["status"])
    if run["status"] == "RUNNING":
        row["note"] = _progress(view, node.key, int(run["start_time"])) or row["note"]
    return row


def _progress(view: View, run_id: str, started: int) -> str:
    """How far a running run is, and how long it will take."""
    runs = view.listing.runs
    step = max(runs.steps.get(run_id, {}).values(), default=0)
    seconds = (view.now_ms - started) / 1000
    found = estimate(runs.facts.params.get(run_id, {}), step, seconds)
    if found is None:
        return f"step {step:,}" if step else ""
    left = "" if found.seconds_left is None else f" · {text.duration(found.seconds_left)} left"
    return f"{found.done:,} of {found.goal:,}{left}"


def key_metric(view: View, nodes: Sequence[Node]) -> Column:
    """The one column of the run list: what it is sorted by."""
    return column(view, view.listing.sort, nodes)


def columns(view: View, nodes: Sequence[Node]) -> list[Column]:
    """The columns of the Overview: chosen, or tags, metrics, a course and what differs."""
    found = view.listing
    names = list(view.state.columns) or [*_metrics(found), *_differing(found)]
    if found.sort.startswith(("metrics.", "params.")) and found.sort not in names:
        names.insert(0, found.sort)
    measured = [column(view, name, nodes) for name in names if name.startswith("metrics.")]
    others = [column(view, name, nodes) for name in names if not name.startswith("metrics.")]
    parts = [_tags(found, nodes), *measured, _course(view, nodes), *others]
    ends = [column(view, "Duration", nodes), column(view, "Started", nodes)]
    return [one for one in [*parts, *ends] if any(cell is not None for cell in one.cells)]


def _metrics(found: Listing) -> list[str]:
    """The metrics that say most: those that should be great, then those that should be small."""
    keys = found.runs.metric_keys
    more = [key for key in keys if metrics.better(key) == "more"]
    less = _one_a_part(k for k in keys if metrics.better(k) == "less" and "second" not in k)
    rest = [key for key in keys if not metrics.better(key)]
    chosen = [*more[: METRIC_COLUMNS // 2], *less, *more[METRIC_COLUMNS // 2 :], *rest]
    return [f"metrics.{key}" for key in chosen[:METRIC_COLUMNS]]


def _one_a_part(keys: Iterable[str]) -> list[str]:
    """The first metric of each part of the data, then the others.

    >>> _one_a_part(["test_loss", "test_blurred_loss", "val_loss"])
    ['test_loss', 'val_loss', 'test_blurred_loss']
    """
    first: dict[str, str] = {}
    rest = [key for key in keys if first.setdefault(metrics.split_part(key)[1], key) != key]
    return [*first.values(), *rest]


def _values(found: Listing) -> dict[str, list[str | None]]:
    """Each parameter's value in the listed runs that have parameters."""
    params = [found.runs.facts.params[i] for i in found.listed if i in found.runs.facts.params]
    keys = sorted({key for values in params for key in values})
    return {key: [values.get(key) for values in params] for key in keys}


def _differing(found: Listing) -> list[str]:
    """Parameters that differ: those that most runs have and that have few values first."""
    ranked = []
    for key, values in _values(found).items():
        spread = len(set(values))
        if spread > 1:
            ranked.append((bool(SEED.search(key)), values.count(None), spread, key))
    return [f"params.{key}" for *_, key in sorted(ranked)[:PARAM_COLUMNS]]


def equal(found: Listing) -> list[tuple[str, str]]:
    """Parameters that are the same in all listed runs."""
    pairs = [
        (key, str(values[0]))
        for key, values in _values(found).items()
        if len(values) > 1 and len(set(values)) == 1
    ]
    return pairs[:MOST_EQUAL]


def column(view: View, name: str, nodes: Sequence[Node]) -> Column:
    """One column: a metric, a parameter, or a fact of the run."""
    kind, _, key = name.partition(".")
    if kind == "metrics":
        return _metric(view.listing, key, nodes)
    if kind == "params":
        return _param(view.listing, key, nodes)
    return _fact(view, name, nodes)


def _metric(found: Listing, key: str, nodes: Sequence[Node]) -> Column:
    values = [found.runs.value(node, key) for node in nodes]
    write = text.numbers([one.mean for one in values if one is not None])
    tops = {node.key for node in found.tree}
    top = [
        one.mean
        for node, one in zip(nodes, values, strict=True)
        if one is not None and node.key in tops and math.isfinite(one.mean)
    ]
    better = metrics.better(key)
    best = (min(top) if better == "less" else max(top)) if better and len(top) > 1 else None
    cells = [None if one is None else _mean(one, write) for one in values]
    return Column(f"metrics.{key}", key, "number", cells, best)


def _mean(one: Mean, write: Callable[[float | None], str]) -> list[Any]:
    value = one.mean if math.isfinite(one.mean) else None
    return [write(one.mean), value, *([f"± {write(one.deviation)}"] if one.deviation else [])]


def _param(found: Listing, key: str, nodes: Sequence[Node]) -> Column:
    params = found.runs.facts.params
    # A parent run without parameters says nothing of them.
    texts = [_shared([params[i].get(key) for i in node.run_ids if i in params]) for node in nodes]
    numbers = [None if value is None else _number(value) for value in texts]
    is_numeric = all(n is not None for n, t in zip(numbers, texts, strict=True) if t is not None)
    cells: list[Cell] = [
        None if value is None else [_written(value, number), number] if is_numeric else value
        for value, number in zip(texts, numbers, strict=True)
    ]
    return Column(f"params.{key}", key, "number" if is_numeric else "text", cells)


def _shared(values: Sequence[str | None]) -> str | None:
    """What all of a row's runs have; None where they differ."""
    return values[0] if len(set(values)) == 1 else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _written(value: str, number: float | None) -> str:
    """A parameter as it was given, but a long float in short.

    >>> _written("0.00058123456", 0.00058123456), _written("1e-5", 1e-5), _written("64", 64.0)
    ('5.81e-04', '1e-5', '64')
    """
    return value if len(value) <= 7 else text.short_number(number)  # noqa: PLR2004


def _fact(view: View, name: str, nodes: Sequence[Node]) -> Column:
    by_id = view.listing.runs.by_id
    fact = _FACTS.get(name) or _plain(name)
    cells = [fact(view, [by_id[run_id] for run_id in node.run_ids]) for node in nodes]
    return Column(name, name, "number" if name in _FACTS else "text", cells)


def _duration(view: View, runs: Sequence[Mapping[str, Any]]) -> Cell:
    """How long the runs took on average; a running one until now."""
    ended = [(run, view.now_ms if pd.isna(run["end_time"]) else run["end_time"]) for run in runs]
    seconds = [(end - run["start_time"]) / 1000 for run, end in ended if end >= run["start_time"]]
    mean = sum(seconds) / len(seconds) if seconds else None
    return None if mean is None else [text.duration(mean), round(mean, 3)]


def _started(view: View, runs: Sequence[Mapping[str, Any]]) -> Cell:
    newest = max((int(run["start_time"]) for run in runs), default=None)
    return (
        None
        if newest is None
        else [text.ago(newest, view.now_ms), newest, "", text.local_time(newest)]
    )


def _plain(name: str) -> Callable[[View, Sequence[Mapping[str, Any]]], Cell]:
    key = {"Name": "name", "Status": "status", "User": "user_id"}[name]
    return lambda _, runs: _shared([str(run[key] or "") for run in runs])


_FACTS: dict[str, Callable[[View, Sequence[Mapping[str, Any]]], Cell]] = {
    "Duration": _duration,
    "Started": _started,
}


def _tags(found: Listing, nodes: Sequence[Node]) -> Column:
    """The runs' own tags, as pairs; of a group those that all its runs have."""
    cells: list[Cell] = []
    for node in nodes:
        each = [set(_own(found, run_id).items()) for run_id in node.run_ids]
        shared = set.intersection(*each) if each else set()
        cells.append([list(pair) for pair in sorted(shared)] or None)
    return Column("tags", "Tags", "tags", cells, is_sortable=False)


def _own(found: Listing, run_id: str) -> dict[str, str]:
    tags = found.runs.facts.tags.get(run_id, {})
    return {key: value or "" for key, value in tags.items() if not key.startswith(RESERVED)}


def _course(view: View, nodes: Sequence[Node]) -> Column:
    """The most telling metric that has a course, in small; of a group that of one of its runs."""
    steps = view.listing.runs.steps
    first = [next((i for i in node.run_ids if _courses_of(steps, i)), "") for node in nodes]
    # Rows at the top are seen before those that are folded beneath them.
    tops = {node.key for node in view.listing.tree}
    seen = sorted(zip(nodes, first, strict=True), key=lambda pair: pair[0].key not in tops)
    ids = tuple(dict.fromkeys(run_id for _, run_id in seen if run_id))[: view.state.courses]
    keys = {key for run_id in ids for key in _courses_of(steps, run_id)}
    if not keys:
        return Column("course", "", "course", [None] * len(nodes), is_sortable=False)
    key = min(keys, key=metrics.by_interest)
    drawn = {i: heights(line) for i, line in courses(view.source, ids, key).items()}
    cells: list[Cell] = [drawn.get(run_id) for run_id in first]
    return Column("course", key, "course", cells, is_sortable=False)


def _courses_of(steps: Mapping[str, Mapping[str, int]], run_id: str) -> list[str]:
    """The metrics of a run's training or validation that were logged at several steps."""
    own = steps.get(run_id, {})
    return [key for key, step in own.items() if step > 1 and _has_course(key)]


def _has_course(key: str) -> bool:
    return metrics.split_part(key)[1] in {"train", "validation"}
