"""Creates the tables, and checks that a database has those the tracker reads and writes."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.exceptions import IncompatibleDatabaseError
from tracker.numbers import now_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION: Final = 1
_OWN_INDEX: Final = re.compile(r"^CREATE INDEX (tracker_\w+)", re.MULTILINE)

# What the tracker names in its statements; MLflow may add more.
COLUMNS: Final = {
    "experiments": "experiment_id name artifact_location lifecycle_stage creation_time "
    "last_update_time",
    "experiment_tags": "key value experiment_id",
    "runs": "run_uuid name source_type source_name entry_point_name user_id status start_time "
    "end_time source_version lifecycle_stage artifact_uri experiment_id deleted_time",
    "metrics": "key value timestamp run_uuid step is_nan",
    "latest_metrics": "key value timestamp step is_nan run_uuid",
    "params": "key value run_uuid",
    "tags": "key value run_uuid",
    "datasets": "dataset_uuid experiment_id name digest dataset_source_type dataset_source "
    "dataset_schema dataset_profile",
    "inputs": "input_uuid source_type source_id destination_type destination_id",
    "input_tags": "input_uuid name value",
}


# Tables of MLflow that the tracker uses where they are there, and its own.
_OTHERS: Final = (
    "registered_models registered_model_tags registered_model_aliases model_versions "
    "model_version_tags alembic_version tracker_meta"
)


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the database holds any table at all."""
    row = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
    return bool(row[0])


def create(connection: sqlite3.Connection) -> None:
    """Create the tables and the default experiment, unless another process was faster."""
    if has_tables(connection):
        return
    for statement in _statements(_schema_text()):
        connection.execute(statement)
    now = now_ms()
    connection.execute(
        """
        INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                 creation_time, last_update_time)
        VALUES (0, 'Default', 'artifacts/0', 'active', ?, ?)
        """,
        (now, now),
    )


def create_meta(connection: sqlite3.Connection) -> None:
    """Create the tracker's own table where MLflow made the database."""
    if _columns(connection, "tracker_meta"):
        return
    for statement in _statements(_schema_text()):
        if "TABLE tracker_meta" in statement or "INTO tracker_meta" in statement:
            connection.execute(statement)


def create_indexes(connection: sqlite3.Connection) -> None:
    """Create our own indexes that an older tracker did not; a database of MLflow's stays its own.

    The caller is in a write transaction.
    """
    for statement in _statements(_schema_text()):
        if (match := _OWN_INDEX.search(statement)) and not _has_index(connection, match[1]):
            connection.execute(statement)


def lacks_indexes(connection: sqlite3.Connection) -> bool:
    """Whether `create_indexes` has something to do."""
    return bool(_columns(connection, "tracker_meta")) and not _has_index(
        connection, "tracker_runs_newest"
    )


def check(connection: sqlite3.Connection, path: Path, *, writes: bool = True) -> None:
    """Refuse a database that the tracker could not read or write.

    Args:
        connection: A connection to it.
        path: The file, for messages.
        writes: Whether it is to be written, too.

    Raises:
        IncompatibleDatabaseError: It is not a tracking database, is too old or too new, or holds
            what could compute without end; the message says the way out.
    """
    where = repr(str(path))
    _check_work(connection, where, writes=writes)
    found = {table: _columns(connection, table) for table in COLUMNS}
    if not found["experiments"] or not found["runs"]:
        raise IncompatibleDatabaseError(
            f"{where} is an SQLite database but holds no experiments: name another file."
        )
    _check_version(connection, where)
    for table, text in COLUMNS.items():
        known = set(text.split())
        missing = known - found[table].keys()
        if missing:
            raise IncompatibleDatabaseError(
                f"{where} was made by an MLflow older than 2.4 ({table} lacks "
                f"{', '.join(sorted(missing))}): run `mlflow db upgrade sqlite:///FILE` "
                f"with MLflow 2.4 or later, on a copy."
            )
        unwritable = [name for name, required in found[table].items() if required]
        if set(unwritable) - known:
            raise IncompatibleDatabaseError(
                f"{where} comes from a newer MLflow whose table {table} needs "
                f"{', '.join(sorted(set(unwritable) - known))}: update ml-tracker."
            )


def _check_work(connection: sqlite3.Connection, where: str, *, writes: bool) -> None:
    """Refuse what runs code of the database's author when a table of ours is read or written.

    A view may be named like a table and be endless, or take all memory before it is read: its
    columns must not even be asked for.
    """
    ours = [*COLUMNS, *_OTHERS.split()]
    among_ours = f"({', '.join('?' * len(ours))})"
    row = connection.execute(
        f"""
        SELECT name, type
        FROM sqlite_master
        WHERE type IN ('table', 'view') AND lower(name) IN {among_ours}
          AND (type = 'view' OR rootpage = 0)
        """,
        ours,
    ).fetchone()
    if row is not None:
        kind = "a view" if row[1] == "view" else "a virtual table"
        raise IncompatibleDatabaseError(
            f"In {where} {row[0]!r} is {kind}, not a table: neither MLflow nor the tracker made it "
            f"so, and reading it could run anything. Do not use a file like this from others."
        )
    for table in ours:
        row = connection.execute(
            "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0", (table,)
        ).fetchone()
        if row is not None:
            raise IncompatibleDatabaseError(
                f"In {where} the column {row[0]!r} of {table} is computed, not stored: neither "
                f"MLflow nor the tracker made it so, and reading it could run anything."
            )
    row = connection.execute(
        f"""
        SELECT name, tbl_name
        FROM sqlite_master
        WHERE type = 'trigger' AND lower(tbl_name) IN {among_ours}
        """,
        ours,
    ).fetchone()
    if row is not None and writes:
        raise IncompatibleDatabaseError(
            f"In {where} the table {row[1]!r} has a trigger {row[0]!r}, which could run anything "
            f"when the table is written: if it is yours, remove it with "
            f'`DROP TRIGGER "{row[0]}"` first.'
        )


def _check_version(connection: sqlite3.Connection, where: str) -> None:
    if not _columns(connection, "tracker_meta"):
        return
    row = connection.execute(
        "SELECT value FROM tracker_meta WHERE key = 'schema_version'"
    ).fetchone()
    # The text of a received database may be anything.
    is_known = row is None or str(row[0]) in map(str, range(1, SCHEMA_VERSION + 1))
    if not is_known:
        raise IncompatibleDatabaseError(
            f"{where} was written by a newer ml-tracker (schema {row[0]}, this one knows "
            f"{SCHEMA_VERSION}): run `pip install --upgrade ml-tracker`."
        )


def _has_index(connection: sqlite3.Connection, name: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (name,)
    ).fetchone()
    return row is not None


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, bool]:
    """Each column of a table, and whether an INSERT must name it."""
    rows = connection.execute(
        'SELECT name, "notnull" AND dflt_value IS NULL FROM pragma_table_info(?)', (table,)
    )
    return {name: bool(required) for name, required in rows}


def _schema_text() -> str:
    """The schema from the installed package, or from the repository in an editable install."""
    packaged = Path(__file__).with_name("schema.sql")
    path = packaged if packaged.is_file() else Path(__file__).parents[1] / "schema.sql"
    return path.read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit before it starts."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
