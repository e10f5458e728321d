"""Which runs there are: experiments, pages of a filtered table, counts, names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import streamlit as st

from dashboard.source import Source, placeholders, rows
from tracker.tags import MLFLOW_PARENT_RUN_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.search import Search

RUN_COLUMNS = """
    runs.run_uuid AS run_id,
    runs.name AS name,
    runs.status AS status,
    runs.start_time AS start_time,
    runs.end_time AS end_time,
    runs.user_id AS user_id,
    runs.lifecycle_stage AS lifecycle_stage,
    runs.experiment_id AS experiment_id,
    runs.artifact_uri AS artifact_uri
"""
# The tag that names the run which a run belongs to.
PARENT = MLFLOW_PARENT_RUN_ID
FAMILIES = """
    LEFT JOIN tags AS family ON family.run_uuid = runs.run_uuid AND family.key = ?
    LEFT JOIN runs AS parents ON parents.run_uuid = family.value
"""
BENEATH = "COALESCE(parents.run_uuid, runs.run_uuid), parents.run_uuid IS NOT NULL,"
NO_LIMIT = -1
RECENT_NAMES = 500
# A label ends in so many digits of the run's name or id.
DIGITS_SHOWN = 8
ENDS_IN_DIGITS = f"*_{'[0-9a-f]' * DIGITS_SHOWN}"
SORTS = {
    "Started": "runs.start_time",
    "Name": "runs.name COLLATE NOCASE",
    "Status": "runs.status",
    "Duration": "COALESCE(runs.end_time - runs.start_time, 9e18)",
    "User": "runs.user_id",
}


def number_or_text(column: str) -> str:
    """An expression by which a text column sorts: numbers as numbers, and before other texts."""
    # A comparison with a REAL takes a text for a number where the whole of it is one.
    return f"""
        CASE WHEN {column} <= CAST('9e999' AS REAL) THEN CAST({column} AS NUMERIC) ELSE {column} END
        COLLATE NOCASE
    """


@dataclass(frozen=True)
class RunQuery:
    """Which runs a table shows, and in which order.

    Args:
        experiment_id: None for all experiments.
        stage: 'active' or 'deleted'.
        statuses: Empty for all.
        text: Part of a name; empty for all.
        search: Joins and conditions compiled from the search language.
        children: Where runs are that belong to another run: anywhere, beneath it where the order
            is that of their starts, or nowhere.
        order: A key of SORTS, or `metrics.NAME`, or `params.NAME`.
        descending: Greatest first.
    """

    experiment_id: int | None = None
    stage: str = "active"
    statuses: tuple[str, ...] = ()
    text: str = ""
    search: Search | None = None
    children: Literal["anywhere", "beneath", "hidden"] = "anywhere"
    order: str = "Started"
    descending: bool = True

    def with_text(self, text: str) -> RunQuery:
        """The same, for names that contain a text."""
        return replace(self, text=text)

    def with_search(self, search: Search) -> RunQuery:
        """The same, for runs that a compiled search finds."""
        return replace(self, search=search)


@st.cache_data(show_spinner=False, max_entries=32)
def experiments(source: Source) -> pd.DataFrame:
    """The active experiments, the one with the newest run first; runs counts deleted ones too."""
    found = rows(
        source,
        """
        SELECT experiments.experiment_id, experiments.name, COUNT(runs.run_uuid) AS runs,
               MAX(CASE WHEN runs.lifecycle_stage = 'active' THEN runs.start_time END) AS newest
        FROM experiments
        LEFT JOIN runs ON runs.experiment_id = experiments.experiment_id
        WHERE experiments.lifecycle_stage = 'active'
        GROUP BY experiments.experiment_id, experiments.name
        ORDER BY newest IS NULL, newest DESC, experiments.experiment_id
        """,
    )
    return pd.DataFrame(found, columns=["experiment_id", "name", "runs", "newest"])


@st.cache_data(show_spinner=False, max_entries=8)
def experiment_names(source: Source) -> dict[int, str]:
    """The names of all experiments, deleted ones included, by id."""
    return dict(map(tuple, rows(source, "SELECT experiment_id, name FROM experiments")))


def tables(query: RunQuery) -> tuple[str, list[Any]]:
    """The FROM clause without its keyword, and what it binds."""
    if query.search is None:
        return "runs", []
    return f"runs {query.search.joins}", list(query.search.join_params)


def where(query: RunQuery) -> tuple[str, list[Any]]:
    """The WHERE clause without its keyword, and what it binds."""
    conditions = ["runs.lifecycle_stage = ?"]
    values: list[Any] = [query.stage]
    if query.experiment_id is not None:
        conditions.append("runs.experiment_id = ?")
        values.append(query.experiment_id)
    if query.statuses:
        conditions.append(f"runs.status IN ({placeholders(len(query.statuses))})")
        values.extend(query.statuses)
    if query.children == "hidden":
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND tags.key = ?)"
        )
        values.append(PARENT)
    if query.text:
        conditions.append("instr(lower(runs.name), lower(?)) > 0")
        values.append(query.text)
    if query.search is not None:
        conditions.append(f"({query.search.where})")
        values.extend(query.search.where_params)
    return " AND ".join(conditions), values


def _order(query: RunQuery) -> tuple[str, str, list[Any]]:
    """A join, an ORDER BY expression, and what the join binds."""
    kind, _, key = query.order.partition(".")
    if query.order == "Started" and query.children == "beneath":
        return FAMILIES, "COALESCE(parents.start_time, runs.start_time)", [PARENT]
    if query.order in SORTS:
        return "", SORTS[query.order], []
    table, value = {
        "metrics": ("latest_metrics", "CASE WHEN sorted.is_nan THEN NULL ELSE sorted.value END"),
        "params": ("params", number_or_text("sorted.value")),
    }[kind]
    join = f"LEFT JOIN {table} AS sorted ON sorted.run_uuid = runs.run_uuid AND sorted.key = ?"
    return join, value, [key]


@st.cache_data(show_spinner=False, max_entries=64)
def count_runs(source: Source, query: RunQuery) -> int:
    """How many runs a query finds."""
    joined, joined_values = tables(query)
    chosen, values = where(query)
    found = rows(
        source, f"SELECT COUNT(*) AS n FROM {joined} WHERE {chosen}", (*joined_values, *values)
    )
    return int(found[0]["n"])


@st.cache_data(show_spinner=False, max_entries=64)
def run_page(source: Source, query: RunQuery, limit: int, offset: int = 0) -> pd.DataFrame:
    """One page of runs, one row each, with RUN_COLUMNS."""
    return _read(source, query, limit, offset)


def all_runs(source: Source, query: RunQuery) -> pd.DataFrame:
    """Every run that a query finds, one row each, with RUN_COLUMNS."""
    return _read(source, query, NO_LIMIT, 0)


def _read(source: Source, query: RunQuery, limit: int, offset: int) -> pd.DataFrame:
    joined, joined_values = tables(query)
    chosen, values = where(query)
    join, order, sorted_by = _order(query)
    direction = "DESC" if query.descending else "ASC"
    further = f"{BENEATH if join == FAMILIES else ''} runs.start_time DESC, runs.run_uuid"
    found = rows(
        source,
        f"""
        SELECT {RUN_COLUMNS}
        FROM {joined} {join}
        WHERE {chosen}
        ORDER BY ({order}) IS NULL, {order} {direction}, {further}
        LIMIT ? OFFSET ?
        """,
        (*joined_values, *sorted_by, *values, limit, offset),
    )
    return _run_frame(found)


@st.cache_data(show_spinner=False, max_entries=32)
def ended_since(
    source: Source, experiment_id: int | None, since: int, limit: int
) -> tuple[str, ...]:
    """The ids of active runs that ended at `since` (ms since the epoch) or later, last first."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    found = rows(
        source,
        f"""
        SELECT runs.run_uuid
        FROM runs
        WHERE {chosen} AND runs.end_time >= ? AND runs.status != 'RUNNING'
        ORDER BY runs.end_time DESC, runs.run_uuid
        LIMIT ?
        """,
        (*values, since, limit),
    )
    return tuple(row["run_uuid"] for row in found)


