"""Rows of `runs`, `params` and `tags`, and whole runs put together from all their tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

from tracker.entities import LifecycleStage, Run, RunData, RunInfo
from tracker.exceptions import InvalidStateError, NotFoundError, ParamConflictError
from tracker.numbers import LARGEST, read_value
from tracker.store import datasets

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence


# From so many runs on, reading whole tables may be faster than looking up their rows.
MANY_RUNS: Final = 100
COLUMNS = """
    runs.run_uuid, runs.name, runs.experiment_id, runs.user_id, runs.status, runs.start_time,
    runs.end_time, runs.lifecycle_stage, runs.artifact_uri
"""
END: Final = """
    UPDATE runs
    SET status = ?, end_time = ?
    WHERE run_uuid = ? AND lifecycle_stage = 'active'
"""


def insert(connection: sqlite3.Connection, info: RunInfo) -> None:
    """Add a run's row, with what MLflow writes into the columns the tracker does not use."""
    connection.execute(
        """
        INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,
                          status, start_time, end_time, source_version, lifecycle_stage,
                          artifact_uri, experiment_id)
        VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '', ?, ?, ?)
        """,
        (
            info.run_id,
            info.run_name,
            info.user_id,
            info.status,
            info.start_time,
            info.end_time,
            info.lifecycle_stage,
            info.artifact_uri,
            int(info.experiment_id),
        ),
    )


