"""Histories thinned to what a chart can show, and in full.

A history is read once, in buckets of steps, and serves every axis: a bucket knows when it was
logged. Where a run was resumed and logged steps again, the buckets hold the last attempt, and what
it replaced lies beside them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import streamlit as st

from dashboard.queries.incremental import (
    NOT_FINITE,
    SHORT_POINTS,
    IncrementalQuery,
    points_behind,
)
from dashboard.queries.indexes import BY_KEY, indexed_by
from dashboard.source import Source, placeholders, snapshot, stream
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

# What is kept of each bucket, and how two of the same bucket are merged.
AGGREGATES = """
    MIN(timestamp) AS begun, MAX(timestamp) AS ended, MIN(value) AS low, MAX(value) AS high,
    TOTAL(value) AS total, COUNT(*) AS points
"""
MERGES = (np.minimum, np.maximum, np.minimum, np.maximum, np.add, np.add)
STARTS = (np.inf, -np.inf, np.inf, -np.inf, 0.0, 0.0)
MAX_MARKS = 200
# With more of them, steps are repeated by several writers or on purpose, not by a resumed run.
MAX_RESTARTS = 16
MAX_LINES = 2_000
READERS = 2
LINES_LOCK = threading.Lock()


class Span(NamedTuple):
    """How far a history reaches in steps, and whether it has more than one point."""

    first: int
    last: int
    has_course: bool

    @property
    def has_steps(self) -> bool:
        """False where every point was logged at step 0."""
        return not (self.has_course and self.first == self.last == 0)


class Restart(NamedTuple):
    """When an attempt began (ms since the epoch), and at which step: earlier ones end there."""

    timestamp: int
    step: int


@dataclass(frozen=True)
class History:
    """What to read of one metric of one run.

    Args:
        run_id: The run.
        key: The metric.
        low: Where the first bucket starts: a step, or ms since the epoch.
        width: Of one bucket, at least 1.
        by_time: Whether buckets are made by time, for a history without steps.
    """

    run_id: str
    key: str
    low: int
    width: int
    by_time: bool = False

    @property
    def place(self) -> str:
        """The column by which points are put into buckets."""
        return "timestamp" if self.by_time else "step"

    @property
    def bound(self) -> dict[str, Any]:
        """What the statements bind."""
        return {
            "run_id": self.run_id,
            "key": self.key,
            "low": self.low,
            "width": self.width,
            "infinity": LARGEST,
        }


class Spot(NamedTuple):
    """One point of a history: its step, its time (ms since the epoch), its value."""

    step: int
    timestamp: int
    value: float


class Mark(NamedTuple):
    """A value that is not finite: its step, its time, and 'NaN', '∞' or '-∞'."""

    step: int
    timestamp: int
    kind: str


class Sums(NamedTuple):
    """The finite points by bucket, ascending: times in ms since the epoch, values, how many."""

    bucket: NDArray[np.float64]
    begun: NDArray[np.float64]
    ended: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    total: NDArray[np.float64]
    points: NDArray[np.float64]

    @staticmethod
    def of(rows: Iterable[Iterable[float]]) -> Sums:
        """Those of rows in this order of columns."""
        return Sums(*np.array([tuple(row) for row in rows], dtype="float64").reshape(-1, 7).T)

    @property
    def time(self) -> NDArray[np.float64]:
        """The middle of each bucket's times."""
        return (self.begun + self.ended) / 2

    @property
    def mean(self) -> NDArray[np.float64]:
        """Of each bucket's values."""
        return self.total / self.points

    def merged(self, later: Sums) -> Sums:
        """The buckets of both."""
        bucket, place = np.unique(np.append(self.bucket, later.bucket), return_inverse=True)
        columns = []
        for merge, start, mine, theirs in zip(MERGES, STARTS, self[1:], later[1:], strict=True):
            column = np.full(len(bucket), start)
            merge.at(column, place, np.append(mine, theirs))
            columns.append(column)
        return Sums(bucket, *columns)


