"""Readings of one metric of one run that are kept, and brought up to date by what came since.

A point gets a rowid above all others in the table and stays as it is: a reading that ended at some
rowid lacks nothing but the points behind it. That is so until points are removed, changed or
numbered anew. Therefore a reading begins afresh where the run's last point is not what it was or
the schema version is another (VACUUM and MLflow's migrations change it). What else was done to old
points by hand shows once the history has grown by an eighth.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeVar

from dashboard.queries.indexes import BY_KEY, BY_RUN, indexed_by
from dashboard.source import Source, snapshot

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

# A history as short as this is read whole each time: it takes a millisecond.
SHORT_POINTS = 4_096
GROWTH = 8
# Values of `metrics` that no line can show; :infinity is bound to the greatest float.
NOT_FINITE = "(is_nan = 1 OR value >= :infinity OR value <= -:infinity)"
GREATEST_ROWID = 2**63 - 1


class Reading(Protocol):
    """What was found in some points of a history."""

    @property
    def points(self) -> int:
        """How many points those were."""

    def merged(self, later: Self) -> Self | None:
        """What is found in those points and in later ones; None to read all points again."""


R = TypeVar("R", bound=Reading)


class Position(NamedTuple):
    """Where a reading ended.

    Args:
        schema: The schema version then.
        rowid: Of the run's last point; 0 where it had none.
        point: That point.
    """

    schema: int
    rowid: int
    point: tuple[Any, ...]


class Cached(NamedTuple, Generic[R]):
    """A reading, where it ended, and how many points were merged since all were read."""

    reading: R
    end: Position
    merged: int


def merge_limit(points: int) -> int:
    """How many later points may be merged into a reading of so many before all are read again.

    >>> merge_limit(1_000), merge_limit(3_000_000)
    (0, 374488)
    """
    return max(0, points - SHORT_POINTS) // GROWTH


class IncrementalQuery(Generic[R]):
    """A reading, shared by all threads, that costs only what is new.

    Args:
        run_id: Whose points are read.
        read: Reads the points behind a rowid; all of them for None.
        merge_limit: How many later points may be merged into a reading of so many.
    """

    def __init__(
        self,
        run_id: str,
        read: Callable[[sqlite3.Connection, int | None], R],
        merge_limit: Callable[[int], int] = merge_limit,
    ) -> None:
        self._run_id = run_id
        self._read = read
        self._merge_limit = merge_limit
        self._lock = threading.Lock()
        self._version: int | None = None
        self._kept: Cached[R] | None = None

    @property
    def is_cached(self) -> bool:
        """Whether something was read already, of this or an earlier state."""
        return self._kept is not None

    def at(self, source: Source) -> R:
        """The reading of all points there are; not to be changed by who gets it.

        Raises:
            DatabaseError: If the database cannot be read.
        """
        with self._lock:
            if self._kept is None or self._version != source.version:
                with snapshot(source) as connection:
                    self._kept = self._present(connection)
                self._version = source.version
            return self._kept.reading

    def _present(self, connection: sqlite3.Connection) -> Cached[R]:
        end = _end(connection, self._run_id)
        if self._kept is None or not self._is_followed(connection, self._kept, end):
            return Cached(self._read(connection, None), end, 0)
        reading, before, merged = self._kept
        if end == before:
            return self._kept
        later = self._read(connection, before.rowid)
        together = reading.merged(later) if later.points else reading
        if together is None:
            return Cached(self._read(connection, None), end, 0)
        return Cached(together, end, merged + later.points)

    def _is_followed(self, connection: sqlite3.Connection, kept: Cached[R], end: Position) -> bool:
        # Some of the rows between may be other metrics' and other runs': no count is as cheap.
        merged_at_most = kept.merged + end.rowid - kept.end.rowid
        return end == kept.end or (
            merged_at_most <= self._merge_limit(kept.reading.points)
            and _end(connection, self._run_id, kept.end.rowid) == kept.end
        )


def _end(connection: sqlite3.Connection, run_id: str, rowid: int = GREATEST_ROWID) -> Position:
    """A run's last point up to a rowid."""
    (schema,) = connection.execute("PRAGMA schema_version").fetchone()
    found = connection.execute(
        f"""
        SELECT rowid, key, value, timestamp, step, is_nan
        FROM metrics {indexed_by(connection, BY_RUN)}
        WHERE run_uuid = ? AND rowid <= ?
        ORDER BY rowid DESC
        LIMIT 1
        """,
        (run_id, rowid),
    ).fetchone()
    last, *point = found or (0,)
    return Position(schema, last, tuple(point))


def points_behind(connection: sqlite3.Connection, after: int | None) -> str:
    """The FROM and WHERE of a metric's points behind the rowid `after`, of all for None.

    To be bound: run_id, key, after.
    """
    if after is None:
        return f"metrics {indexed_by(connection, BY_KEY)} WHERE run_uuid = :run_id AND key = :key"
    by_run = indexed_by(connection, BY_RUN)
    return f"metrics {by_run} WHERE run_uuid = :run_id AND rowid > :after AND key = :key"
