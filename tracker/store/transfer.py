"""Rows on their way from one database to another: whole runs, with ids and times as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tracker.entities import LifecycleStage
from tracker.exceptions import InvalidValueError
from tracker.numbers import LARGEST, plain_float, plain_int, stored_value
from tracker.store import experiments, runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tracker.entities import Experiment, RunInfo
    from tracker.store.metrics import Point

_POINT_TYPES: Final = (str, float, int, int)
_BOOLEANS: Final = (0, 1)


def all_experiments(connection: sqlite3.Connection) -> list[Experiment]:
    """Every experiment by id, deleted ones included."""
    ids = connection.execute("SELECT experiment_id FROM experiments ORDER BY experiment_id")
    return [experiments.get(connection, experiment_id) for (experiment_id,) in ids.fetchall()]


def run_ids(connection: sqlite3.Connection, experiment_id: str) -> list[str]:
    """Every run of an experiment by start time, deleted ones included."""
    rows = connection.execute(
        "SELECT run_uuid FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid",
        (int(experiment_id),),
    )
    return [run_id for (run_id,) in rows]


def points(
    connection: sqlite3.Connection, run_id: str, on_damage: Callable[[str], object]
) -> Iterator[Point]:
    """Every point of every metric of a run, in its stored form.

    Args:
        connection: Of a database in which any column may hold anything.
        run_id: The run.
        on_damage: Called with a sentence about each row that is not a point.
    """
    rows = connection.execute(
        """
        SELECT key, value, timestamp, step, is_nan, run_uuid
        FROM metrics
        WHERE run_uuid = ?
        ORDER BY key, step, timestamp, value
        """,
        (run_id,),
    )
    for row in rows:
        try:
            point = _checked(row)
        except InvalidValueError as error:
            on_damage(f"Run {run_id}, metric {str(row[0])!r}: {error}")
        else:
            yield point


def points_behind(
    connection: sqlite3.Connection, run_id: str, rowid: int, limit: int
) -> list[tuple[int, Point]]:
    """The next points of a run in the order in which they came, each with its rowid.

    Args:
        connection: Of the database.
        run_id: Whose points.
        rowid: Of the last point that is known; 0 for the start.
        limit: How many at most.

    Raises:
        InvalidValueError: A value is not a number.
    """
    rows = connection.execute(
        """
        SELECT rowid, key, value, timestamp, step, is_nan, run_uuid
        FROM metrics
        WHERE run_uuid = ? AND rowid > ?
        ORDER BY rowid
        LIMIT ?
        """,
        (run_id, rowid, limit),
    )
    return [(row[0], _checked(row[1:])) for row in rows]


def point_at(connection: sqlite3.Connection, run_id: str, rowid: int) -> tuple[int, object]:
    """The schema version, which VACUUM and migrations change, and the run's point at a rowid."""
    (schema,) = connection.execute("PRAGMA schema_version").fetchone()
    row = connection.execute(
        "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? AND rowid = ?",
        (run_id, rowid),
    ).fetchone()
    return schema, row


def holds_point(connection: sqlite3.Connection, point: Point) -> bool:
    """Whether a point is there, with just these numbers."""
    row = connection.execute(
        """
        SELECT 1
        FROM metrics
        WHERE key = ? AND value = ? AND timestamp = ? AND step = ? AND is_nan = ? AND run_uuid = ?
        """,
        point,
    ).fetchone()
    return row is not None


def count_points(connection: sqlite3.Connection, run_id: str) -> int:
    """How many points a run has."""
    row = connection.execute(
        "SELECT COUNT(*) FROM metrics WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    return int(row[0])


def deleted_time(connection: sqlite3.Connection, run_id: str) -> int | None:
    """When a run was deleted, in ms since the epoch."""
    row = connection.execute(
        "SELECT deleted_time FROM runs WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def insert_experiment(connection: sqlite3.Connection, received: Experiment, now: int) -> int:
    """Add an experiment as it was elsewhere, but for its id and location; its id here."""
    created = received.creation_time or now
    experiment_id = experiments.insert(connection, received.name, None, created)
    connection.execute(
        """
        UPDATE experiments
        SET lifecycle_stage = ?, last_update_time = ?
        WHERE experiment_id = ?
        """,
        (_stage(received.lifecycle_stage), received.last_update_time or created, experiment_id),
    )
    return experiment_id


def add_experiment_tags(
    connection: sqlite3.Connection, experiment_id: int, tags: Mapping[str, str]
) -> None:
    """Add the tags that an experiment has not."""
    connection.executemany(
        """
        INSERT INTO experiment_tags (key, value, experiment_id)
        VALUES (?, ?, ?)
        ON CONFLICT (key, experiment_id) DO NOTHING
        """,
        [(key, value, experiment_id) for key, value in tags.items()],
    )


def insert_run(connection: sqlite3.Connection, info: RunInfo, deleted: int | None) -> None:
    """Add a run's row as it was elsewhere; `deleted` is its time in ms since the epoch."""
    runs.insert(connection, info)
    if info.lifecycle_stage == LifecycleStage.DELETED:
        connection.execute(
            "UPDATE runs SET deleted_time = ? WHERE run_uuid = ?", (deleted, info.run_id)
        )


def add_texts(
    connection: sqlite3.Connection,
    run_id: str,
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Add the parameters and tags that a run has not."""
    for table, texts in (("params", params), ("tags", tags)):
        connection.executemany(
            f"""
            INSERT INTO {table} (key, value, run_uuid)
            VALUES (?, ?, ?)
            ON CONFLICT (key, run_uuid) DO NOTHING
            """,
            _rows(run_id, texts.items()),
        )


def _checked(row: Any) -> Point:
    key, value, timestamp, step, is_nan, _ = row
    types = (type(key), type(value), type(timestamp), type(step))
    is_stored = types == _POINT_TYPES and is_nan in _BOOLEANS and abs(value) <= LARGEST
    return row if is_stored else _point(row)


def _point(row: tuple[object, ...]) -> Point:
    key, value, timestamp, step, is_nan, run_id = row
    stored, not_a_number = stored_value(plain_float(str(key), value))
    timestamp_ms, at_step = plain_int("timestamp", timestamp), plain_int("step", step)
    return (
        (str(key), 0.0, timestamp_ms, at_step, 1, str(run_id))
        if is_nan
        else (str(key), stored, timestamp_ms, at_step, not_a_number, str(run_id))
    )


def _rows(run_id: str, texts: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(key, value, run_id) for key, value in texts]


def _stage(text: str) -> str:
    return LifecycleStage.DELETED if text == LifecycleStage.DELETED else LifecycleStage.ACTIVE
