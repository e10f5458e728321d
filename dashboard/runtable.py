"""The table of runs: which columns, and how each is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import metrics
from dashboard.filters import STATUSES
from dashboard.formats import duration
from dashboard.queries import records
from dashboard.queries.courses import courses

if TYPE_CHECKING:
    from dashboard.source import Source

TINTS = ["blue", "green", "red", "orange", "gray"]
METRIC_COLUMNS = 4
PARAM_COLUMNS = 4
PLAIN = ("Run", "Status", "Started", "Duration")


def table(source: Source, runs: pd.DataFrame) -> pd.DataFrame:
    """One row a run: its facts, the course of one metric, chosen metrics and parameters."""
    ids = tuple(runs["run_id"])
    latest, params = records.latest_of(source, ids), records.params_of(source, ids)
    frame = pd.DataFrame(
        {
            "Run": runs["name"].fillna("").to_numpy(),
            "Status": [[status] for status in runs["status"]],
            "Started": pd.to_datetime(runs["start_time"], unit="ms", utc=True).to_numpy(),
            "Duration": [duration(seconds) for seconds in runs["seconds"]],
        }
    )
    _add_course(frame, source, ids, latest)
    for name in _columns(latest, params):
        kind, _, key = name.partition(".")
        values = latest if kind == "metrics" else params
        column = values[values["key"] == key].set_index("run_id")["value"]
        frame[name] = column.reindex(list(ids)).to_numpy()
    return frame


def _add_course(
    frame: pd.DataFrame, source: Source, ids: tuple[str, ...], latest: pd.DataFrame
) -> None:
    """A sparkline of the most telling metric that has a course."""
    stepped = latest[(latest["step"] > 1) & latest["key"].map(_has_course)]
    keys = sorted(set(stepped["key"]), key=metrics.by_interest)
    if keys:
        found = courses(source, ids, keys[0])
        frame[keys[0]] = pd.Series([found.get(run_id) for run_id in ids], dtype="object")


def _has_course(key: str) -> bool:
    return metrics.split_part(key)[1] in {"train", "validation"}


def _columns(latest: pd.DataFrame, params: pd.DataFrame) -> list[str]:
    chosen = st.session_state.get("columns")
    if chosen:
        return list(chosen)
    best = [f"metrics.{key}" for key in metrics.ranked(set(latest["key"]))[:METRIC_COLUMNS]]
    spread = params.groupby("key")["value"].nunique()
    varying = [f"params.{key}" for key in spread[spread > 1].index[:PARAM_COLUMNS]]
    return best + varying


def column_config(frame: pd.DataFrame) -> dict[str, Any]:
    """How Streamlit shows each column of `table`."""
    config: dict[str, Any] = {
        "Run": st.column_config.TextColumn(pinned=True),
        "Status": st.column_config.MultiselectColumn(
            options=STATUSES, color=TINTS, format_func=str.lower
        ),
        "Started": st.column_config.DatetimeColumn(format="distance"),
    }
    for name in [name for name in frame.columns if name not in PLAIN]:
        kind, _, key = str(name).partition(".")
        if kind == "metrics" and key:
            config[name] = st.column_config.NumberColumn(key, format="%.4f")
        elif kind == "params" and key:
            config[name] = st.column_config.TextColumn(key)
        else:
            config[name] = st.column_config.LineChartColumn(str(name), width="small")
    return config
