"""The child runs of a run, with the few tags and the one metric that a search reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tracker.numbers import read_int, read_value
from tracker.tags import MLFLOW_PARENT_RUN_ID

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


class ChildRun(NamedTuple):
    """The row of an active child run; it changes whenever the run ends or is resumed."""

    run_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None


@dataclass(slots=True)
class Logged:
    """Some tags of a run, and the history of one metric by step (the last value of a step wins)."""

    tags: dict[str, str] = field(default_factory=dict)
    history: dict[int, float] = field(default_factory=dict)


def child_runs(connection: sqlite3.Connection, parent_run_id: str) -> list[ChildRun]:
    """The active child runs of a run, in the order in which they started.

    Args:
        connection: Within a read of the database.
        parent_run_id: The parent.
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
    return [ChildRun(*row) for row in rows]


def logged(
    connection: sqlite3.Connection, run_ids: Sequence[str], tag_keys: Sequence[str], metric: str
) -> dict[str, Logged]:
    """What some runs have logged, by run id.

    Args:
        connection: Within a read of the database.
        run_ids: The runs.
        tag_keys: The tags to read.
        metric: The metric whose history is read.
    """
    found = {run_id: Logged() for run_id in run_ids}
    wanted = json.dumps(run_ids)
    for run_id, key, value in connection.execute(
        """
        SELECT run_uuid, key, value
        FROM tags
        WHERE run_uuid IN (SELECT value FROM json_each(?))
          AND key IN (SELECT value FROM json_each(?))
        """,
        (wanted, json.dumps(tag_keys)),
    ):
        found[run_id].tags[key] = value
    # Without the plus SQLite would go through the key's points of all runs there are.
    for run_id, step, value, is_nan in connection.execute(
        """
        SELECT run_uuid, step, value, is_nan
        FROM metrics
        WHERE run_uuid IN (SELECT value FROM json_each(?))
          AND +key = ?
        ORDER BY step, timestamp
        """,
        (wanted, metric),
    ):
        found[run_id].history[read_int(step)] = read_value(value, is_nan)
    return found
