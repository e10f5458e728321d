"""Rows of `metrics` and `latest_metrics`.

Points are in their stored form. Many go into multi-row statements, which take two thirds of the
time of a statement a point; what is logged call by call goes through `tracker.sink`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final

from tracker.entities import Metric
from tracker.sink import INSERT, LATEST, MARKS, ROWS_A_STATEMENT
from tracker.validation import read_value, read_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

Point = tuple[str, float, int, int, int, str]

HISTORY: Final = """
    SELECT step, timestamp, value, is_nan
    FROM metrics
    WHERE run_uuid = ? AND key = ?
    ORDER BY step
"""


def insert(connection: sqlite3.Connection, points: Sequence[Point]) -> None:
    """Add points; exact duplicates are ignored."""
    newest: dict[tuple[str, str], Point] = {}
    for point in points:
        key, value, timestamp, step, _, run_id = point
        other = newest.setdefault((key, run_id), point)
        if (step, timestamp, value) > (other[3], other[2], other[1]):
            newest[key, run_id] = point
    _execute_by_rows(connection, INSERT, points)
    _execute_by_rows(connection, LATEST, newest.values())


def insert_history(
    connection: sqlite3.Connection,
    run_id: str,
    key: str,
    values: Sequence[float],
    timestamps: int | Sequence[int],
    steps: Sequence[int],
    is_nan: int | Sequence[int],
) -> None:
    """Add many points to one history: an array has one entry a point, a number stands for all."""
    if not values:
        return
    moments = repeat(timestamps) if isinstance(timestamps, int) else timestamps
    marks = repeat(is_nan) if isinstance(is_nan, int) else is_nan
    points = zip(repeat(key), values, moments, steps, marks, repeat(run_id), strict=False)
    _execute_by_rows(connection, INSERT, points)
    # Of equals the first counts, as it would if they came one by one.
    ranked = zip(steps, moments, values, range(0, -len(values), -1), marks, strict=False)
    step, timestamp, value, _, mark = max(ranked)
    _execute_by_rows(connection, LATEST, [(key, value, timestamp, step, mark, run_id)])


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


def _execute_by_rows(
    connection: sqlite3.Connection, statement: str, points: Iterable[Point]
) -> None:
    remaining = iter(points)
    while chunk := list(islice(remaining, ROWS_A_STATEMENT)):
        connection.execute(_of_rows(statement, len(chunk)), list(chain.from_iterable(chunk)))


@lru_cache(maxsize=512)
def _of_rows(statement: str, rows: int) -> str:
    return statement.format(rows=", ".join([MARKS] * rows))
