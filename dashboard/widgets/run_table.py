"""The table of runs: which columns, and how each is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from dashboard import metrics
from dashboard.formats import duration
from dashboard.queries import records, run_lists
from dashboard.queries.courses import courses
from dashboard.view import ID_SHOWN
from dashboard.widgets import columns
from dashboard.widgets.columns import Column
from dashboard.widgets.filters import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboard.source import Source
    from dashboard.view import View

TINTS = ["blue", "green", "red", "orange", "gray"]
METRIC_COLUMNS = 4
PARAM_COLUMNS = 4
NAME_SHOWN = 80
DOT = "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>{}</svg>"
CIRCLE = "<circle cx='12' cy='12' r='6' fill='{}'/>"
# As far to the right as the labels of the buttons beneath.
RUN_TITLE = "\u2002Run"
# Before the name of a run that belongs to another.
CHILD = "↳ "
# Before what would be read as an icon or a list.
WORD_JOINER = "\u2060"


def table(view: View, runs: pd.DataFrame, opened: Callable[[], None]) -> dict[str, Column]:
    """One row a run: its facts, the course of one metric, chosen metrics and parameters.

    Args:
        view: Which runs are selected, and in which color.
        runs: The runs, in order.
        opened: Called when a name was clicked.
    """
    ids = tuple(runs["run_id"])
    latest, params = records.latest_of(view.source, ids), records.params_of(view.source, ids)
    found = _facts(view, runs, opened)
    found |= _course(view.source, ids, latest)
    for name in shown_columns(latest, params):
        kind, _, key = name.partition(".")
        values = latest if kind == "metrics" else params
        column = values[values["key"] == key].set_index("run_id")["value"].reindex(list(ids))
        found[name] = (columns.number if kind == "metrics" else columns.text)(key, column)
    return found


def _facts(view: View, runs: pd.DataFrame, opened: Callable[[], None]) -> dict[str, Column]:
    parents = records.parents_of(view.source, tuple(runs["run_id"]))
    names = [
        f"{CHILD if run_id in parents else ''}{button_label(name, run_id)}"
        for run_id, name in zip(runs["run_id"], runs["name"], strict=True)
    ]
    name = st.column_config.ButtonColumn(
        RUN_TITLE, pinned=True, type="tertiary", alignment="left", key="open_run", on_click=opened
    )
    status = st.column_config.MultiselectColumn(
        options=STATUSES, color=TINTS, format_func=str.lower
    )
    begun = pd.to_datetime(runs["start_time"], unit="ms", utc=True).reset_index(drop=True)
    return {
        "Color": Column(
            pd.Series([_dot(view.colors.get(run_id)) for run_id in runs["run_id"]]),
            st.column_config.ImageColumn(" ", width=34, pinned=True),
        ),
        "Run": Column(pd.Series(names), name),
        **_experiments(view, runs),
        "Status": Column(pd.Series([[status] for status in runs["status"]]), status),
        "Started": Column(begun, st.column_config.DatetimeColumn(format="distance")),
        "Duration": columns.number("Duration", runs["seconds"], duration),
    }


def _experiments(view: View, runs: pd.DataFrame) -> dict[str, Column]:
    """Whose the runs are, where that is not said already."""
    if view.experiment_id is not None:
        return {}
    names = run_lists.experiment_names(view.source)
    shown = [names.get(number) for number in runs["experiment_id"]]
    return {"Experiment": columns.plain("Experiment", shown)}


def button_label(name: str | None, run_id: str) -> str:
    """A run's name as the label of a button in a table, which shows it literally.

    >>> button_label(None, "0a1b2c3d4e"), button_label("lr [0.1]", "")
    ('0a1b2c3d', 'lr [0.1]')
    """
    line = " ".join((name or "").split()) or run_id[:ID_SHOWN]
    cut = line if len(line) <= NAME_SHOWN else f"{line[: NAME_SHOWN - 1]}…"
    return f"{WORD_JOINER}{cut}" if cut.startswith((":", "[")) else cut


def _dot(color: str | None) -> str:
    """A small picture: a dot in the run's color, nothing for a run that is not selected."""
    drawn = DOT.format(CIRCLE.format(color) if color else "")
    return f"data:image/svg+xml,{quote(drawn)}"


def _course(source: Source, ids: tuple[str, ...], latest: pd.DataFrame) -> dict[str, Column]:
    """A sparkline of the most telling metric that has a course."""
    stepped = latest[(latest["step"] > 1) & latest["key"].map(_has_course)]
    keys = sorted(set(stepped["key"]), key=metrics.by_interest)
    if not keys:
        return {}
    found = courses(source, ids, keys[0])
    values = pd.Series([found.get(run_id) for run_id in ids], dtype="object")
    return {"Course": Column(values, st.column_config.LineChartColumn(keys[0], width="small"))}


def _has_course(key: str) -> bool:
    return metrics.split_part(key)[1] in {"train", "validation"}


def shown_columns(latest: pd.DataFrame, params: pd.DataFrame) -> list[str]:
    """The chosen metrics and parameters; else the telling ones and what differs."""
    chosen = st.session_state.get("columns")
    if chosen:
        return list(chosen)
    best = [f"metrics.{key}" for key in metrics.ranked(set(latest["key"]))[:METRIC_COLUMNS]]
    spread = params.groupby("key")["value"].nunique()
    varying = [f"params.{key}" for key in spread[spread > 1].index[:PARAM_COLUMNS]]
    return best + varying


def as_csv(source: Source, query: run_lists.RunQuery, names: Sequence[str]) -> bytes:
    """All runs that a query finds, each with its id, and some metrics and parameters."""
    runs = run_lists.all_runs(source, query)
    experiments = run_lists.experiment_names(source)
    frame = pd.DataFrame(
        {
            "run_id": runs["run_id"],
            "name": runs["name"],
            "experiment": runs["experiment_id"].map(experiments),
            "status": runs["status"],
            "started": pd.to_datetime(runs["start_time"], unit="ms", utc=True),
            "seconds": runs["seconds"],
        }
    )
    for name in names:
        kind, _, key = name.partition(".")
        values: Mapping[str, Any] = records.by_run(
            source, "latest_metrics" if kind == "metrics" else "params", key
        )
        frame[name] = runs["run_id"].map(values)
    return frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ").encode()
