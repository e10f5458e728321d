"""Histories thinned to what a chart can show, and in full."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pandas as pd
import streamlit as st

from dashboard import smoothing
from dashboard.queries.incremental import NOT_FINITE, Followed, points_behind
from dashboard.queries.indexes import BY_KEY, indexed_by
from dashboard.source import Source, placeholders, snapshot, stream
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

Axis = Literal["step", "relative", "wall"]
POSITIONS: dict[Axis, str] = {
    "step": "step",
    "relative": "(timestamp - :origin)",
    "wall": "timestamp",
}
SUM_TYPES = {
    "bucket": "int64",
    "x": "float64",
    "first": "int64",
    "last": "int64",
    "low": "float64",
    "high": "float64",
    "total": "float64",
    "count": "int64",
}
MERGE = {
    "x": "sum",
    "first": "min",
    "last": "max",
    "low": "min",
    "high": "max",
    "total": "sum",
    "count": "sum",
}


@dataclass(frozen=True)
class History:
    """What to read of one metric of one run.

    Args:
        run_id: The run.
        key: The metric.
        axis: 'step', 'relative' (ms since the run's start) or 'wall' (ms since the epoch).
        low: Where the first bucket starts, in the axis's unit.
        width: Of one bucket, at least 1.
        origin: The run's start in ms, for the relative axis.
    """

    run_id: str
    key: str
    axis: Axis
    low: int
    width: int
    origin: int

    def place(self, step: Any, timestamp: Any) -> Any:
        """Where points lie on the axis, in its unit: numbers or columns of them."""
        if self.axis == "step":
            return step
        return timestamp - (self.origin if self.axis == "relative" else 0)

    def start(self, place: Any) -> Any:
        """Where the bucket of a place starts: numbers or columns of them."""
        return place - (place - self.low) % self.width


class Spot(NamedTuple):
    """One point of a history: its step, its time (ms since the epoch), its value."""

    step: int
    timestamp: int
    value: float


@dataclass(frozen=True)
class Buckets:
    """Points by buckets.

    Args:
        sums: Of the finite points, indexed by bucket: sums of x and of the values (total), their
            number (count), their first and last step, their least (low) and greatest (high) value.
        left_out: How many points are not finite.
    """

    sums: pd.DataFrame
    left_out: int

    @property
    def points(self) -> int:
        """How many points there are."""
        return int(self.sums["count"].sum()) + self.left_out

    def merged(self, later: Buckets) -> Buckets:
        """The buckets of these points and later ones."""
        both = pd.concat([self.sums, later.sums]).groupby(level=0).agg(MERGE)
        return Buckets(both, self.left_out + later.left_out)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Bucket, x, first and last step, low, high, count, and the mean smoothed: s0, s1, ...."""
        table = self.sums.reset_index()
        table["x"] = table["x"] / table["count"]
        mean = table.pop("total") / table["count"]
        smooth = pd.DataFrame(
            smoothing.levels(mean).T,
            columns=[f"s{level}" for level in range(smoothing.LEVELS)],
        )
        return pd.concat([table, smooth], axis=1)


def history(source: Source, wanted: History) -> pd.DataFrame:
    """One metric thinned to buckets: see `Buckets.table`.

    Values that are not finite are left out. The table is shared: not to be changed.
    """
    return _line((source.path, source.identity), wanted).at(source).table


def best(source: Source, wanted: History, table: pd.DataFrame, better: str) -> Spot | None:
    """The least or greatest finite value, where it was logged first; None where there is none.

    The buckets know the value, and of the points only those in one of them are looked at.

    Args:
        source: The database's state.
        wanted: The history.
        table: What `history` said of it.
        better: 'less' or 'more'.
    """
    if table.empty:
        return None
    column = "low" if better == "less" else "high"
    extreme = table[column].argmin() if better == "less" else table[column].argmax()
    found = table.iloc[int(extreme)]
    with snapshot(source) as connection:
        spot = connection.execute(
            f"""
            SELECT step, timestamp, value
            FROM metrics {indexed_by(connection, BY_KEY)}
            WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
                  AND value = :value AND is_nan = 0 AND {_bucket(wanted.axis)} = :bucket
            ORDER BY step, timestamp
            LIMIT 1
            """,
            {
                "first": int(found["first"]),
                "last": int(found["last"]),
                "value": float(found[column]),
                "bucket": int(found["bucket"]),
            }
            | _bound(wanted),
        ).fetchone()
    return Spot(*spot) if spot else None


@st.cache_resource(show_spinner=False, max_entries=512)
def _line(file: tuple[str, tuple[int, int]], wanted: History) -> Followed[Buckets]:
    del file
    return Followed(wanted.run_id, partial(read_buckets, wanted))


def read_buckets(wanted: History, connection: sqlite3.Connection, after: int | None) -> Buckets:
    """The buckets of the points behind a rowid; of all for None."""
    x = POSITIONS[wanted.axis]
    found = connection.execute(
        f"""
        SELECT CASE WHEN {NOT_FINITE} THEN NULL
                    ELSE {_bucket(wanted.axis)}
               END AS bucket,
               TOTAL({x}) AS x, MIN(step) AS first, MAX(step) AS last,
               MIN(value) AS low, MAX(value) AS high, TOTAL(value) AS total, COUNT(*) AS count
        FROM {points_behind(connection, after)}
        GROUP BY bucket
        ORDER BY bucket
        """,
        {"after": after, "infinity": LARGEST} | _bound(wanted),
    ).fetchall()
    left_out = found.pop(0)["count"] if found and found[0]["bucket"] is None else 0
    sums = pd.DataFrame(found, columns=list(SUM_TYPES)).astype(SUM_TYPES)
    return Buckets(sums.set_index("bucket"), left_out)


def _bucket(axis: Axis) -> str:
    return f"CAST(({POSITIONS[axis]} - :low) / :width AS INTEGER)"


def _bound(wanted: History) -> dict[str, str | int]:
    return {
        "run_id": wanted.run_id,
        "key": wanted.key,
        "low": wanted.low,
        "width": wanted.width,
        "origin": wanted.origin,
    }


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
