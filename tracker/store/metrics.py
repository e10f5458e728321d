"""Rows of `metrics` and `latest_metrics`.

A point is `(key, value, timestamp, step, is_nan)`, already in its stored form. Several points go
into one multi-row statement: one step of ten keys costs little more than one of one key.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tracker.entities import Metric
from tracker.store import runs
from tracker.validation import read_value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Point = tuple[str, float, int, int, int]

ROWS_A_STATEMENT: Final = 200

# The run's existence and stage are checked by the INSERT itself.
INSERT_ONE: Final = """
    INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
    SELECT ?1, ?2, ?3, ?4, ?5, run_uuid
    FROM runs
    WHERE run_uuid = ?6 AND lifecycle_stage = 'active'
    ON CONFLICT DO NOTHING
"""
LATEST_ONE: Final = """
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?, ?)
"""
LATEST_RULE: Final = """
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""
LATEST_ONE_RULED: Final = LATEST_ONE + LATEST_RULE


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
    connection.execute(LATEST_ONE_RULED, row)


def insert(connection: sqlite3.Connection, run_id: str, points: Sequence[Point]) -> None:
    """Add many points of an active run; exact duplicates are ignored."""
    for start in range(0, len(points), ROWS_A_STATEMENT):
        chunk = points[start : start + ROWS_A_STATEMENT]
        connection.execute(_insert_statement(len(chunk)), _bound(run_id, chunk))
    latest = _latest(points)
    for start in range(0, len(latest), ROWS_A_STATEMENT):
        chunk = latest[start : start + ROWS_A_STATEMENT]
        connection.execute(_latest_statement(len(chunk)), _bound(run_id, chunk))


def history(connection: sqlite3.Connection, run_id: str, key: str) -> list[Metric]:
    """Every point of one metric in the order of (step, timestamp)."""
    return [
        Metric(key, read_value(value, is_nan), timestamp, step)
        for step, timestamp, value, is_nan in history_rows(connection, run_id, key)
    ]


def history_rows(connection: sqlite3.Connection, run_id: str, key: str) -> sqlite3.Cursor:
    """The rows (step, timestamp, value, is_nan) of one metric by (step, timestamp, value)."""
    return connection.execute(
        """
        SELECT step, timestamp, value, is_nan
        FROM metrics
        WHERE run_uuid = ? AND key = ?
        ORDER BY step, timestamp, value
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


def _latest(points: Iterable[Point]) -> list[Point]:
    best: dict[str, Point] = {}
    for point in points:
        key, value, timestamp, step, _ = point
        known = best.get(key)
        if known is None or (step, timestamp, value) > (known[3], known[2], known[1]):
            best[key] = point
    return list(best.values())


def _bound(run_id: str, points: Iterable[Point]) -> list[object]:
    bound: list[object] = [run_id]
    for point in points:
        bound += point
    return bound


@lru_cache(maxsize=ROWS_A_STATEMENT)
def _insert_statement(rows: int) -> str:
    return f"""
        INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan)
        VALUES {_values(rows)}
        ON CONFLICT DO NOTHING
    """


@lru_cache(maxsize=ROWS_A_STATEMENT)
def _latest_statement(rows: int) -> str:
    return f"""
        INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan)
        VALUES {_values(rows)}
        {LATEST_RULE}
    """


def _values(rows: int) -> str:
    return ", ".join("(?1, ?, ?, ?, ?, ?)" for _ in range(rows))
