"""Rows of `params` and `tags`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.exceptions import ParamConflictError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


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


def delete_tag(connection: sqlite3.Connection, run_id: str, key: str) -> bool:
    """Remove one tag; whether it was there."""
    cursor = connection.execute("DELETE FROM tags WHERE key = ? AND run_uuid = ?", (key, run_id))
    return cursor.rowcount > 0


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
