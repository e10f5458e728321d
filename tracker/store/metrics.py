"""Rows of `metrics` and `latest_metrics`.

A point is `(key, value, timestamp, step, is_nan)`, already in its stored form. Many points of one
key go into multi-row statements, which take two thirds of the time of a statement a point. Points
of different keys do not: each changes pages of its own, and SQLite copies every page that a
multi-row statement changes, to be able to undo it.

Marks are plain: Python 3.12 up to 3.12.3 takes a numbered one for a name, and warns.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tracker.entities import Metric
from tracker.store import runs
from tracker.validation import read_value, read_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Point = tuple[str, float, int, int, int]

# SQLite before 3.32 takes 999 values a statement, and a row has six.
ROWS_A_STATEMENT: Final = 165
PLAIN: Final = (str, int)


class Columns(NamedTuple):
    """Points by columns: a sequence has an entry for each point, a plain value stands for all."""

    key: str | Sequence[str]
    value: Sequence[float]
    timestamp: int | Sequence[int]
    step: int | Sequence[int]
    is_nan: int | Sequence[int] = 0

    def each(self) -> list[Iterable[Any]]:
        """Every column with as many entries as there are points, or without an end."""
        return [repeat(column) if isinstance(column, PLAIN) else column for column in self]

    def rows(self, run_id: str) -> Iterable[tuple[Any, ...]]:
        """Points one by one, with the run they belong to."""
        key, value, timestamp, step, is_nan = self
        # The usual step of a training; the other way takes twice as long for it.
        if isinstance(timestamp, int) and isinstance(step, int) and isinstance(is_nan, int):
            pairs = zip(key, value, strict=True)
            return [(k, v, timestamp, step, is_nan, run_id) for k, v in pairs]
        return zip(*self.each(), repeat(run_id), strict=False)

    def at(self, positions: Sequence[int]) -> Columns:
        """Some of the points."""
        picked: list[Any] = [
            column if isinstance(column, PLAIN) else [column[i] for i in positions]
            for column in self
        ]
        return Columns(*picked)


# The run's existence and stage are checked by the INSERT itself: a run that may not be written is
# NULL, which OR IGNORE leaves out. INSERT … SELECT takes half as long again.
INSERT_ONE: Final = """
    INSERT OR IGNORE INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?,
            (SELECT run_uuid FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'))
"""
INSERT: Final = """
    INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES {rows}
    ON CONFLICT DO NOTHING
"""
LATEST: Final = """
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES {rows}
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""
HISTORY: Final = """
    SELECT step, timestamp, value, is_nan
    FROM metrics
    WHERE run_uuid = ? AND key = ?
    ORDER BY step
"""


def insert_one(connection: sqlite3.Connection, run_id: str, point: Point) -> None:
    """Add one point to a history; an exact duplicate is ignored.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: The run is deleted.
    """
    row = (*point, run_id)
    if connection.execute(INSERT_ONE, row).rowcount == 0:
        runs.require_active(connection, run_id)
        return
    connection.execute(_of_rows(LATEST, 1), row)


def insert(connection: sqlite3.Connection, run_id: str, points: Sequence[Point]) -> None:
    """Add many points of a run; exact duplicates are ignored."""
    if points:
        insert_columns(connection, run_id, Columns(*zip(*points, strict=True)))


def insert_columns(connection: sqlite3.Connection, run_id: str, columns: Columns) -> None:
    """Add many points of a run; exact duplicates are ignored."""
    if not columns.value:
        return
    latest = _latest(columns)
    if latest is columns:
        rows = list(columns.rows(run_id))
        connection.executemany(_of_rows(INSERT, 1), rows)
        _execute_by_rows(connection, LATEST, rows)
    else:
        _execute_by_rows(connection, INSERT, columns.rows(run_id))
        _execute_by_rows(connection, LATEST, latest.rows(run_id))


def history(connection: sqlite3.Connection, run_id: str, key: str) -> list[Metric]:
    """Every point of one metric in the order of (step, timestamp, value)."""
    rows = connection.execute(HISTORY + ", timestamp, value", (run_id, key))
    return [
        Metric(key, read_value(value, is_nan), read_whole(timestamp), read_whole(step))
        for step, timestamp, value, is_nan in rows
    ]


def history_rows(connection: sqlite3.Connection, run_id: str, key: str) -> sqlite3.Cursor:
    """The rows (step, timestamp, value or NULL for NaN) of one metric by step."""
    return connection.execute(
        """
        SELECT step, timestamp, CASE WHEN is_nan THEN NULL ELSE value END
        FROM metrics
        WHERE run_uuid = ? AND key = ?
        ORDER BY step
        """,
        (run_id, key),
    )


def best_step(connection: sqlite3.Connection, run_id: str, key: str, mode: str) -> int | None:
    """The first step at which a metric was best; NaN is never best."""
    direction = {"min": "ASC", "max": "DESC"}[mode]
    row = connection.execute(
        f"""
        SELECT step
        FROM metrics
        WHERE run_uuid = ? AND key = ? AND is_nan = 0
        ORDER BY value {direction}, step
        LIMIT 1
        """,
        (run_id, key),
    ).fetchone()
    return None if row is None else int(row[0])


def last_timestamp(connection: sqlite3.Connection, run_id: str) -> int | None:
    """When the newest of a run's latest points was logged, in ms since the epoch."""
    (moment,) = connection.execute(
        """
        SELECT MAX(timestamp)
        FROM latest_metrics
        WHERE run_uuid = ? AND typeof(timestamp) = 'integer'
        """,
        (run_id,),
    ).fetchone()
    return None if moment is None else int(moment)


def _latest(columns: Columns) -> Columns:
    """The latest point of each key; the columns themselves where every key has but one."""
    if not isinstance(columns.key, str) and len(set(columns.key)) == len(columns.value):
        return columns
    key, value, timestamp, step, _ = columns.each()
    # Of equals the first counts, as it would if they came one by one.
    ranks = zip(step, timestamp, value, range(0, -len(columns.value), -1), strict=False)
    if isinstance(columns.key, str):
        return columns.at([-max(ranks)[-1]])
    best: dict[str, tuple[Any, ...]] = {}
    for name, rank in zip(key, ranks, strict=False):
        if name not in best or rank > best[name]:
            best[name] = rank
    return columns.at([-rank[-1] for rank in best.values()])


def _execute_by_rows(
    connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_A_STATEMENT)):
        bound = list(chain.from_iterable(chunk))
        connection.execute(_of_rows(statement, len(chunk)), bound)


@lru_cache(maxsize=512)
def _of_rows(statement: str, rows: int) -> str:
    return statement.format(rows=", ".join(["(?, ?, ?, ?, ?, ?)"] * rows))