def find_info(connection: sqlite3.Connection, run_id: str) -> RunInfo | None:
    """The run's row."""
    row = connection.execute(f"SELECT {COLUMNS} FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    return None if row is None else info_of(row)


def get_info(connection: sqlite3.Connection, run_id: str) -> RunInfo:
    """The run's row.

    Raises:
        NotFoundError: There is no such run.
    """
    info = find_info(connection, run_id)
    if info is None:
        raise NotFoundError(f"There is no run with the id {run_id!r}; `search_runs()` lists them.")
    return info


def require_active(connection: sqlite3.Connection, run_id: str) -> RunInfo:
    """The row of a run that may be written.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: It is deleted.
    """
    info = get_info(connection, run_id)
    if info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidStateError(
            f"The run {run_id!r} is deleted: restore it with `restore_run({run_id!r})` first."
        )
    return info


def check_active(connection: sqlite3.Connection, run_id: str) -> None:
    """Check that a run may be written; cheaper than reading its row.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: It is deleted.
    """
    found = connection.execute(
        "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'", (run_id,)
    )
    if found.fetchone() is None:
        require_active(connection, run_id)


def stage(connection: sqlite3.Connection, run_id: str) -> str | None:
    """The lifecycle stage of a run; None where there is no such run."""
    row = connection.execute(
        "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)
    ).fetchone()
    return None if row is None else str(row[0])


def update(
    connection: sqlite3.Connection,
    run_id: str,
    status: str | None = None,
    end_time: int | None = None,
    name: str | None = None,
    *,
    only_active: bool = False,
) -> None:
    """Set a run's status with its end time, its name, or both.

    Raises:
        NotFoundError: `only_active`, and there is no such run.
        InvalidStateError: `only_active`, and it is deleted.
    """
    cursor = connection.execute(
        """
        UPDATE runs
        SET status = COALESCE(?, status),
            end_time = CASE WHEN ? IS NULL THEN end_time ELSE ? END,
            name = COALESCE(?, name)
        WHERE run_uuid = ? AND (lifecycle_stage = 'active' OR NOT ?)
        """,
        (status, status, end_time, name, run_id, only_active),
    )
    if only_active and cursor.rowcount == 0:
        require_active(connection, run_id)


def set_stage(connection: sqlite3.Connection, run_id: str, stage: LifecycleStage, now: int) -> None:
    """Delete or restore one run."""
    deleted_time = now if stage is LifecycleStage.DELETED else None
    connection.execute(
        "UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?",
        (stage.value, deleted_time, run_id),
    )


def insert_params(connection: sqlite3.Connection, run_id: str, params: Mapping[str, str]) -> None:
    """Write parameters once.

    Raises:
        ParamConflictError: One was logged before with another value; none is written.
    """
    cursor = connection.executemany(
        """
        INSERT INTO params (key, value, run_uuid)
        VALUES (?, ?, ?)
        ON CONFLICT (key, run_uuid) DO NOTHING
        """,
        [(key, value, run_id) for key, value in params.items()],
    )
    if cursor.rowcount != len(params):
        _refuse_changes(connection, run_id, params)


def set_tags(connection: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """Set or overwrite tags."""
    connection.executemany(
        """
        INSERT INTO tags (key, value, run_uuid)
        VALUES (?, ?, ?)
        ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value
        """,
        [(key, value, run_id) for key, value in tags.items()],
    )


def list_in_tag(connection: sqlite3.Connection, run_id: str, key: str) -> list[Any]:
    """The JSON list in a tag; an empty one where there is none, or something else."""
    found = connection.execute(
        "SELECT value FROM tags WHERE key = ? AND run_uuid = ?", (key, run_id)
    ).fetchone()
    try:
        entries = json.loads(found[0]) if found else []
    except (TypeError, ValueError):
        return []
    return entries if isinstance(entries, list) else []


def delete_tag(connection: sqlite3.Connection, run_id: str, key: str) -> bool:
    """Remove one tag; whether it was there."""
    cursor = connection.execute("DELETE FROM tags WHERE key = ? AND run_uuid = ?", (key, run_id))
    return cursor.rowcount > 0


def assemble(connection: sqlite3.Connection, infos: Sequence[RunInfo]) -> list[Run]:
    """Whole runs: rows with their latest metrics, parameters, tags and data sets."""
    numbers: dict[str, dict[str, float]] = {info.run_id: {} for info in infos}
    for run_id, key, value, is_nan in latest_metrics(connection, infos).fetchall():
        if run_id not in numbers:
            continue
        if type(key) is not str:  # As in any text below: a received database.
            key = str(key)  # noqa: PLW2901
        is_plain = not is_nan and type(value) is float and -LARGEST < value < LARGEST
        numbers[run_id][key] = value if is_plain else read_value(value, is_nan)
    params = _texts_by_run(connection, "params", infos)
    tags = _texts_by_run(connection, "tags", infos)
    used = datasets.of_runs(connection, _ids(infos))
    return [
        Run(info, RunData(numbers[run_id], params[run_id], tags[run_id]), used[run_id])
        for info in infos
        for run_id in (info.run_id,)
    ]


def latest_metrics(connection: sqlite3.Connection, infos: Sequence[RunInfo]) -> sqlite3.Cursor:
    """The rows (run_uuid, key, value, is_nan) of latest points, at least those of these runs."""
    condition, bound = _at_least(connection, infos)
    return connection.execute(
        f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {condition}", bound
    )


def texts(
    connection: sqlite3.Connection, table: Literal["params", "tags"], infos: Sequence[RunInfo]
) -> sqlite3.Cursor:
    """The rows (run_uuid, key, value) of parameters or tags, at least those of these runs."""
    condition, bound = _at_least(connection, infos)
    return connection.execute(f"SELECT run_uuid, key, value FROM {table} {condition}", bound)


def _texts_by_run(
    connection: sqlite3.Connection, table: Literal["params", "tags"], infos: Sequence[RunInfo]
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {info.run_id: {} for info in infos}
    for run_id, key, value in texts(connection, table, infos).fetchall():
        if run_id in found:
            found[run_id][key if type(key) is str else str(key)] = value
    return found


def _at_least(
    connection: sqlite3.Connection, infos: Sequence[RunInfo]
) -> tuple[str, tuple[str, ...]]:
    """The condition that picks the rows of these runs.

    There is none where they are half the runs of the file: reading a whole table takes half the
    time of looking up all its rows.
    """
    if len(infos) >= MANY_RUNS:
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        if 2 * len(infos) >= runs:
            return "", ()
    return "WHERE run_uuid IN (SELECT value FROM json_each(?))", (_ids(infos),)


def _ids(infos: Sequence[RunInfo]) -> str:
    return json.dumps([info.run_id for info in infos])


def info_of(row: tuple[str, str, int, str, str, int, int | None, str, str]) -> RunInfo:
    """A run's row from the values of `COLUMNS`."""
    run_id, name, experiment_id, user_id, status, start_time, end_time, stage, artifact_uri = row
    if not (type(run_id) is type(status) is str and isinstance(name, str | None)):
        # A received database: what can be shown must not end the whole list.
        run_id, name, status = str(run_id), str(name or ""), str(status)
    return RunInfo(
        run_id=run_id,
        run_name=name or "",
        experiment_id=str(experiment_id),
        user_id=user_id,
        status=status,
        start_time=_stored_time(start_time),
        end_time=_stored_time(end_time),
        lifecycle_stage=stage,
        artifact_uri=artifact_uri,
    )


def _stored_time(value: Any) -> Any:
    """A stored time; None for what a received database holds instead of a number."""
    return value if isinstance(value, int) else None


def _refuse_changes(connection: sqlite3.Connection, run_id: str, params: Mapping[str, str]) -> None:
    for key, value in params.items():
        row = connection.execute(
            "SELECT value FROM params WHERE key = ? AND run_uuid = ?", (key, run_id)
        ).fetchone()
        if row[0] != value:
            raise ParamConflictError(
                f"The parameter {key!r} of run {run_id!r} is {row[0]!r} and cannot become "
                f"{value!r}: a parameter is written once; start a new run, or log a metric or a "
                f"tag instead."
            )
