"""The best value of each metric of a run, and the step at which it was first reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.metrics import better
from dashboard.queries.incremental import NOT_FINITE, IncrementalQuery, points_behind
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    import sqlite3

    from dashboard.source import Source


class Extreme(NamedTuple):
    """A metric's best value and its step."""

    value: float
    step: int


@dataclass(frozen=True)
class Extremes:
    """The best of each metric that says whether less or more is better, among some points."""

    best: dict[str, Extreme]
    points: int

    def merged(self, later: Extremes) -> Extremes:
        """The best among these points and later ones; the earlier where they are equal."""
        best = dict(self.best)
        for key, other in later.best.items():
            mine = best.get(key)
            if mine is None or _is_better(key, other.value, mine.value):
                best[key] = other
        return Extremes(best, self.points + later.points)


def _is_better(key: str, one: float, other: float) -> bool:
    return one < other if better(key) == "less" else one > other


def best_of(source: Source, run_id: str) -> dict[str, Extreme]:
    """The best of each metric of a run whose name says whether less or more is better."""
    return _followed((source.path, source.identity), run_id).at(source).best


@st.cache_resource(show_spinner=False, max_entries=256)
def _followed(file: tuple[str, tuple[int, int]], run_id: str) -> IncrementalQuery[Extremes]:
    del file
    return IncrementalQuery(run_id, partial(read_extremes, run_id))


def read_extremes(run_id: str, connection: sqlite3.Connection, after: int | None) -> Extremes:
    """The best among the points behind a rowid; among all for None."""
    best: dict[str, Extreme] = {}
    points = 0
    found = connection.execute("SELECT key FROM latest_metrics WHERE run_uuid = ?", (run_id,))
    for (key,) in found.fetchall():
        if direction := better(key):
            extreme, count = _read(connection, run_id, key, after, direction)
            points += count
            if extreme:
                best[key] = extreme
    return Extremes(best, points)


def _read(
    connection: sqlite3.Connection, run_id: str, key: str, after: int | None, direction: str
) -> tuple[Extreme | None, int]:
    # With a single MIN or MAX, SQLite takes the step from the first row where it stands.
    value, step, count = connection.execute(
        f"""
        SELECT {"MIN" if direction == "less" else "MAX"}(value), step, COUNT(*)
        FROM {points_behind(connection, after)} AND NOT {NOT_FINITE}
        """,
        {"run_id": run_id, "key": key, "after": after, "infinity": LARGEST},
    ).fetchone()
    return (None if value is None else Extreme(value, step)), count
