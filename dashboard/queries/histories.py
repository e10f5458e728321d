"""Histories of metrics: their extent, thinned lines, sparklines, marks, every point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd
import streamlit as st

from dashboard import smoothing
from dashboard.source import HISTORY_INDEX, Source, placeholders, rows, stream
from tracker.validation import LARGEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

BUCKETS = 400
SPARK_POINTS = 40
SPARK_STEPS = 20_000
MAX_MARKS = 200
Axis = Literal["step", "relative", "wall"]


@st.cache_data(show_spinner=False, max_entries=64)
def keys_with_course(source: Source, run_ids: tuple[str, ...]) -> list[str]:
    """The metrics that at least one of the runs has logged more than once."""
    found = rows(
        source,
        f"""
        SELECT DISTINCT ends.key
        FROM latest_metrics AS ends
        WHERE ends.run_uuid IN ({placeholders(len(run_ids))}) AND EXISTS (
            SELECT 1
            FROM metrics {_history_hint(source.path, source.identity)}
            WHERE metrics.run_uuid = ends.run_uuid AND metrics.key = ends.key
            LIMIT 1 OFFSET 1
        )
        """,
        run_ids,
    )
    return [row["key"] for row in found]


@st.cache_data(show_spinner=False, max_entries=16)
def courses(source: Source, run_ids: tuple[str, ...], key: str) -> dict[str, list[float]]:
    """The course of one metric in a few dozen points, for runs of up to 20,000 steps."""
    found = rows(
        source,
        f"""
        SELECT metrics.run_uuid, AVG(metrics.value) AS mean
        FROM latest_metrics AS ends
        CROSS JOIN metrics {_history_hint(source.path, source.identity)}
             ON metrics.run_uuid = ends.run_uuid AND metrics.key = ends.key
        WHERE ends.run_uuid IN ({placeholders(len(run_ids))}) AND ends.key = ?
              AND ends.step BETWEEN 1 AND {SPARK_STEPS}
              AND metrics.is_nan = 0 AND metrics.value < ? AND metrics.value > ?
        GROUP BY metrics.run_uuid, metrics.step * {SPARK_POINTS} / (ends.step + 1)
        """,
        (*run_ids, key, LARGEST, -LARGEST),
    )
    grouped: dict[str, list[float]] = {}
    for row in found:
        grouped.setdefault(row["run_uuid"], []).append(row["mean"])
    return grouped


def stamp(source: Source, run_id: str) -> int:
    """Changes when a run gains a metric point: one index seek, whatever else is written."""
    found = rows(source, "SELECT MAX(rowid) AS n FROM metrics WHERE run_uuid = ?", (run_id,))
    return int(found[0]["n"] or 0)


@st.cache_resource(show_spinner=False)
def _history_hint(path: str, identity: tuple[int, int]) -> str:
    source = Source(path, identity, 0)
    found = rows(source, "SELECT 1 FROM sqlite_master WHERE name = ?", (HISTORY_INDEX,))
    return f"INDEXED BY {HISTORY_INDEX}" if found else ""


@dataclass(frozen=True)
class History:
    """What to read of one metric of one run.

    Args:
        run_id: The run.
        key: The metric.
        stamp: The run's state, see `stamp`.
        axis: 'step', 'relative' (ms since the run's start) or 'wall' (ms since the epoch).
        low: Where the first bucket starts, in the axis's unit.
        width: Of one bucket, at least 1.
        origin: The run's start in ms, for the relative axis.
    """

    run_id: str
    key: str
    stamp: int
    axis: Axis
    low: int
    width: int
    origin: int


class Extent(NamedTuple):
    """How far a history reaches: its steps, its times (ms since the epoch), its points."""

    first_step: int
    last_step: int
    begun: int
    ended: int
    points: int


def extent(source: Source, run_id: str, key: str) -> Extent:
    """How far the history of one metric of one run reaches."""
    return _extent((source.path, source.identity), source, run_id, key, stamp(source, run_id))


@st.cache_data(show_spinner=False, max_entries=4096)
def _extent(
    file: tuple[str, tuple[int, int]], _source: Source, run_id: str, key: str, state: int
) -> Extent:
    del state
    hint = _history_hint(*file)
    found = rows(
        _source,
        f"""
        SELECT MIN(step), MAX(step), MIN(timestamp), MAX(timestamp), COUNT(*)
        FROM metrics {hint}
        WHERE run_uuid = ? AND key = ?
        """,
        (run_id, key),
    )
    return Extent(*(int(value or 0) for value in found[0]))


def history(source: Source, wanted: History) -> pd.DataFrame:
    """One metric thinned to buckets: x, step, low, high, count, and the mean smoothed, s0 to s7.

    Values that are not finite are left out.
    """
    return _history((source.path, source.identity), source, wanted)


@st.cache_data(show_spinner=False, max_entries=512)
def _history(file: tuple[str, tuple[int, int]], _source: Source, wanted: History) -> pd.DataFrame:
    position = {
        "step": "step",
        "relative": "(timestamp - :origin)",
        "wall": "timestamp",
    }[wanted.axis]
    found = rows(
        _source,
        f"""
        SELECT ({position} - :low) / :width AS bucket, AVG({position}) AS x, MAX(step) AS step,
               MIN(value) AS low, MAX(value) AS high, AVG(value) AS mean, COUNT(*) AS count
        FROM metrics {_history_hint(*file)}
        WHERE run_uuid = :run_id AND key = :key AND is_nan = 0
              AND value < :infinity AND value > -:infinity
        GROUP BY bucket
        ORDER BY bucket
        """,
        {
            "run_id": wanted.run_id,
            "key": wanted.key,
            "low": wanted.low,
            "width": wanted.width,
            "origin": wanted.origin,
            "infinity": LARGEST,
        },
    )
    table = pd.DataFrame(found, columns=["bucket", "x", "step", "low", "high", "mean", "count"])
    smooth = pd.DataFrame(
        smoothing.levels(table.pop("mean")).T,
        columns=[f"s{level}" for level in range(smoothing.LEVELS)],
    )
    return pd.concat([table, smooth], axis=1)


def points(source: Source, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[sqlite3.Row]:
    """Every point of these metrics: run_uuid, name, key, step, timestamp (ms), value, is_nan."""
    yield from stream(
        source,
        f"""
        SELECT metrics.run_uuid, runs.name, metrics.key, metrics.step, metrics.timestamp,
               metrics.value, metrics.is_nan
        FROM metrics
        JOIN runs ON runs.run_uuid = metrics.run_uuid
        WHERE metrics.run_uuid IN ({placeholders(len(run_ids))})
              AND metrics.key IN ({placeholders(len(keys))})
        ORDER BY metrics.run_uuid, metrics.key, metrics.step
        """,
        (*run_ids, *keys),
    )


def nonfinite(source: Source, run_id: str, key: str) -> pd.DataFrame:
    """Where NaN or ±infinity was logged: step, timestamp (ms), kind; the first 200."""
    file = (source.path, source.identity)
    return _nonfinite(file, source, run_id, key, stamp(source, run_id))


@st.cache_data(show_spinner=False, max_entries=512)
def _nonfinite(
    file: tuple[str, tuple[int, int]], _source: Source, run_id: str, key: str, state: int
) -> pd.DataFrame:
    del state
    found = rows(
        _source,
        f"""
        SELECT step, timestamp,
               CASE WHEN is_nan THEN 'NaN' WHEN value > 0 THEN '∞' ELSE '-∞' END AS kind
        FROM metrics {_history_hint(*file)}
        WHERE run_uuid = ? AND key = ? AND (is_nan = 1 OR value >= ? OR value <= ?)
        ORDER BY step
        LIMIT ?
        """,
        (run_id, key, LARGEST, -LARGEST, MAX_MARKS),
    )
    return pd.DataFrame(found, columns=["step", "timestamp", "kind"])