@st.cache_data(show_spinner=False, max_entries=64)
def runs_by_id(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """These runs, deleted ones included, in the order given; unknown ids are left out."""
    found = rows(
        source,
        f"SELECT {RUN_COLUMNS} FROM runs WHERE runs.run_uuid IN ({placeholders(len(run_ids))})",
        run_ids,
    )
    frame = _run_frame(found).set_index("run_id", drop=False)
    return frame.reindex([run_id for run_id in run_ids if run_id in frame.index])


def _run_frame(found: Sequence[Any]) -> pd.DataFrame:
    names = [line.split(" AS ")[1].strip(", \n") for line in RUN_COLUMNS.strip().split("\n")]
    frame = pd.DataFrame(found, columns=names)
    frame["end_time"] = frame["end_time"].astype("Float64")
    frame["seconds"] = (frame["end_time"] - frame["start_time"]) / 1000
    frame["seconds"] = frame["seconds"].astype("float64")
    return frame


@st.cache_data(show_spinner=False, max_entries=32)
def runs_with_digits(source: Source, digits: str) -> list[tuple[str, str | None]]:
    """Id and name of the runs whose ids start with these digits, then of those whose names end so.

    Digits fewer than a label's stand for a whole id only. The first 20 of each.
    """
    last = "\U0010ffff" if len(digits) >= DIGITS_SHOWN else ""
    by_id = rows(
        source,
        """
        SELECT run_uuid, name
        FROM runs
        WHERE run_uuid BETWEEN ? AND ?
        ORDER BY run_uuid
        LIMIT 20
        """,
        (digits, digits + last),
    )
    by_name = rows(
        source,
        """
        SELECT run_uuid, name
        FROM runs
        WHERE name GLOB ? AND substr(name, ?) = ?
        ORDER BY start_time, run_uuid
        LIMIT 20
        """,
        (ENDS_IN_DIGITS, -DIGITS_SHOWN, digits),
    )
    return [(row["run_uuid"], row["name"]) for row in [*by_id, *by_name]]


@st.cache_data(show_spinner=False, max_entries=8)
def shared_digits(source: Source) -> frozenset[str]:
    """The digits in which the names of several runs end, deleted ones included."""
    found = rows(
        source,
        """
        SELECT substr(name, ?) AS digits
        FROM runs
        WHERE name GLOB ?
        GROUP BY digits
        HAVING COUNT(*) > 1
        """,
        (-DIGITS_SHOWN, ENDS_IN_DIGITS),
    )
    return frozenset(row["digits"] for row in found)


@st.cache_data(show_spinner=False, max_entries=8)
def recent_names(source: Source) -> list[str]:
    """The names of the newest active runs of all experiments."""
    found = rows(
        source,
        f"""
        SELECT runs.name
        FROM runs
        WHERE runs.lifecycle_stage = 'active' AND runs.name IS NOT NULL
        ORDER BY runs.start_time DESC
        LIMIT {RECENT_NAMES}
        """,
    )
    return [row["name"] for row in found]


@st.cache_data(show_spinner=False, max_entries=32)
def status_counts(source: Source, experiment_id: int | None) -> dict[str, int]:
    """How many active runs stand in each status."""
    chosen, values = where(RunQuery(experiment_id=experiment_id))
    found = rows(
        source,
        f"SELECT status, COUNT(*) AS n FROM runs WHERE {chosen} GROUP BY status",
        tuple(values),
    )
    return {row["status"]: row["n"] for row in found}
