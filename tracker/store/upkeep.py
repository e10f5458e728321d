"""Statements that look after the file as a whole: tests, removal of deleted rows, room on disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tracker import schema
from tracker.sqlite_errors import translate
from tracker.store import models
from tracker.store.runs import COLUMNS, info_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tracker.database import Database
    from tracker.entities import RunInfo

_NUMBER: Final = ("real", "integer")
_TEXT: Final = ("text",)
_KINDS: Final = {
    ("experiments", "name"): _TEXT,
    ("runs", "run_uuid"): _TEXT,
    ("runs", "name"): ("text", "null"),
    ("runs", "status"): _TEXT,
    ("runs", "lifecycle_stage"): _TEXT,
    ("runs", "artifact_uri"): _TEXT,
    ("runs", "experiment_id"): ("integer",),
    ("runs", "start_time"): ("integer", "null"),
    ("runs", "end_time"): ("integer", "null"),
    ("metrics", "key"): _TEXT,
    ("metrics", "run_uuid"): _TEXT,
    ("metrics", "value"): _NUMBER,
    ("metrics", "timestamp"): ("integer",),
    ("metrics", "step"): ("integer",),
    ("latest_metrics", "key"): _TEXT,
    ("latest_metrics", "run_uuid"): _TEXT,
    ("latest_metrics", "value"): _NUMBER,
    ("params", "key"): _TEXT,
    ("params", "value"): _TEXT,
    ("tags", "key"): _TEXT,
    ("tags", "value"): ("text", "null"),
}
# Key of a row in tracker_meta: a run whose rows are gone and whose files are still to go.
_REMOVAL: Final = "files of removed run "
_PAGES_A_STEP: Final = 4_096
_VACUUM_PATIENCE_MS: Final = 10_000
_CHECKPOINT_PATIENCE_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of the database file, and those of them that hold nothing."""

    size_bytes: int
    free_bytes: int


def room(connection: sqlite3.Connection) -> Room:
    """What the file takes, and what a VACUUM would give back."""
    page_bytes = _pragma(connection, "page_size")
    return Room(
        _pragma(connection, "page_count") * page_bytes,
        _pragma(connection, "freelist_count") * page_bytes,
    )


def shrink(database: Database, *, vacuum: bool) -> bool:
    """Give free pages back to the file system.

    Args:
        database: Not within a transaction.
        vacuum: Whether to rewrite the file; otherwise only the write-ahead log goes.

    Returns:
        Whether the file is smaller now; otherwise it will be once those who read it are done.

    Raises:
        DatabaseLockedError: Another process writes without a pause.
        DatabaseError: The disk has no room for the copy.
    """
    connection = database.connection
    patience_ms = _pragma(connection, "busy_timeout")
    try:
        connection.execute(f"PRAGMA busy_timeout = {_VACUUM_PATIENCE_MS}")
        if vacuum:
            connection.execute("VACUUM")
        connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_PATIENCE_MS}")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise translate(error, database.path) from error
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return not busy


def close_into_one_file(database: Database) -> None:
    """Leave a database of one's own without its write-ahead log, in the file alone."""
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.connection.execute("PRAGMA journal_mode = DELETE")


def copy_database(database: Database, target: Path) -> None:
    """A consistent copy of the database while others write to it.

    Raises:
        DatabaseError: The copy cannot be written, or is not sound.
    """
    try:
        with closing(sqlite3.connect(target)) as copy:
            database.connection.backup(copy, pages=_PAGES_A_STEP)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise translate(error, target) from error


