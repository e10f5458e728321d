"""Experiment and run pickers: the one selection all pages share, kept in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.queries import run_lists
from dashboard.view import labels, linked

if TYPE_CHECKING:
    from dashboard.source import Source

ALL = "All experiments"
RECENT = 200
PRESELECTED = 5


def pick_experiment(source: Source) -> int | None:
    """The chosen experiment's id; None for all of them. Those without a run are not offered."""
    found = run_lists.experiments(source)
    found = found[(found["runs"] > 0) | (len(found) == 1)]
    names = dict(zip(found["name"], found["experiment_id"], strict=True))
    options = [*names, ALL] if len(names) != 1 else list(names)
    chosen = st.sidebar.selectbox("Experiment", options, key="experiment", bind="query-params")
    return names.get(chosen) if chosen else None


def pick_runs(source: Source, experiment_id: int | None) -> tuple[str, ...]:
    """The ids of the selected runs.

    The newest runs are offered; any other joins them by being selected in the Overview table.
    """
    query = run_lists.RunQuery(experiment_id=experiment_id)
    recent = run_lists.run_page(source, query, RECENT)
    newest = list(recent["run_id"][:PRESELECTED])
    if "runs" not in st.session_state:
        st.session_state["runs"] = _from_address(source) or newest
    elif st.session_state["runs_of"] != experiment_id:
        st.session_state["runs"] = newest
    st.session_state["runs_of"] = experiment_id
    chosen = [run_id for run_id in st.session_state["runs"] if isinstance(run_id, str)]
    earlier = run_lists.runs_by_id(source, tuple(chosen))
    st.session_state["runs"] = list(earlier["run_id"])
    names = dict(zip(earlier["run_id"], earlier["name"], strict=True))
    names.update(zip(recent["run_id"], recent["name"], strict=True))
    shown = labels(source, names)
    picked = st.sidebar.multiselect(
        "Runs",
        list(names),
        format_func=lambda run_id: shown.get(run_id, run_id),
        key="runs",
        bind="query-params",
        placeholder="Choose runs to compare",
    )
    return tuple(picked)


def _from_address(source: Source) -> list[str]:
    """The runs a link names."""
    found = [linked(source, text) for text in st.query_params.get_all("runs")]
    return list(dict.fromkeys(run_id for run_id in found if run_id))