@dataclass(frozen=True)
class Buckets:
    """Points by buckets.

    Args:
        sums: Of the finite points.
        points: How many points there are.
        first: The least step.
        last: The greatest step of the last attempt.
        begun: The earliest time, in ms since the epoch.
        ended: The latest time.
        odd: The first 200 values that are not finite, by step.
        restarts: Where earlier attempts end; None where steps are repeated all over.
        superseded: Like `sums`, of the points of earlier attempts that a later one logged again.
        bests: What `best` found, by direction.
        details: What `detail` found, by history and last step.
    """

    sums: Sums
    points: int
    first: int
    last: int
    begun: int
    ended: int
    odd: Sequence[Mark] = ()
    restarts: tuple[Restart, ...] | None = ()
    superseded: Sums | None = None
    bests: dict[str, Spot | None] = field(default_factory=dict, compare=False)
    details: dict[tuple[History, int], Sums] = field(default_factory=dict, compare=False)

    def merged(self, later: Buckets) -> Buckets | None:
        """The buckets of these points and later ones; None where those may repeat steps of these.

        They do not if they go on from the last step, in the order of time.
        """
        if not self.points:
            return later
        goes_on = later.first > self.last and later.begun >= self.ended and later.restarts == ()
        if self.restarts is not None and not goes_on:
            return None
        odd = sorted([*self.odd, *later.odd], key=lambda mark: mark.step)
        return replace(
            self,
            sums=self.sums.merged(later.sums),
            points=self.points + later.points,
            first=min(self.first, later.first),
            last=max(self.last, later.last),
            begun=min(self.begun, later.begun),
            ended=max(self.ended, later.ended),
            odd=odd[:MAX_MARKS],
            bests={},
            details={},
        )


@st.cache_data(show_spinner=False, max_entries=64)
def spans(source: Source, run_ids: tuple[str, ...]) -> dict[tuple[str, str], Span]:
    """How far every metric of these runs reaches, by run id and key."""
    with snapshot(source) as connection:
        one = f"""
            FROM metrics {indexed_by(connection, BY_KEY)}
            WHERE metrics.run_uuid = ends.run_uuid AND metrics.key = ends.key
        """
        found = connection.execute(
            f"""
            SELECT ends.run_uuid, ends.key,
                   (SELECT metrics.step {one} ORDER BY metrics.step LIMIT 1) AS first,
                   (SELECT metrics.step {one} ORDER BY metrics.step DESC LIMIT 1) AS last,
                   EXISTS (SELECT 1 {one} LIMIT 1 OFFSET 1) AS has_course
            FROM latest_metrics AS ends
            WHERE ends.run_uuid IN ({placeholders(len(run_ids))})
            """,
            run_ids,
        )
        return {
            (row["run_uuid"], row["key"]): Span(row["first"], row["last"], bool(row["has_course"]))
            for row in found
            if row["first"] is not None
        }


def times(source: Source, run_id: str, key: str) -> tuple[int, int]:
    """The first and the last time of a history, in ms since the epoch."""
    with snapshot(source) as connection:
        found = connection.execute(
            f"""
            SELECT MIN(timestamp), MAX(timestamp)
            FROM metrics {indexed_by(connection, BY_KEY)}
            WHERE run_uuid = ? AND key = ?
            """,
            (run_id, key),
        ).fetchone()
    return int(found[0] or 0), int(found[1] or 0)


def read(source: Source, wanted: Sequence[History]) -> list[Buckets]:
    """Metrics thinned to buckets, shared: not to be changed."""
    kept = _kept((source.path, source.identity))
    with LINES_LOCK:
        lines = [_line(kept, one) for one in wanted]
    unread = [line for line in lines if not line.is_cached]
    if len(unread) > 1:
        # SQLite works outside Python's lock: two histories are read in the time of one and a half.
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(lambda line: line.at(source), unread))
    return [line.at(source) for line in lines]


def detail(source: Source, wanted: History, until: int, found: Buckets) -> Sums:
    """A part of a history in narrower buckets.

    Args:
        source: The database's state.
        wanted: Where the part starts, and the width of its buckets.
        until: Its last step.
        found: What `read` said of the history.
    """
    if (wanted, until) not in found.details:
        kept = f"AND NOT {superseded(found.restarts)}" if found.restarts else ""
        with snapshot(source) as connection:
            chosen = f"{points_behind(connection, None)} AND step BETWEEN :low AND :until {kept}"
            bound = wanted.bound | {"until": until}
            found.details[wanted, until] = _grouped(connection, wanted, chosen, bound)
    return found.details[wanted, until]


