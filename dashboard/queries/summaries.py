"""What runs come to: groups of them, the best of them, how many a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.queries.run_lists import RunQuery, number_or_text, tables, where
from dashboard.source import Source, placeholders, rows
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_GROUPS = 500
MS_PER_DAY = 86_400_000
# Bound to the greatest float, which stands for infinity.
FINITE = "measured.is_nan = 0 AND ABS(measured.value) < ?"


class Best(NamedTuple):
    """The run whose last value of a metric is the best, and of how many."""

    run_id: str
    name: str | None
    value: float
    runs: int


@st.cache_data(show_spinner=False, max_entries=32)
def groups(source: Source, query: RunQuery, param: str, metric: str) -> pd.DataFrame:
    """Runs by the value of a parameter: value, runs, mean, least and greatest of a metric.

    By value, numbers before texts, runs without the parameter last; MAX_GROUPS and one at most.
    """
    joined, joined_values = tables(query)
    chosen, values = where(query)
    found = rows(
        source,
        f"""
        SELECT grouped.value, COUNT(*), AVG(measured.value), MIN(measured.value),
               MAX(measured.value)
        FROM {joined}
        LEFT JOIN params AS grouped ON grouped.run_uuid = runs.run_uuid AND grouped.key = ?
        LEFT JOIN latest_metrics AS measured
             ON measured.run_uuid = runs.run_uuid AND measured.key = ? AND {FINITE}
        WHERE {chosen}
        GROUP BY grouped.value
        ORDER BY grouped.value IS NULL, {number_or_text("grouped.value")}, grouped.value
        LIMIT {MAX_GROUPS + 1}
        """,
        (*joined_values, param, metric, LARGEST, *values),
    )
    return pd.DataFrame(found, columns=["value", "runs", "mean", "least", "greatest"])


@st.cache_data(show_spinner=False, max_entries=32)
def best(
    source: Source, experiment_id: int | None, key: str, direction: Literal["less", "more"]
) -> Best | None:
    """The best of all active runs by the last value of a metric; None where none has one."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    extreme = "MIN" if direction == "less" else "MAX"
    # With a single MIN or MAX, SQLite takes the other columns from the row where it stands.
    (found,) = rows(
        source,
        f"""
        SELECT runs.run_uuid, runs.name, {extreme}(measured.value), COUNT(*)
        FROM latest_metrics AS measured
        JOIN runs ON runs.run_uuid = measured.run_uuid
        WHERE measured.key = ? AND {FINITE} AND {chosen}
        """,
        (key, LARGEST, *values),
    )
    return Best(*found) if found[0] is not None else None


@st.cache_data(show_spinner=False, max_entries=64)
def last_values(source: Source, key: str, run_ids: tuple[str, ...]) -> list[float]:
    """The finite last values of a metric, in the order of the runs."""
    found = rows(
        source,
        f"""
        SELECT measured.run_uuid, measured.value
        FROM latest_metrics AS measured
        WHERE measured.key = ? AND measured.run_uuid IN ({placeholders(len(run_ids))}) AND {FINITE}
        """,
        (key, *run_ids, LARGEST),
    )
    by_run = dict(map(tuple, found))
    return [by_run[run_id] for run_id in run_ids if run_id in by_run]


@st.cache_data(show_spinner=False, max_entries=32)
def runs_a_day(source: Source, experiment_id: int | None, days: int) -> list[int]:
    """How many active runs began on each of the last days, up to that of the newest run (UTC)."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    found = rows(
        source,
        f"""
        SELECT runs.start_time / {MS_PER_DAY} AS day, COUNT(*)
        FROM runs
        WHERE {chosen} AND runs.start_time IS NOT NULL
        GROUP BY day
        ORDER BY day DESC
        LIMIT ?
        """,
        (*values, days),
    )
    return _each_day([(row[0], row[1]) for row in found], days)


def _each_day(counted: Sequence[tuple[int, int]], days: int) -> list[int]:
    """Counts of all days up to the first given, zeros included.

    >>> _each_day([(20_000, 3), (19_998, 1)], 4)
    [0, 1, 0, 3]
    """
    if not counted:
        return []
    newest, counts = counted[0][0], dict(counted)
    return [counts.get(day, 0) for day in range(newest - days + 1, newest + 1)]
