"""The runs that the run list and the Overview show: filtered, labeled, grouped, measured."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from dashboard import groups, metrics
from dashboard.groups import Facts, Node
from dashboard.labels import labels, seed_of
from dashboard.queries import filters, records, run_lists
from dashboard.view_state import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from dashboard.queries.filters import Problem
    from dashboard.source import Source
    from dashboard.view_state import ViewState

# So many rows of the list, as they are sorted, are shown where nothing was chosen by hand.
SHOWN_UNASKED = 6
MOST_SHOWN_UNASKED = 60
STARTED = "Started"
SPREADS = ("_mean", "_std")


class Mean(NamedTuple):
    """The mean of some runs' last values; the sample standard deviation, None for one run."""

    mean: float
    deviation: float | None


@dataclass(frozen=True)
class Runs:
    """Runs with what they recorded; shared between sessions and not to be changed.

    Args:
        frame: `run_lists.RUN_COLUMNS` in order, indexed by run id.
        facts: What they are grouped by.
        latest: Run id to last values by metric.
        steps: Run id to the last step by metric.
    """

    frame: pd.DataFrame
    facts: Facts
    latest: Mapping[str, Mapping[str, float]]
    steps: Mapping[str, Mapping[str, int]]

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """Run id to `run_lists.RUN_COLUMNS`."""
        columns = list(self.frame.columns)
        rows = self.frame.itertuples(index=False)
        return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}

    @cached_property
    def automatic(self) -> str:
        """The grouping that suits these runs."""
        return groups.automatic(self.facts)

    @cached_property
    def metric_keys(self) -> list[str]:
        """All metrics by interest, without means and deviations of metrics that are there."""
        keys = {key for values in self.latest.values() for key in values}
        derived = {f"{key}{end}" for key in keys for end in SPREADS}
        return metrics.ranked(keys - derived)

    @cached_property
    def _trees(self) -> dict[tuple[tuple[str, ...], str], tuple[Node, ...]]:
        return {}

    def tree(self, listed: tuple[str, ...], grouping: str) -> tuple[Node, ...]:
        """Some of the runs as a tree, which is kept for the next script run."""
        kept, key = self._trees, (listed, grouping)
        if key not in kept:
            kept[key] = groups.tree(_only(self.facts, listed), grouping)
        return kept[key]

    def value(self, node: Node, key: str) -> Mean | None:
        """A metric of a row: a run's own last value, or the mean of those beneath it."""
        own = None if node.is_group else self.latest.get(node.key, {}).get(key)
        if own is not None:
            return Mean(own, None)
        found = (self.latest.get(run_id, {}).get(key) for run_id in node.measured)
        finite = [value for value in found if value is not None and math.isfinite(value)]
        if not finite:
            return None
        return Mean(statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else None)


@dataclass(frozen=True)
class Listing:
    """What the run list and the Overview show.

    Args:
        runs: All that were loaded: the listed ones, the shown ones and the baseline.
        query: What selects the listed ones.
        listed: Their ids, in order.
        total: How many runs the query finds; more than are listed where there are too many.
        unfiltered: How many there would be without filter and statuses.
        grouping: How they are grouped.
        tree: Of the listed runs.
        sort: What they are sorted by.
        descending: Whether the greatest come first.
        problem: Why the filter cannot be read.
    """

    runs: Runs
    query: run_lists.RunQuery
    listed: tuple[str, ...]
    total: int
    unfiltered: int
    grouping: str
    tree: tuple[Node, ...]
    sort: str
    descending: bool
    problem: Problem | None


def experiment_of(source: Source, state: ViewState) -> int | None:
    """The chosen experiment's id; None for all of them."""
    if state.experiment == ALL:
        return None
    if state.experiment:
        return int(state.experiment)
    found = offered_experiments(source)
    return next(iter(found), None)


