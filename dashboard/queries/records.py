"""What runs recorded: parameters, tags, last values, data sets; and which tables there are."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboard import untrusted
from dashboard.queries.run_lists import PARENT
from dashboard.source import Source, placeholders, rows
from tracker.numbers import read_value
from tracker.tags import MLFLOW_DATASET_CONTEXT

FIRST_TABLES = ("runs", "metrics", "latest_metrics", "params", "tags", "experiments")
# Larger integers cannot be told from their neighbors by a browser.
MOST_ROWS = 2**53


@st.cache_data(show_spinner=False, max_entries=64)
def params_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Parameters of runs: run_id, key, value (text)."""
    return _by_run(source, "params", run_ids)


@st.cache_data(show_spinner=False, max_entries=64)
def tags_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Tags of runs: run_id, key, value (text)."""
    return _by_run(source, "tags", run_ids)


def tags_of_run(source: Source, run_id: str) -> dict[str, str]:
    """The tags of one run."""
    found = tags_of(source, (run_id,))
    return {str(k): str(v or "") for k, v in zip(found["key"], found["value"], strict=True)}


@st.cache_data(show_spinner=False, max_entries=64)
def children_of(source: Source, run_id: str) -> list[str]:
    """The ids of the active runs that belong to a run, the newest first."""
    found = rows(
        source,
        """
        SELECT tags.run_uuid
        FROM tags
        JOIN runs ON runs.run_uuid = tags.run_uuid
        WHERE tags.key = ? AND tags.value = ? AND runs.lifecycle_stage = 'active'
        ORDER BY runs.start_time DESC, runs.run_uuid
        """,
        (PARENT, run_id),
    )
    return [row["run_uuid"] for row in found]


def _by_run(source: Source, table: Literal["params", "tags"], ids: tuple[str, ...]) -> pd.DataFrame:
    found = rows(
        source,
        f"""
        SELECT run_uuid, key, value
        FROM {table}
        WHERE run_uuid IN ({placeholders(len(ids))})
        ORDER BY key
        """,
        ids,
    )
    return pd.DataFrame(found, columns=["run_id", "key", "value"])


@st.cache_data(show_spinner=False, max_entries=64)
def latest_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """The last value of each metric: run_id, key, value, step, timestamp (ms)."""
    found = rows(
        source,
        f"""
        SELECT run_uuid, key, value, is_nan, step, timestamp
        FROM latest_metrics
        WHERE run_uuid IN ({placeholders(len(run_ids))})
        ORDER BY key
        """,
        run_ids,
    )
    data = [
        (row["run_uuid"], row["key"], read_value(row["value"], row["is_nan"]), row["step"], row[5])
        for row in found
    ]
    return pd.DataFrame(data, columns=["run_id", "key", "value", "step", "timestamp"])


def by_run(source: Source, table: Literal["params", "latest_metrics"], key: str) -> dict[str, Any]:
    """The value of one parameter or the last value of one metric of every run, by run id."""
    is_nan = "is_nan" if table == "latest_metrics" else "0"
    found = rows(source, f"SELECT run_uuid, value, {is_nan} FROM {table} WHERE key = ?", (key,))
    if table == "params":
        return {run_id: value for run_id, value, _ in found}
    return {run_id: read_value(value, is_nan) for run_id, value, is_nan in found}


@st.cache_data(show_spinner=False, max_entries=32)
def known_keys(
    source: Source, table: Literal["params", "latest_metrics"], experiment_id: int | None = None
) -> list[str]:
    """The names in a table that any run of an experiment has, found by hopping through its key."""
    used = f"""
        AND EXISTS (
            SELECT 1 FROM {table} AS used
            CROSS JOIN runs ON runs.run_uuid = used.run_uuid
            WHERE used.key = hop.key AND runs.experiment_id = :experiment_id
        )
    """
    found = rows(
        source,
        f"""
        WITH RECURSIVE hop(key) AS (
            SELECT MIN(key) FROM {table}
            UNION ALL
            SELECT (SELECT MIN(key) FROM {table} WHERE key > hop.key) FROM hop
            WHERE hop.key IS NOT NULL
        )
        SELECT key FROM hop
        WHERE key IS NOT NULL {used if experiment_id is not None else ""}
        LIMIT 1000
        """,
        {"experiment_id": experiment_id} if experiment_id is not None else {},
    )
    return [row["key"] for row in found]


@st.cache_data(show_spinner=False, max_entries=64)
def datasets_of(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Data sets the runs used: run_id, name, digest, context, source, rows, profile (JSON)."""
    found = rows(
        source,
        f"""
        SELECT inputs.destination_id, datasets.name, datasets.digest, input_tags.value,
               datasets.dataset_source_type, datasets.dataset_source, datasets.dataset_profile
        FROM inputs
        JOIN datasets ON datasets.dataset_uuid = inputs.source_id
        LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
             AND input_tags.name = ?
        WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN'
              AND inputs.destination_id IN ({placeholders(len(run_ids))})
        ORDER BY datasets.name, datasets.digest
        """,
        (MLFLOW_DATASET_CONTEXT, *run_ids),
    )
    names = ["run_id", "name", "digest", "context", "source_type", "source", "profile"]
    frame = pd.DataFrame(found, columns=names)
    frame["rows"] = [_profile_rows(text) for text in frame["profile"]]
    return frame


@untrusted.or_none
def _profile_rows(profile: str | None) -> int | None:
    parsed = untrusted.parsed((profile or "{}").encode(), "The profile")
    count = parsed["num_rows"]
    return count if isinstance(count, int) and 0 <= count <= MOST_ROWS else None


@st.cache_data(show_spinner=False, max_entries=8)
def tables(source: Source) -> dict[str, list[str]]:
    """Tables with their columns and types, the tracker's own first."""
    found = rows(
        source,
        """
        SELECT tables.name AS "table", columns.name AS "column", columns.type
        FROM sqlite_master AS tables
        JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
        ORDER BY tables.name, columns.cid
        """,
    )
    grouped: dict[str, list[str]] = {}
    for row in found:
        grouped.setdefault(row["table"], []).append(f"{row['column']}  {row['type']}".strip())
    first = [name for name in FIRST_TABLES if name in grouped]
    return {name: grouped[name] for name in [*first, *(n for n in grouped if n not in first)]}
