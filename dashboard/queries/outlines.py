"""How far histories reach, and where their values are not finite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.queries.incremental import NOT_FINITE, Followed, points_behind
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    import sqlite3

    from dashboard.source import Source

MAX_MARKS = 200
MARK_TYPES = {"step": "int64", "timestamp": "int64", "kind": "str"}


class Extent(NamedTuple):
    """How far a history reaches: its steps, its times (ms since the epoch), its points."""

    first_step: int
    last_step: int
    begun: int
    ended: int
    points: int


@dataclass(frozen=True)
class Outline:
    """How far points reach, and where the first of them are that are not finite."""

    extent: Extent
    nonfinite: pd.DataFrame

    @property
    def points(self) -> int:
        """How many points there are."""
        return self.extent.points

    def merged(self, later: Outline) -> Outline:
        """The outline of these points and later ones."""
        if not self.points:
            return later
        mine, theirs = self.extent, later.extent
        extent = Extent(
            min(mine.first_step, theirs.first_step),
            max(mine.last_step, theirs.last_step),
            min(mine.begun, theirs.begun),
            max(mine.ended, theirs.ended),
            mine.points + theirs.points,
        )
        both = pd.concat([self.nonfinite, later.nonfinite])
        ordered = both.sort_values("step", kind="stable", ignore_index=True)
        return Outline(extent, ordered.head(MAX_MARKS))


def extent(source: Source, run_id: str, key: str) -> Extent:
    """How far the history of one metric of one run reaches."""
    return _outline((source.path, source.identity), run_id, key).at(source).extent


def nonfinite(source: Source, run_id: str, key: str) -> pd.DataFrame:
    """Where NaN or ±infinity was logged: step, timestamp (ms), kind; the first 200.

    The table is shared: not to be changed.
    """
    return _outline((source.path, source.identity), run_id, key).at(source).nonfinite


@st.cache_resource(show_spinner=False, max_entries=2048)
def _outline(file: tuple[str, tuple[int, int]], run_id: str, key: str) -> Followed[Outline]:
    del file
    return Followed(run_id, partial(read_outline, run_id, key))


def read_outline(
    run_id: str, key: str, connection: sqlite3.Connection, after: int | None
) -> Outline:
    """The outline of the points behind a rowid; of all for None."""
    chosen = points_behind(connection, after)
    bound = {"run_id": run_id, "key": key, "after": after, "infinity": LARGEST}
    *reach, odd = connection.execute(
        f"""
        SELECT MIN(step), MAX(step), MIN(timestamp), MAX(timestamp), COUNT(*), TOTAL({NOT_FINITE})
        FROM {chosen}
        """,
        bound,
    ).fetchone()
    found: list[Any] = []
    if odd:
        found = connection.execute(
            f"""
            SELECT step, timestamp,
                   CASE WHEN is_nan THEN 'NaN' WHEN value > 0 THEN '∞' ELSE '-∞' END AS kind
            FROM {chosen} AND {NOT_FINITE}
            ORDER BY step, rowid
            LIMIT {MAX_MARKS}
            """,
            bound,
        ).fetchall()
    table = pd.DataFrame(found, columns=list(MARK_TYPES)).astype(MARK_TYPES)
    return Outline(Extent(*(int(value or 0) for value in reach)), table)