def offered_experiments(source: Source) -> dict[int, str]:
    """Ids and names of the experiments that have runs, the one with the newest run first."""
    found = run_lists.experiments(source)
    found = found[(found["runs"] > 0) | (len(found) == 1)]
    return {int(k): str(v) for k, v in zip(found["experiment_id"], found["name"], strict=True)}


def read(source: Source, state: ViewState) -> Listing:
    """The listing for what a person has chosen."""
    base = run_lists.RunQuery(
        experiment_id=experiment_of(source, state), stage="deleted" if state.deleted else "active"
    )
    sort, descending = _order(source, state, base.experiment_id)
    chosen = base.with_order(sort, descending=descending).with_statuses(tuple(state.statuses))
    query, problem = filters.filtered(source, chosen, state.filter)
    listed = run_lists.run_ids(source, query, state.rows)
    also = [*(state.shown or ()), state.baseline, state.run]
    runs = _runs(source, (*listed, *sorted({i for i in also if i}.difference(listed))))
    grouping = state.group if state.group is not None else runs.automatic
    return Listing(
        runs=runs,
        query=query,
        listed=listed,
        total=run_lists.count_runs(source, query) if len(listed) == state.rows else len(listed),
        unfiltered=run_lists.count_runs(source, base),
        grouping=grouping,
        tree=runs.tree(listed, grouping),
        sort=sort,
        descending=descending,
        problem=problem,
    )


def _order(source: Source, state: ViewState, experiment_id: int | None) -> tuple[str, bool]:
    """What is sorted by: chosen, or the metric that matters most, or the start."""
    sort = state.sort
    if not sort:
        known = metrics.ranked(records.known_keys(source, "latest_metrics", experiment_id))
        judged = next((key for key in known if metrics.better(key)), None)
        sort = f"metrics.{judged}" if judged else STARTED
    better = metrics.better(sort.removeprefix("metrics."))
    automatic = better != "less" if sort.startswith("metrics.") else sort == STARTED
    return sort, automatic if state.descending is None else state.descending


def _only(facts: Facts, run_ids: Sequence[str]) -> Facts:
    return Facts(run_ids, facts.labels, facts.params, facts.tags, facts.parents)


@st.cache_resource(show_spinner=False, max_entries=16)
def _runs(source: Source, run_ids: tuple[str, ...]) -> Runs:
    frame = run_lists.runs_by_id(source, run_ids)
    params = _by_run(records.params_of(source, run_ids))
    tags = _by_run(records.tags_of(source, run_ids))
    latest = records.latest_of(source, run_ids)
    names = dict(zip(frame["run_id"], frame["name"], strict=True))
    seeds = {run_id: seed_of(values) for run_id, values in params.items()}
    parents = {i: t[run_lists.PARENT] for i, t in tags.items() if run_lists.PARENT in t}
    facts = Facts(tuple(frame["run_id"]), labels(names, seeds), params, tags, parents)
    steps = latest.assign(value=latest["step"])
    return Runs(frame, facts, _by_run(latest), _by_run(steps))


def _by_run(long: pd.DataFrame) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run_id, key, value in zip(long["run_id"], long["key"], long["value"], strict=True):
        found.setdefault(run_id, {})[key] = value
    return found


def shown_unasked(tree: Iterable[Node], started: Mapping[str, int], baseline: str) -> list[str]:
    """The runs to show where nothing was chosen: the rows with the newest runs, and the baseline's.

    Args:
        tree: Of the listed runs.
        started: Run id to start, in ms since the epoch.
        baseline: A run's id, or ''.
    """
    rows = sorted(tree, key=lambda node: -max((started.get(i, 0) for i in node.run_ids), default=0))
    chosen = [node for node in rows if baseline and baseline in node.run_ids]
    found = [run_id for node in chosen for run_id in node.run_ids]
    for node in rows:
        if len(chosen) >= SHOWN_UNASKED or len(found) >= MOST_SHOWN_UNASKED:
            break
        if node not in chosen:
            chosen.append(node)
            found += node.run_ids[: MOST_SHOWN_UNASKED - len(found)]
    return found
