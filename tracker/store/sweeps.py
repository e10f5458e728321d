"""The child runs of a run, with the few tags and the one metric that a search reads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.numbers import read_int, read_value
from tracker.tags import MLFLOW_PARENT_RUN_ID

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(slots=True)
class ChildRun:
    """An active child run: its status, some of its tags, one metric's history (last value wins)."""

    run_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None
    tags: dict[str, str] = field(default_factory=dict)
    history: dict[int, float] = field(default_factory=dict)


def child_runs(
    connection: sqlite3.Connection, parent_run_id: str, tag_keys: Sequence[str], metric: str
) -> list[ChildRun]:
    """The active child runs of a run, in the order in which they started.

    Args:
        connection: Within a read of the database.
        parent_run_id: The parent.
        tag_keys: The tags to read.
        metric: The metric whose history is read.
    """
    rows = connection.execute(
        """
        SELECT runs.run_uuid, runs.name, runs.status, runs.start_time, runs.end_time
        FROM tags
        JOIN runs ON runs.run_uuid = tags.run_uuid
        WHERE tags.key = ?
          AND tags.value = ?
          AND runs.lifecycle_stage = 'active'
        ORDER BY runs.start_time, runs.rowid
        """,
        (MLFLOW_PARENT_RUN_ID, parent_run_id),
    )
    found = {row[0]: ChildRun(*row) for row in rows}
    placeholders = ", ".join("?" * len(tag_keys))
    for run_id, key, value in connection.execute(
        f"""
        SELECT tags.run_uuid, tags.key, tags.value
        FROM tags AS parents
        JOIN tags ON tags.run_uuid = parents.run_uuid
        WHERE parents.key = ?
          AND parents.value = ?
          AND tags.key IN ({placeholders})
        """,
        (MLFLOW_PARENT_RUN_ID, parent_run_id, *tag_keys),
    ):
        if run_id in found:
            found[run_id].tags[key] = value
    for run_id, history in _histories(connection, parent_run_id, metric).items():
        if run_id in found:
            found[run_id].history = history
    return list(found.values())


def _histories(
    connection: sqlite3.Connection, parent_run_id: str, metric: str
) -> dict[str, dict[int, float]]:
    histories: dict[str, dict[int, float]] = defaultdict(dict)
    for run_id, step, value, is_nan in connection.execute(
        """
        SELECT metrics.run_uuid, metrics.step, metrics.value, metrics.is_nan
        FROM tags AS parents
        JOIN metrics ON metrics.run_uuid = parents.run_uuid
        WHERE parents.key = ?
          AND parents.value = ?
          AND metrics.key = ?
        ORDER BY metrics.step, metrics.timestamp
        """,
        (MLFLOW_PARENT_RUN_ID, parent_run_id, metric),
    ):
        histories[run_id][read_int(step)] = read_value(value, is_nan)
    return histories