def _line(
    kept: dict[History, IncrementalQuery[Buckets]], wanted: History
) -> IncrementalQuery[Buckets]:
    # Streamlit's own caches take a millisecond to make a key of a history: too long for hundreds.
    line = kept.pop(wanted, None)
    if line is None:
        line = IncrementalQuery(wanted.run_id, partial(read_buckets, wanted))
    kept[wanted] = line
    while len(kept) > MAX_LINES:
        kept.pop(next(iter(kept)), None)
    return line


@st.cache_resource(show_spinner=False, max_entries=8)
def _kept(file: tuple[str, tuple[int, int]]) -> dict[History, IncrementalQuery[Buckets]]:
    """The lines of a file that were read, the ones wanted last at the end."""
    del file
    return {}


def read_buckets(wanted: History, connection: sqlite3.Connection, after: int | None) -> Buckets:
    """The buckets of the points behind a rowid; of all for None."""
    chosen = points_behind(connection, after)
    bound = wanted.bound | {"after": after}
    first, last, points = connection.execute(
        f"SELECT MIN(step), MAX(step), COUNT(*) FROM {chosen}", bound
    ).fetchone()
    if not points:
        return NOTHING
    dense = after is None and not wanted.by_time and points > SHORT_POINTS
    sums = (
        _bucket_by_bucket(connection, wanted, chosen, last)
        if dense
        else _grouped(connection, wanted, chosen, bound)
    )
    left_out = sums.points.sum() < points
    odd = _marks(connection, chosen, bound) if left_out else []
    begun = int(min([*sums.begun, *(mark.timestamp for mark in odd)]))
    ended = int(max([*sums.ended, *(mark.timestamp for mark in odd)]))
    found = Buckets(sums, points, first, last, begun, ended, odd)
    if wanted.by_time or not (left_out or after or _may_be_resumed(sums, wanted.width)):
        return found
    return _last_attempt(connection, wanted, chosen, bound, found)


def _grouped(
    connection: sqlite3.Connection, wanted: History, chosen: str, bound: dict[str, Any]
) -> Sums:
    return Sums.of(
        connection.execute(
            f"""
            SELECT CAST(({wanted.place} - :low) / :width AS INTEGER) AS bucket, {AGGREGATES}
            FROM {chosen} AND NOT {NOT_FINITE}
            GROUP BY bucket
            ORDER BY bucket
            """,
            bound,
        )
    )


