"""Rows of `metrics` and `latest_metrics`.

Points are in their stored form. Many go into multi-row statements, which take two thirds of the
time of a statement a point. Placeholders are plain: Python 3.12 up to 3.12.3 takes a numbered one
for a name, and warns.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from tracker.entities import Metric
from tracker.numbers import read_int, read_value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

# key, value, timestamp, step, is_nan, run_uuid
Point = tuple[str, float, int, int, int, str]

# SQLite before 3.32 takes no more.
VALUES_A_STATEMENT: Final = 999
ROWS_A_STATEMENT: Final = VALUES_A_STATEMENT // 6

_COLUMNS: Final = "key, value, timestamp, step, is_nan, run_uuid"
_ROW: Final = "(?, ?, ?, ?, ?, ?)"
INSERT: Final = f"INSERT INTO metrics ({_COLUMNS}) VALUES {{rows}} ON CONFLICT DO NOTHING"
LATEST: Final = f"""
    INSERT INTO latest_metrics ({_COLUMNS})
    VALUES {{rows}}
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""


class Series(NamedTuple):
    """Points of one metric: a sequence has one entry per point, a single number applies to all."""

    key: str
    values: Sequence[float]
    timestamps: int | Sequence[int]
    steps: Sequence[int]
    is_nan: int | Sequence[int]


HISTORY: Final = """
    SELECT step, timestamp, value, is_nan
    FROM metrics
    WHERE run_uuid = ? AND key = ?
    ORDER BY step
"""


def insert(connection: sqlite3.Connection, points: Sequence[Point]) -> None:
    """Add points; exact duplicates are ignored."""
    # Of points that are equal but for `is_nan`, the first.
    ordered = sorted(points[::-1], key=itemgetter(3, 2, 1))  # noqa: C415
    newest = {(point[0], point[5]): point for point in ordered}
    _execute_by_rows(connection, INSERT, points)
    _execute_by_rows(connection, LATEST, newest.values())


def insert_series(connection: sqlite3.Connection, run_id: str, series: Series) -> None:
    """Add many points to one history; exact duplicates are ignored."""
    if not series.values:
        return
    cells = {
        "key": series.key,
        "run_uuid": run_id,
        "timestamp": series.timestamps,
        "is_nan": series.is_nan,
        "value": series.values,
        "step": series.steps,
    }
    shared = {name: cell for name, cell in cells.items() if isinstance(cell, (str, int))}
    columns = {name: cell for name, cell in cells.items() if not isinstance(cell, (str, int))}
    remaining = zip(*columns.values(), strict=True)
    rows = (VALUES_A_STATEMENT - len(shared)) // len(columns)
    while chunk := list(islice(remaining, rows)):
        statement = _insert_series(tuple(shared), tuple(columns), len(chunk))
        connection.execute(statement, [*shared.values(), *chain.from_iterable(chunk)])
    connection.execute(_of_rows(LATEST, 1), _newest(run_id, series))


def history(connection: sqlite3.Connection, run_id: str, key: str) -> list[Metric]:
    """Every point of one metric in the order of (step, timestamp, value)."""
    rows = connection.execute(HISTORY + ", timestamp, value", (run_id, key))
    return [
        Metric(key, read_value(value, is_nan), read_int(timestamp), read_int(step))
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
    (timestamp_ms,) = connection.execute(
        """
        SELECT MAX(timestamp)
        FROM latest_metrics
        WHERE run_uuid = ? AND typeof(timestamp) = 'integer'
        """,
        (run_id,),
    ).fetchone()
    return None if timestamp_ms is None else int(timestamp_ms)


@lru_cache(maxsize=64)
def _insert_series(shared: tuple[str, ...], columns: tuple[str, ...], rows: int) -> str:
    """Adds points whose shared values are bound once."""
    names = [*shared, *columns]
    cells = ["?"] * len(shared) + [f"column{number + 1}" for number in range(len(columns))]
    row = f"({', '.join('?' * len(columns))})"
    return f"""
        INSERT INTO metrics ({", ".join(names)})
        SELECT {", ".join(cells)}
        FROM (VALUES {", ".join([row] * rows)})
        WHERE true
        ON CONFLICT DO NOTHING
    """


def _newest(run_id: str, series: Series) -> Point:
    key, values, timestamps, steps, is_nan = series
    last = max(steps)
    # Of equals the first counts, as it would if they came one by one.
    newest = max(
        (i for i, step in enumerate(steps) if step == last),
        key=lambda i: (_at(timestamps, i), values[i]),
    )
    return key, values[newest], _at(timestamps, newest), last, _at(is_nan, newest), run_id


def _at(cell: int | Sequence[int], position: int) -> int:
    return cell if isinstance(cell, int) else cell[position]


def _execute_by_rows(
    connection: sqlite3.Connection, statement: str, points: Iterable[Point]
) -> None:
    remaining = iter(points)
    while chunk := list(islice(remaining, ROWS_A_STATEMENT)):
        connection.execute(_of_rows(statement, len(chunk)), list(chain.from_iterable(chunk)))


@lru_cache(maxsize=512)
def _of_rows(statement: str, rows: int) -> str:
    return statement.format(rows=", ".join([_ROW] * rows))