def deleted_runs(connection: sqlite3.Connection, deleted_before: int) -> list[RunInfo]:
    """Runs that were deleted up to a time (ms since the epoch), or at an unknown time."""
    rows = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM runs
        WHERE lifecycle_stage = 'deleted' AND COALESCE(deleted_time, 0) <= ?
        ORDER BY deleted_time, run_uuid
        """,
        (deleted_before,),
    )
    return [info_of(row) for row in rows]


def all_runs(connection: sqlite3.Connection) -> list[RunInfo]:
    """The rows of all runs, deleted ones included."""
    return [info_of(row) for row in connection.execute(f"SELECT {COLUMNS} FROM runs")]


def remove_run(connection: sqlite3.Connection, info: RunInfo, deleted_before: int) -> bool:
    """Remove a run's rows, a newer MLflow's included, and note that its files are to follow.

    Whether the run goes is decided here, in the caller's write transaction.

    Args:
        connection: In a write transaction.
        info: The run as it was found.
        deleted_before: In ms since the epoch.

    Returns:
        False if the run was restored, deleted again later, registered as a model's version, or
        removed by someone else meanwhile.
    """
    run_id = info.run_id
    found = connection.execute(
        """
        SELECT 1
        FROM runs
        WHERE run_uuid = ? AND lifecycle_stage = 'deleted' AND COALESCE(deleted_time, 0) <= ?
        """,
        (run_id, deleted_before),
    ).fetchone()
    if found is None or models.versions_of_runs(connection, [run_id]):
        return False
    for table, column in _referring(connection, "runs", "run_uuid"):
        connection.execute(f"DELETE FROM {_quoted(table)} WHERE {_quoted(column)} = ?", (run_id,))
    connection.execute(
        """
        DELETE FROM input_tags
        WHERE input_uuid IN (
            SELECT input_uuid FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?
        )
        """,
        (run_id,),
    )
    connection.execute(
        "DELETE FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?", (run_id,)
    )
    connection.execute("DELETE FROM runs WHERE run_uuid = ?", (run_id,))
    schema.create_meta(connection)
    connection.execute(
        "INSERT OR REPLACE INTO tracker_meta (key, value) VALUES (?, ?)",
        (f"{_REMOVAL}{run_id}", info.artifact_uri),
    )
    return True


def removed_runs(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Id and artifact URI of runs whose rows are gone and whose files are still to go."""
    if not connection.execute("SELECT 1 FROM pragma_table_info('tracker_meta')").fetchone():
        return []
    rows = connection.execute(
        """
        SELECT substr(key, length(:prefix) + 1), value
        FROM tracker_meta
        WHERE substr(key, 1, length(:prefix)) = :prefix
          AND typeof(value) = 'text'
          AND NOT EXISTS (
              SELECT 1
              FROM runs
              WHERE run_uuid = substr(key, length(:prefix) + 1) OR artifact_uri = value
          )
        """,
        {"prefix": _REMOVAL},
    )
    return rows.fetchall()


def files_are_removed(connection: sqlite3.Connection, run_ids: Iterable[str]) -> None:
    """Note that the files of removed runs are gone too."""
    connection.executemany(
        "DELETE FROM tracker_meta WHERE key = ?",
        [(f"{_REMOVAL}{run_id}",) for run_id in run_ids],
    )


def remove_unused_datasets(connection: sqlite3.Connection) -> int:
    """Remove data sets that no run used; how many."""
    return connection.execute(
        """
        DELETE FROM datasets
        WHERE dataset_uuid NOT IN (SELECT source_id FROM inputs WHERE source_type = 'DATASET')
        """
    ).rowcount


def empty_deleted_experiments(
    connection: sqlite3.Connection, deleted_before: int, removed: set[str]
) -> list[tuple[int, str]]:
    """Deleted experiments that have no run but those of `removed`; ids and names."""
    rows = connection.execute(
        """
        SELECT experiments.experiment_id, experiments.name, runs.run_uuid
        FROM experiments
        LEFT JOIN runs ON runs.experiment_id = experiments.experiment_id
        WHERE experiments.lifecycle_stage = 'deleted'
          AND experiments.experiment_id <> 0
          AND COALESCE(experiments.last_update_time, 0) <= ?
        """,
        (deleted_before,),
    ).fetchall()
    kept = {experiment_id for experiment_id, _, run_id in rows if run_id not in {None, *removed}}
    return sorted({(row[0], row[1]) for row in rows if row[0] not in kept})


def remove_experiment(connection: sqlite3.Connection, experiment_id: int) -> bool:
    """Remove an experiment without runs; False where tables of a newer MLflow still need it."""
    connection.execute("SAVEPOINT removal")
    try:
        for table in ("experiment_tags", "datasets"):
            connection.execute(f"DELETE FROM {table} WHERE experiment_id = ?", (experiment_id,))
        connection.execute("DELETE FROM experiments WHERE experiment_id = ?", (experiment_id,))
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK TO removal")
        return False
    finally:
        connection.execute("RELEASE removal")
    return True


def damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with the file."""
    try:
        rows = connection.execute("PRAGMA integrity_check(100)").fetchall()
    except sqlite3.DatabaseError as error:
        # Where the damage is bad enough, the test breaks off: then at least name the tables.
        tables = _unreadable_tables(connection)
        found = [f"the table {name!r} cannot be read: {error}" for name in tables]
        return found or [f"a page cannot be read: {error}"]
    return [str(row[0]) for row in rows if row[0] != "ok"]


def _unreadable_tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    found = []
    for (name,) in names:
        try:
            connection.execute("SELECT COUNT(*) FROM pragma_integrity_check(?)", (name,)).fetchone()
        except sqlite3.DatabaseError:
            found.append(name)
    return found


def broken_references(connection: sqlite3.Connection) -> list[tuple[str, int, str]]:
    """Rows that name a row that is not there: table, how many, the table they name."""
    found: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        found[table, parent] = found.get((table, parent), 0) + 1
    return [(table, number, parent) for (table, parent), number in sorted(found.items())]


def wrong_latest(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """The (run_uuid, key) whose row in `latest_metrics` is not the newest point, or is missing."""
    rows = connection.execute(
        """
        WITH newest AS (
            SELECT run_uuid, key, value, timestamp, step,
                   ROW_NUMBER() OVER (
                       PARTITION BY run_uuid, key ORDER BY step DESC, timestamp DESC, value DESC
                   ) AS place
            FROM metrics
        )
        SELECT newest.run_uuid, newest.key
        FROM newest
        LEFT JOIN latest_metrics AS latest
            ON latest.run_uuid = newest.run_uuid AND latest.key = newest.key
        WHERE newest.place = 1
          AND (latest.step, latest.timestamp, latest.value)
              IS NOT (newest.step, newest.timestamp, newest.value)
        UNION
        SELECT latest.run_uuid, latest.key
        FROM latest_metrics AS latest
        WHERE NOT EXISTS (
            SELECT 1 FROM metrics
            WHERE metrics.run_uuid = latest.run_uuid AND metrics.key = latest.key
        )
        """
    )
    return [(run_id, key) for run_id, key in rows]


def rebuild_latest(connection: sqlite3.Connection, run_id: str, key: str) -> None:
    """Take the newest point of one metric from its history again."""
    connection.execute("DELETE FROM latest_metrics WHERE run_uuid = ? AND key = ?", (run_id, key))
    connection.execute(
        """
        INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
        SELECT key, value, timestamp, step, is_nan, run_uuid
        FROM metrics
        WHERE run_uuid = ? AND key = ?
        ORDER BY step DESC, timestamp DESC, value DESC
        LIMIT 1
        """,
        (run_id, key),
    )


def wrong_types(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Columns with values of another kind, such as a numpy number stored as bytes; how many."""
    found = []
    for (table, column), kinds in _KINDS.items():
        placeholders = ", ".join("?" * len(kinds))
        (number,) = connection.execute(
            f"SELECT COUNT(*) FROM {table} WHERE typeof({column}) NOT IN ({placeholders})", kinds
        ).fetchone()
        if number:
            found.append((f"{table}.{column}", int(number)))
    return found


def incomplete_runs(connection: sqlite3.Connection) -> list[str]:
    """Runs without a value that MLflow's search cannot do without."""
    rows = connection.execute(
        """
        SELECT run_uuid
        FROM runs
        WHERE user_id IS NULL OR start_time IS NULL OR status IS NULL
           OR lifecycle_stage IS NULL OR artifact_uri IS NULL OR experiment_id IS NULL
        """
    )
    return [run_id for (run_id,) in rows]


def locations(connection: sqlite3.Connection) -> list[str]:
    """Where experiments keep their artifacts."""
    rows = connection.execute(
        """
        SELECT DISTINCT artifact_location
        FROM experiments
        WHERE typeof(artifact_location) = 'text'
        """
    )
    return [location for (location,) in rows]


def _referring(connection: sqlite3.Connection, parent: str, key: str) -> list[tuple[str, str]]:
    """The (table, column) whose foreign key names a column of another table."""
    rows = connection.execute(
        """
        SELECT tables.name, keys."from"
        FROM sqlite_master AS tables, pragma_foreign_key_list(tables.name) AS keys
        WHERE tables.type = 'table' AND keys."table" = ? AND COALESCE(keys."to", ?) = ?
        """,
        (parent, key, key),
    )
    return rows.fetchall()


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
