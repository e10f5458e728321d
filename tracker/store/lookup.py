"""Rows for overviews and for finding runs by the start of an id or a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tracker.entities import Metric
from tracker.numbers import read_int, read_value
from tracker.store.experiments import stages
from tracker.store.runs import COLUMNS, info_of
from tracker.tags import MLFLOW_PARENT_RUN_ID

if TYPE_CHECKING:
    import sqlite3

    from tracker.entities import RunInfo, ViewType


Group: TypeAlias = Literal["metrics", "params", "tags"]
_TABLES: Final = {"metrics": "latest_metrics", "params": "params", "tags": "tags"}


@dataclass(frozen=True, slots=True)
class ExperimentSummary:
    """An experiment with its runs counted. `last_start` is in ms since the epoch."""

    experiment_id: str
    name: str
    lifecycle_stage: str
    runs: int
    running: int
    deleted: int
    last_start: int | None
    artifact_location: str


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric's history in one line. The extremes ignore NaN; None if every value is NaN."""

    key: str
    points: int
    last: float
    last_step: int
    low: float | None
    low_step: int | None
    high: float | None
    high_step: int | None


def experiment_names(connection: sqlite3.Connection) -> dict[str, str]:
    """The name of each experiment by its id, deleted ones included."""
    rows = connection.execute("SELECT experiment_id, name FROM experiments ORDER BY experiment_id")
    return {str(experiment_id): str(name) for experiment_id, name in rows}


def experiment_summaries(connection: sqlite3.Connection, view: ViewType) -> list[ExperimentSummary]:
    """All experiments by id."""
    rows = connection.execute(
        f"""
        SELECT experiments.experiment_id, experiments.name, experiments.lifecycle_stage,
               COUNT(runs.run_uuid) FILTER (WHERE runs.lifecycle_stage = 'active'),
               COUNT(runs.run_uuid) FILTER (WHERE runs.lifecycle_stage = 'active'
                                              AND runs.status = 'RUNNING'),
               COUNT(runs.run_uuid) FILTER (WHERE runs.lifecycle_stage = 'deleted'),
               MAX(runs.start_time) FILTER (WHERE runs.lifecycle_stage = 'active'
                                              AND typeof(runs.start_time) = 'integer'),
               experiments.artifact_location
        FROM experiments
        LEFT JOIN runs ON runs.experiment_id = experiments.experiment_id
        WHERE experiments.lifecycle_stage IN ({stages(view)})
        GROUP BY experiments.experiment_id
        ORDER BY experiments.experiment_id
        """
    )
    return [ExperimentSummary(str(row[0]), *row[1:]) for row in rows]


def runs_with_id_prefix(connection: sqlite3.Connection, prefix: str, limit: int) -> list[RunInfo]:
    """Runs whose id starts with a text, active ones first, then the newest."""
    return _runs(connection, "substr(run_uuid, 1, length(:text)) = :text", prefix, limit)


def runs_with_name_prefix(connection: sqlite3.Connection, prefix: str, limit: int) -> list[RunInfo]:
    """Runs whose name starts with a text, active ones first, then the newest."""
    return _runs(connection, "substr(name, 1, length(:text)) = :text", prefix, limit)


def runs_named(connection: sqlite3.Connection, name: str, limit: int) -> list[RunInfo]:
    """Runs with this name, active ones first, then the newest."""
    return _runs(connection, "name = :text", name, limit)


def has_key(connection: sqlite3.Connection, group: Group, key: str) -> bool:
    """Whether any run of the file has this metric, parameter or tag."""
    row = connection.execute(f"SELECT 1 FROM {_TABLES[group]} WHERE key = ? LIMIT 1", (key,))
    return row.fetchone() is not None


def known_keys(connection: sqlite3.Connection, group: Group) -> list[str]:
    """All metrics, parameters or tags of the file."""
    rows = connection.execute(
        f"SELECT DISTINCT key FROM {_TABLES[group]} WHERE typeof(key) = 'text' ORDER BY key"
    )
    return [key for (key,) in rows]


def run_names(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Names of the newest runs."""
    rows = connection.execute(
        """
        SELECT DISTINCT name
        FROM (SELECT name FROM runs WHERE name <> '' ORDER BY start_time DESC LIMIT ?)
        """,
        (limit,),
    )
    return [name for (name,) in rows]


def child_runs(connection: sqlite3.Connection, run_id: str) -> list[RunInfo]:
    """The active runs nested under this one, the oldest first."""
    rows = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM runs
        JOIN tags ON tags.run_uuid = runs.run_uuid
        WHERE tags.key = ? AND tags.value = ?
          AND runs.lifecycle_stage = 'active'
        ORDER BY runs.start_time, runs.run_uuid
        """,
        (MLFLOW_PARENT_RUN_ID, run_id),
    )
    return [info_of(row) for row in rows]


def metric_summaries(connection: sqlite3.Connection, run_id: str) -> list[MetricSummary]:
    """Every metric of a run by name."""
    rows = connection.execute(
        """
        WITH
        low AS (
            SELECT key, MIN(value) AS value, step
            FROM metrics WHERE run_uuid = :run_id AND is_nan = 0 GROUP BY key
        ),
        high AS (
            SELECT key, MAX(value) AS value, step
            FROM metrics WHERE run_uuid = :run_id AND is_nan = 0 GROUP BY key
        ),
        points AS (
            SELECT key, COUNT(*) AS number FROM metrics WHERE run_uuid = :run_id GROUP BY key
        )
        SELECT latest.key, COALESCE(points.number, 0), latest.value, latest.is_nan, latest.step,
               low.value, low.step, high.value, high.step
        FROM latest_metrics AS latest
        LEFT JOIN points ON points.key = latest.key
        LEFT JOIN low ON low.key = latest.key
        LEFT JOIN high ON high.key = latest.key
        WHERE latest.run_uuid = :run_id
        ORDER BY latest.key
        """,
        {"run_id": run_id},
    )
    return [
        MetricSummary(
            key,
            number,
            read_value(value, is_nan),
            step,
            None if low is None else read_value(low, 0),
            low_step,
            None if high is None else read_value(high, 0),
            high_step,
        )
        for key, number, value, is_nan, step, low, low_step, high, high_step in rows
    ]


def last_points(connection: sqlite3.Connection, run_id: str, key: str, limit: int) -> list[Metric]:
    """The end of a metric's history by (step, timestamp); all of it where `limit` is negative."""
    rows = connection.execute(
        """
        SELECT step, timestamp, value, is_nan
        FROM metrics
        WHERE run_uuid = ? AND key = ?
        ORDER BY step DESC, timestamp DESC, value DESC
        LIMIT ?
        """,
        (run_id, key, limit),
    ).fetchall()
    return [
        Metric(key, read_value(value, is_nan), read_int(timestamp), read_int(step))
        for step, timestamp, value, is_nan in reversed(rows)
    ]


def _runs(connection: sqlite3.Connection, condition: str, text: str, limit: int) -> list[RunInfo]:
    rows = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM runs
        WHERE {condition}
        ORDER BY lifecycle_stage, start_time DESC
        LIMIT :limit
        """,
        {"text": text, "limit": limit},
    )
    return [info_of(row) for row in rows]
