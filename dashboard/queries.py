"""Every SQL statement of the dashboard: the database in, tidy tables out, cached by version."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd
import streamlit as st

from dashboard import smoothing
from dashboard.source import HISTORY_INDEX, Source, rows, stream

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from tracker.search import Search

BUCKETS = 400
SPARK_POINTS = 40
SPARK_STEPS = 20_000
INFINITY = 1.7976931348623157e308
MAX_MARKS = 200
FIRST_TABLES = ("runs", "metrics", "latest_metrics", "params", "tags", "experiments")
Axis = Literal["step", "relative", "wall"]

RUN_COLUMNS = """
    runs.run_uuid AS run_id,
    runs.name AS name,
    runs.status AS status,
    runs.start_time AS start_time,
    runs.end_time AS end_time,
    runs.user_id AS user_id,
    runs.lifecycle_stage AS lifecycle_stage,
    runs.experiment_id AS experiment_id,
    runs.artifact_uri AS artifact_uri
"""
SORTS = {
    "Started": "runs.start_time",
    "Name": "runs.name COLLATE NOCASE",
    "Status": "runs.status",
    "Duration": "COALESCE(runs.end_time - runs.start_time, 9e18)",
    "User": "runs.user_id",
}


@dataclass(frozen=True)
class RunQuery:
    """Which runs a table shows, and in which order.

    Args:
        experiment_id: None for all experiments.
        stage: 'active' or 'deleted'.
        statuses: Empty for all.
        text: Part of a name; empty for all.
        search: Joins and conditions compiled from the search language.
        order: A key of SORTS, or `metrics.NAME`, or `params.NAME`.
        descending: Greatest first.
    """

    experiment_id: int | None = None
    stage: str = "active"
    statuses: tuple[str, ...] = ()
    text: str = ""
    search: Search | None = None
    order: str = "Started"
    descending: bool = True

    def with_text(self, text: str) -> RunQuery:
        """The same, for names that contain a text."""
        return replace(self, text=text)

    def with_search(self, search: Search) -> RunQuery:
        """The same, for runs that a compiled search finds."""
        return replace(self, search=search)


def marks(count: int) -> str:
    """Placeholders for `count` bound values.

    >>> marks(3)
    '?, ?, ?'
    """
    return ", ".join("?" * count)


def decode(value: float, is_nan: int) -> float:
    """A stored metric value as the float that was logged."""
    if is_nan:
        return float("nan")
    if abs(value) >= INFINITY:
        return float("inf") if value > 0 else float("-inf")
    return float(value)


@st.cache_data(show_spinner=False, max_entries=32)
def experiments(source: Source) -> pd.DataFrame:
    """The active experiments, the one with the newest run first, with their run counts."""
    found = rows(
        source,
        """
        SELECT experiments.experiment_id, experiments.name,
               COUNT(runs.run_uuid) AS runs, MAX(runs.start_time) AS newest
        FROM experiments
        LEFT JOIN runs ON runs.experiment_id = experiments.experiment_id
             AND runs.lifecycle_stage = 'active'
        WHERE experiments.lifecycle_stage = 'active'
        GROUP BY experiments.experiment_id, experiments.name
        ORDER BY newest IS NULL, newest DESC, experiments.experiment_id
        """,
    )
    return pd.DataFrame(found, columns=["experiment_id", "name", "runs", "newest"])


def _from(query: RunQuery) -> tuple[str, list[Any]]:
    """The FROM clause without its keyword, and what it binds."""
    if query.search is None:
        return "runs", []
    return f"runs {query.search.joins}", list(query.search.join_params)


def _where(query: RunQuery) -> tuple[str, list[Any]]:
    conditions = ["runs.lifecycle_stage = ?"]
    values: list[Any] = [query.stage]
    if query.experiment_id is not None:
        conditions.append("runs.experiment_id = ?")
        values.append(query.experiment_id)
    if query.statuses:
        conditions.append(f"runs.status IN ({marks(len(query.statuses))})")
        values.extend(query.statuses)
    if query.text:
        conditions.append("instr(lower(runs.name), lower(?)) > 0")
        values.append(query.text)
    if query.search is not None:
        conditions.append(f"({query.search.where})")
        values.extend(query.search.where_params)
    return " AND ".join(conditions), values


def _order(query: RunQuery) -> tuple[str, str, list[Any]]:
    """A join, an ORDER BY expression, and what the join binds."""
    kind, _, key = query.order.partition(".")
    if query.order in SORTS:
        return "", SORTS[query.order], []
    table, value = {
        "metrics": ("latest_metrics", "CASE WHEN sorted.is_nan THEN NULL ELSE sorted.value END"),
        "params": ("params", "sorted.value + 0.0"),
    }[kind]
    join = f"LEFT JOIN {table} AS sorted ON sorted.run_uuid = runs.run_uuid AND sorted.key = ?"
    return join, value, [key]


@st.cache_data(show_spinner=False, max_entries=64)
def count_runs(source: Source, query: RunQuery) -> int:
    """How many runs a query finds."""
    tables, joined = _from(query)
    where, values = _where(query)
    found = rows(source, f"SELECT COUNT(*) AS n FROM {tables} WHERE {where}", (*joined, *values))
    return int(found[0]["n"])


@st.cache_data(show_spinner=False, max_entries=64)
def run_page(source: Source, query: RunQuery, limit: int, offset: int = 0) -> pd.DataFrame:
    """One page of runs, one row each, with RUN_COLUMNS."""
    tables, joined = _from(query)
    where, values = _where(query)
    join, order, sorted_by = _order(query)
    direction = "DESC" if query.descending else "ASC"
    found = rows(
        source,
        f"""
        SELECT {RUN_COLUMNS}
        FROM {tables} {join}
        WHERE {where}
        ORDER BY ({order}) IS NULL, {order} {direction}, runs.start_time DESC, runs.run_uuid
        LIMIT ? OFFSET ?
        """,
        (*joined, *sorted_by, *values, limit, offset),
    )
    return _run_frame(found)


@st.cache_data(show_spinner=False, max_entries=64)
def runs_by_id(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """These runs, deleted ones included, in the order given; unknown ids are left out."""
    found = rows(
        source,
        f"SELECT {RUN_COLUMNS} FROM runs WHERE runs.run_uuid IN ({marks(len(run_ids))})",
        run_ids,
    )
    frame = _run_frame(found).set_index("run_id", drop=False)
    return frame.reindex([run_id for run_id in run_ids if run_id in frame.index])


def _run_frame(found: Sequence[Any]) -> pd.DataFrame:
    names = [line.split(" AS ")[1].strip(", \n") for line in RUN_COLUMNS.strip().split("\n")]
    frame = pd.DataFrame(found, columns=names)
    frame["end_time"] = frame["end_time"].astype("Float64")
    frame["seconds"] = (frame["end_time"] - frame["start_time"]) / 1000
    frame["seconds"] = frame["seconds"].astype("float64")
    return frame


@st.cache_data(show_spinner=False, max_entries=32)
def groups(source: Source, query: RunQuery, param: str, metric: str) -> pd.DataFrame:
    """Runs by the value of a parameter: value, runs, mean, least and greatest of a metric."""
    tables, joined = _from(query)
    where, values = _where(query)
    found = rows(
        source,
        f"""
        SELECT grouped.value, COUNT(*), AVG(measured.value), MIN(measured.value),
               MAX(measured.value)
        FROM {tables}
        LEFT JOIN params AS grouped ON grouped.run_uuid = runs.run_uuid AND grouped.key = ?
        LEFT JOIN latest_metrics AS measured ON measured.run_uuid = runs.run_uuid
             AND measured.key = ? AND measured.is_nan = 0
             AND measured.value < ? AND measured.value > ?
        WHERE {where}
        GROUP BY grouped.value
        ORDER BY COUNT(*) DESC
        LIMIT 500
        """,
        (*joined, param, metric, INFINITY, -INFINITY, *values),
    )
    return pd.DataFrame(found, columns=["value", "runs", "Mean", "Least", "Greatest"])


@st.cache_data(show_spinner=False, max_entries=64)
def keys_with_course(source: Source, run_ids: tuple[str, ...]) -> list[str]:
    """The metrics that at least one of the runs has logged more than once."""
    found = rows(
        source,
        f"""
        SELECT DISTINCT ends.key
        FROM latest_metrics AS ends
        WHERE ends.run_uuid IN ({marks(len(run_ids))}) AND EXISTS (
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
        WHERE ends.run_uuid IN ({marks(len(run_ids))}) AND ends.key = ?
              AND ends.step BETWEEN 1 AND {SPARK_STEPS}
              AND metrics.is_nan = 0 AND metrics.value < ? AND metrics.value > ?
        GROUP BY metrics.run_uuid, metrics.step * {SPARK_POINTS} / (ends.step + 1)
        """,
        (*run_ids, key, INFINITY, -INFINITY),
    )
    grouped: dict[str, list[float]] = {}
    for row in found:
        grouped.setdefault(row["run_uuid"], []).append(row["mean"])
    return grouped


@st.cache_data(show_spinner=False, max_entries=32)
def runs_with_digits(source: Source, digits: str) -> list[str]:
    """The ids of the runs that start with these digits, else of those whose names end in them."""
    found = rows(
        source,
        "SELECT run_uuid FROM runs WHERE run_uuid >= ? AND run_uuid < ? LIMIT 20",
        (digits, f"{digits}g"),
    )
    found = found or rows(
        source, "SELECT run_uuid FROM runs WHERE substr(name, ?) = ? LIMIT 20", (-9, f"_{digits}")
    )
    return [row["run_uuid"] for row in found]


@st.cache_data(show_spinner=False, max_entries=64)
def params_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Parameters of runs: run_id, key, value (text)."""
    return _by_run(source, "params", run_ids)


@st.cache_data(show_spinner=False, max_entries=64)
def tags_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Tags of runs: run_id, key, value (text)."""
    return _by_run(source, "tags", run_ids)


def tags_of_run(source: Source, run_id: str) -> dict[str, str]:
    """The tags of one run."""
    found = tags_of(source, (run_id,))
    return {str(k): str(v or "") for k, v in zip(found["key"], found["value"], strict=True)}


def _by_run(source: Source, table: Literal["params", "tags"], ids: tuple[str, ...]) -> pd.DataFrame:
    found = rows(
        source,
        f"""
        SELECT run_uuid, key, value
        FROM {table}
        WHERE run_uuid IN ({marks(len(ids))})
        ORDER BY key
        """,
        ids,
    )
    return pd.DataFrame(found, columns=["run_id", "key", "value"])


@st.cache_data(show_spinner=False, max_entries=64)
def latest_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """The last value of each metric: run_id, key, value, step, timestamp (ms)."""
    found = rows(
        source,
        f"""
        SELECT run_uuid, key, value, is_nan, step, timestamp
        FROM latest_metrics
        WHERE run_uuid IN ({marks(len(run_ids))})
        ORDER BY key
        """,
        run_ids,
    )
    data = [
        (row["run_uuid"], row["key"], decode(row["value"], row["is_nan"]), row["step"], row[5])
        for row in found
    ]
    return pd.DataFrame(data, columns=["run_id", "key", "value", "step", "timestamp"])


@st.cache_data(show_spinner=False, max_entries=32)
def known_keys(source: Source, table: Literal["params", "latest_metrics"]) -> list[str]:
    """All names in a table, found by hopping through its primary key."""
    found = rows(
        source,
        f"""
        WITH RECURSIVE hop(key) AS (
            SELECT MIN(key) FROM {table}
            UNION ALL
            SELECT (SELECT MIN(key) FROM {table} WHERE key > hop.key) FROM hop
            WHERE hop.key IS NOT NULL
        )
        SELECT key FROM hop WHERE key IS NOT NULL LIMIT 1000
        """,
    )
    return [row["key"] for row in found]


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
            "infinity": INFINITY,
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
        WHERE metrics.run_uuid IN ({marks(len(run_ids))}) AND metrics.key IN ({marks(len(keys))})
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
        (run_id, key, INFINITY, -INFINITY, MAX_MARKS),
    )
    return pd.DataFrame(found, columns=["step", "timestamp", "kind"])


@st.cache_data(show_spinner=False, max_entries=64)
def datasets_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Data sets the runs used: run_id, name, digest, context, source, rows, profile (JSON)."""
    found = rows(
        source,
        f"""
        SELECT inputs.destination_id, datasets.name, datasets.digest, input_tags.value,
               datasets.dataset_source_type, datasets.dataset_source, datasets.dataset_profile
        FROM inputs
        JOIN datasets ON datasets.dataset_uuid = inputs.source_id
        LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
             AND input_tags.name = 'mlflow.data.context'
        WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN'
              AND inputs.destination_id IN ({marks(len(run_ids))})
        ORDER BY datasets.name, datasets.digest
        """,
        run_ids,
    )
    names = ["run_id", "name", "digest", "context", "source_type", "source", "profile"]
    frame = pd.DataFrame(found, columns=names)
    frame["rows"] = [_profile_rows(text) for text in frame["profile"]]
    return frame


def _profile_rows(profile: str | None) -> int | None:
    try:
        parsed = json.loads(profile or "{}")
    except ValueError:
        return None
    count = parsed.get("num_rows") if isinstance(parsed, dict) else None
    return count if isinstance(count, int) else None


@st.cache_data(show_spinner=False, max_entries=32)
def status_counts(source: Source, experiment_id: int | None) -> dict[str, int]:
    """How many active runs stand in each status."""
    where, values = _where(RunQuery(experiment_id=experiment_id))
    found = rows(
        source,
        f"SELECT status, COUNT(*) AS n FROM runs WHERE {where} GROUP BY status",
        tuple(values),
    )
    return {row["status"]: row["n"] for row in found}


@st.cache_data(show_spinner=False, max_entries=8)
def schema(source: Source) -> dict[str, list[str]]:
    """Tables with their columns and types, the tracker's own first."""
    found = rows(
        source,
        """
        SELECT tables.name AS "table", columns.name AS "column", columns.type
        FROM sqlite_master AS tables
        JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
        ORDER BY tables.name, columns.cid
        """,
    )
    grouped: dict[str, list[str]] = {}
    for row in found:
        grouped.setdefault(row["table"], []).append(f"{row['column']}  {row['type']}".strip())
    first = [name for name in FIRST_TABLES if name in grouped]
    return {name: grouped[name] for name in [*first, *(n for n in grouped if n not in first)]}
