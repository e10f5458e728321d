"""Rows of `metrics` and `latest_metrics`.

A point is `(key, value, timestamp, step, is_nan)`, already in its stored form. Many points of one
key go into multi-row statements that bind what they share once, which takes two thirds of the time
of a statement a point. Points of different keys do not: each changes pages of its own, and SQLite
copies every page that a multi-row statement changes, to be able to undo it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tracker.entities import Metric
from tracker.store import runs
from tracker.validation import read_value, read_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Point = tuple[str, float, int, int, int]

# SQLite before 3.32 takes 999 values a statement.
VALUES_A_STATEMENT: Final = 990
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
    VALUES (?1, ?2, ?3, ?4, ?5,
            (SELECT run_uuid FROM runs WHERE run_uuid = ?6 AND lifecycle_stage = 'active'))
"""
INSERT_EACH: Final = """
    INSERT OR IGNORE INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?, ?)
"""
INSERT_MANY: Final = """
    INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan)
    VALUES {rows}
    ON CONFLICT DO NOTHING
"""
LATEST_RULE: Final = """
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""
LATEST_ONE: Final = f"""
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?, ?)
    {LATEST_RULE}
"""
LATEST_MANY: Final = f"""
    INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan)
    VALUES {{rows}}
    {LATEST_RULE}
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
    connection.execute(LATEST_ONE, row)


def insert(connection: sqlite3.Connection, run_id: str, points: Sequence[Point]) -> None:
    """Add many points of an active run; exact duplicates are ignored."""
    if points:
        insert_columns(connection, run_id, Columns(*zip(*points, strict=True)))


def insert_columns(connection: sqlite3.Connection, run_id: str, columns: Columns) -> None:
    """Add many points of an active run; exact duplicates are ignored."""
    if not columns.value:
        return
    latest = _latest(columns)
    if latest is columns:
        connection.executemany(INSERT_EACH, columns.rows(run_id))
    else:
        _execute_by_rows(connection, INSERT_MANY, run_id, columns)
    _execute_by_rows(connection, LATEST_MANY, run_id, latest)


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
    connection: sqlite3.Connection, statement: str, run_id: str, columns: Columns
) -> None:
    shared: list[Any] = [run_id]
    lists: list[Any] = []
    for column in columns:
        (shared if isinstance(column, PLAIN) else lists).append(column)
    most = VALUES_A_STATEMENT // len(lists)
    for start in range(0, len(columns.value), most):
        bound = shared.copy()
        for column in lists:
            bound += column[start : start + most]
        rows = (len(bound) - len(shared)) // len(lists)
        connection.execute(_with_rows(statement, rows, *map(type, columns)), bound)


@lru_cache(maxsize=512)
def _with_rows(statement: str, rows: int, *kinds: type) -> str:
    """The statement with so many rows of marks.

    ?1 is the run, then comes what rows share, then one column of what each has of its own after
    another.
    """
    shared = [issubclass(kind, PLAIN) for kind in kinds]
    plain, lists = count(2), count(2 + sum(shared), rows)
    first = [(next(plain), 0) if is_shared else (next(lists), 1) for is_shared in shared]
    marks = (", ".join(f"?{mark + row * moves}" for mark, moves in first) for row in range(rows))
    return statement.format(rows=", ".join(f"(?1, {row})" for row in marks))
