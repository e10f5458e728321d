"""Which runs there are: experiments, pages of a filtered table, counts, names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

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
NO_LIMIT = -1
# A label ends in so many digits of the run's name or id.
DIGITS_SHOWN = 8
ENDS_IN_DIGITS = f"*_{'[0-9a-f]' * DIGITS_SHOWN}"
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")
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
        order: A key of SORTS, or `metrics.NAME`, or `params.NAME`.
        descending: Greatest first.
    """

    experiment_id: int | None = None
    stage: str = "active"
    statuses: tuple[str, ...] = ()
    text: str = ""
    search: Search | None = None
    order: str = "Started"
    descending: bool = True

    def with_text(self, text: str) -> RunQuery:
        """The same, for names that contain a text."""
        return replace(self, text=text)

    def with_order(self, order: str, *, descending: bool) -> RunQuery:
        """The same runs in another order."""
        return replace(self, order=order, descending=descending)

    def with_statuses(self, statuses: tuple[str, ...]) -> RunQuery:
        """The same, for runs that stand in one of these."""
        return replace(self, statuses=statuses)

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


@st.cache_data(show_spinner=False, max_entries=64)
def run_ids(source: Source, query: RunQuery, limit: int) -> tuple[str, ...]:
    """The ids of the first runs that a query finds, in its order."""
    return tuple(_read(source, query, limit, 0)["run_id"])


def all_runs(source: Source, query: RunQuery) -> pd.DataFrame:
    """Every run that a query finds, one row each, with RUN_COLUMNS."""
    return _read(source, query, NO_LIMIT, 0)


def _read(source: Source, query: RunQuery, limit: int, offset: int) -> pd.DataFrame:
    joined, joined_values = tables(query)
    chosen, values = where(query)
    join, order, sorted_by = _order(query)
    direction = "DESC" if query.descending else "ASC"
    found = rows(
        source,
        f"""
        SELECT {RUN_COLUMNS}
        FROM {joined} {join}
        WHERE {chosen}
        ORDER BY ({order}) IS NULL, {order} {direction}, runs.start_time DESC, runs.run_uuid
        LIMIT ? OFFSET ?
        """,
        (*joined_values, *sorted_by, *values, limit, offset),
    )
    return _run_frame(found)


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


def experiment_id(source: Source, text: str, everything: str) -> str:
    """The id of the experiment that a link names by id or, as earlier editions did, by name.

    Args:
        source: The database's state.
        text: From a link.
        everything: Stands for all experiments, and for itself.

    Returns:
        '' where there is no such experiment.
    """
    names = experiment_names(source)
    if text == everything or (text.isdecimal() and int(text) in names):
        return text
    return next((str(number) for number, name in names.items() if name == text), "")


def linked_run(source: Source, text: str, *, deleted: bool = False) -> str | None:
    """The run that a link names: by the first digits of its id, or by an earlier edition's label.

    Such a label is a name, a dot, and digits of the id or of the end of the name. Digits that are
    those of several runs are taken for the id's, then for the run of the label's name, then for
    those of the run that had them first.

    Args:
        source: The database's state.
        text: From a link.
        deleted: Whether a deleted run will do.
    """
    head, _, digits = text.rpartition(" ")
    name = head.removesuffix(" ·").rstrip("…")
    found = runs_with_digits(source, digits)
    if name or not found:
        found = [*found, *runs_named_with_digits(source, digits)]
    found = [run for run in found if deleted or run.is_active]
    by_name = [run for run in found if name and run.name.startswith(name)]
    return next((run.run_id for run in by_name or found), None)


class Digits(NamedTuple):
    """A run whose id begins, or whose name ends, with certain digits."""

    run_id: str
    name: str
    is_active: bool


@st.cache_data(show_spinner=False, max_entries=1024)
def runs_with_digits(source: Source, digits: str) -> list[Digits]:
    """The first 20 runs whose ids start with these digits; fewer than a label's are a whole id."""
    last = "\U0010ffff" if len(digits) >= DIGITS_SHOWN else ""
    found = rows(
        source,
        """
        SELECT run_uuid, COALESCE(name, ''), lifecycle_stage = 'active'
        FROM runs
        WHERE run_uuid BETWEEN ? AND ?
        ORDER BY run_uuid
        LIMIT 20
        """,
        (digits, digits + last),
    )
    return [Digits(run_id, name, bool(active)) for run_id, name, active in found]


@st.cache_data(show_spinner=False, max_entries=64)
def runs_named_with_digits(source: Source, digits: str) -> list[Digits]:
    """The first 20 runs whose names end in an underscore and these digits, the oldest first."""
    found = rows(
        source,
        """
        SELECT run_uuid, COALESCE(name, ''), lifecycle_stage = 'active'
        FROM runs
        WHERE name GLOB ? AND substr(name, ?) = ?
        ORDER BY start_time, run_uuid
        LIMIT 20
        """,
        (ENDS_IN_DIGITS, -DIGITS_SHOWN, digits),
    )
    return [Digits(run_id, name, bool(active)) for run_id, name, active in found]


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


@st.cache_data(show_spinner=False, max_entries=8)
def newest_run(source: Source) -> tuple[Any, ...]:
    """What changes where a run is added."""
    (found,) = rows(source, "SELECT MAX(rowid) FROM runs")
    return tuple(found)


@st.cache_data(show_spinner=False, max_entries=32)
def experiment_tags(source: Source, experiment_id: int) -> dict[str, str]:
    """The tags of an experiment."""
    found = rows(
        source,
        "SELECT key, value FROM experiment_tags WHERE experiment_id = ? ORDER BY key",
        (experiment_id,),
    )
    return {row["key"]: row["value"] or "" for row in found}