def _bucket_by_bucket(
    connection: sqlite3.Connection, wanted: History, chosen: str, last: int
) -> Sums:
    """What `_grouped` finds, without sorting: a statement a bucket takes half the time."""
    statement = f"""
        SELECT :bucket, {AGGREGATES}
        FROM {chosen} AND step BETWEEN :from AND :to AND NOT {NOT_FINITE}
    """
    found = []
    for bucket in range((last - wanted.low) // wanted.width + 1):
        start = wanted.low + bucket * wanted.width
        place = {"bucket": bucket, "from": start, "to": start + wanted.width - 1}
        found.append(connection.execute(statement, wanted.bound | place).fetchone())
    return Sums.of(row for row in found if row["points"])


NOTHING = Buckets(Sums.of([]), points=0, first=0, last=0, begun=0, ended=0)


def _marks(connection: sqlite3.Connection, chosen: str, bound: dict[str, Any]) -> list[Mark]:
    found = connection.execute(
        f"""
        SELECT step, timestamp,
               CASE WHEN is_nan THEN 'NaN' WHEN value > 0 THEN '∞' ELSE '-∞' END AS kind
        FROM {chosen} AND {NOT_FINITE}
        ORDER BY step, rowid
        LIMIT {MAX_MARKS}
        """,
        bound,
    )
    return [Mark(*row) for row in found]


def _may_be_resumed(sums: Sums, width: int) -> bool:
    """Whether steps were logged after greater ones, or more than once."""
    earliest_behind = np.minimum.accumulate(sums.begun[::-1])[::-1]
    is_late = (sums.ended[:-1] > earliest_behind[1:]).any()
    return bool(is_late or (sums.points > width).any())


def _last_attempt(
    connection: sqlite3.Connection,
    wanted: History,
    chosen: str,
    bound: dict[str, Any],
    found: Buckets,
) -> Buckets:
    """The same buckets, with what was logged again beside them."""
    points = connection.execute(f"SELECT timestamp, step FROM {chosen}", bound).fetchall()
    time, step = np.array(points, dtype="int64").T
    restarts = _restarts(time, step)
    found = replace(found, restarts=restarts, begun=int(time.min()), ended=int(time.max()))
    if not restarts:
        return found
    kept = ~np.logical_or.reduce([(time < at.timestamp) & (step >= at.step) for at in restarts])
    earlier = superseded(restarts)
    return replace(
        found,
        sums=_grouped(connection, wanted, f"{chosen} AND NOT {earlier}", bound),
        last=int(step[kept].max()),
        odd=_marks(connection, f"{chosen} AND NOT {earlier}", bound),
        superseded=_grouped(connection, wanted, f"{chosen} AND {earlier}", bound),
    )


def _restarts(time: NDArray[np.int64], step: NDArray[np.int64]) -> tuple[Restart, ...] | None:
    """Where later points begin to repeat steps; None where that is too often to be resumed runs."""
    order = np.lexsort((step, time))
    time, step = time[order], step[order]
    (back,) = np.nonzero(step[1:] <= step[:-1])
    if len(back) > MAX_RESTARTS:
        return None
    found = [Restart(int(time[index + 1]), int(step[index + 1])) for index in back]
    return tuple(restart for restart in found if _repeats(restart, time, step))


def _repeats(restart: Restart, time: NDArray[np.int64], step: NDArray[np.int64]) -> bool:
    earlier = time < restart.timestamp
    again = step[~earlier & (step >= restart.step)]
    return bool(np.isin(step[earlier & (step >= restart.step)], again).any())


def superseded(restarts: Sequence[Restart]) -> str:
    """An SQL condition: points that a later attempt has logged again, or gone back behind.

    >>> superseded([Restart(1_000, 50)])
    '((timestamp < 1000 AND step >= 50))'
    """
    ends = [f"(timestamp < {at.timestamp:d} AND step >= {at.step:d})" for at in restarts]
    return f"({' OR '.join(ends)})"


def best(source: Source, wanted: History, found: Buckets, better: str) -> Spot | None:
    """The least or greatest finite value, where it was logged first; None where there is none.

    The buckets know the value, and of the points only those in one of them are looked at.

    Args:
        source: The database's state.
        wanted: The history.
        found: What `history` said of it.
        better: 'less' or 'more'.
    """
    if better not in found.bests:
        found.bests[better] = _best(source, wanted, found, better)
    return found.bests[better]


def _best(source: Source, wanted: History, found: Buckets, better: str) -> Spot | None:
    if not len(found.sums.bucket):
        return None
    column = found.sums.low if better == "less" else found.sums.high
    position = int(column.argmin() if better == "less" else column.argmax())
    bucket = int(found.sums.bucket[position])
    start = wanted.low + bucket * wanted.width
    kept = f"AND NOT {superseded(found.restarts)}" if found.restarts else ""
    with snapshot(source) as connection:
        spot = connection.execute(
            f"""
            SELECT step, timestamp, value
            FROM metrics {indexed_by(connection, BY_KEY)}
            WHERE run_uuid = :run_id AND key = :key AND {wanted.place} BETWEEN :from AND :to
                  AND value = :value AND is_nan = 0 {kept}
            ORDER BY step, timestamp
            LIMIT 1
            """,
            wanted.bound
            | {"from": start, "to": start + wanted.width - 1, "value": float(column[position])},
        ).fetchone()
    return Spot(*spot) if spot else None


def points(source: Source, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[sqlite3.Row]:
    """Every point of these metrics: run_uuid, name, key, step, timestamp (ms), value, is_nan."""
    yield from stream(
        source,
        f"""
        SELECT metrics.run_uuid, runs.name, metrics.key, metrics.step, metrics.timestamp,
               metrics.value, metrics.is_nan
        FROM metrics
        JOIN runs ON runs.run_uuid = metrics.run_uuid
        WHERE metrics.run_uuid IN ({placeholders(len(run_ids))})
              AND metrics.key IN ({placeholders(len(keys))})
        ORDER BY metrics.run_uuid, metrics.key, metrics.step
        """,
        (*run_ids, *keys),
    )
