"""What the runs of an experiment come to: totals, the best of them, a metric over their starts."""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st

from dashboard.queries.run_lists import RunQuery, where
from dashboard.source import Source, rows
from tracker.numbers import LARGEST

# Bound to the greatest float, which stands for infinity.
FINITE = "measured.is_nan = 0 AND ABS(measured.value) < ?"


class Best(NamedTuple):
    """The run whose last value of a metric is the best."""

    run_id: str
    name: str | None
    value: float


class Totals(NamedTuple):
    """Figures of all active runs of an experiment.

    Args:
        runs: How many.
        seconds: How long the ended ones took together.
        first: When the first began, in ms since the epoch; None without runs.
        newest: The id of the run that began last, its name, and when it began.
    """

    runs: int
    seconds: float
    first: int | None
    newest: tuple[str, str | None, int] | None


@st.cache_data(show_spinner=False, max_entries=32)
def totals(source: Source, experiment_id: int | None) -> Totals:
    """Figures of all active runs of an experiment."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    ((count, milliseconds, first),) = rows(
        source,
        f"""
        SELECT COUNT(*), TOTAL(MAX(runs.end_time - runs.start_time, 0)), MIN(runs.start_time)
        FROM runs
        WHERE {chosen}
        """,
        tuple(values),
    )
    newest = rows(
        source,
        f"""
        SELECT runs.run_uuid, runs.name, runs.start_time
        FROM runs
        WHERE {chosen} AND runs.start_time IS NOT NULL
        ORDER BY runs.start_time DESC
        LIMIT 1
        """,
        tuple(values),
    )
    last = (newest[0][0], newest[0][1], newest[0][2]) if newest else None
    return Totals(count, milliseconds / 1000, first, last)


@st.cache_data(show_spinner=False, max_entries=32)
def by_start(source: Source, experiment_id: int | None, key: str, limit: int) -> list[float]:
    """The last values of a metric of the newest active runs, in order of start."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    found = rows(
        source,
        f"""
        SELECT measured.value
        FROM (
            SELECT run_uuid, start_time
            FROM runs
            WHERE {chosen}
            ORDER BY start_time DESC
            LIMIT ?
        ) AS newest
        CROSS JOIN latest_metrics AS measured
             ON measured.run_uuid = newest.run_uuid AND measured.key = ? AND {FINITE}
        ORDER BY newest.start_time DESC
        """,
        (*values, limit, key, LARGEST),
    )
    return [row[0] for row in reversed(found)]


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
        SELECT runs.run_uuid, runs.name, {extreme}(measured.value)
        FROM latest_metrics AS measured
        JOIN runs ON runs.run_uuid = measured.run_uuid
        WHERE measured.key = ? AND {FINITE} AND {chosen}
        """,
        (key, LARGEST, *values),
    )
    return Best(*found) if found[0] is not None else None
