"""Experiment and run pickers: the one selection all pages share, kept in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.queries import run_lists
from dashboard.view import labels, linked

if TYPE_CHECKING:
    from dashboard.source import Source

ALL = "All experiments"
RECENT = 200
PRESELECTED = 5
# Holds the runs of a link until the widget can take them.
LINKED = "runs_linked"


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
    state = st.session_state
    if "runs" not in state:
        state["runs"] = _begin(source, newest)
    elif LINKED in state:
        state["runs"] = state.pop(LINKED)
    elif state["runs_of"] != experiment_id:
        state["runs"] = newest
    state["runs_of"] = experiment_id
    chosen = [run_id for run_id in state["runs"] if isinstance(run_id, str)]
    earlier = run_lists.runs_by_id(source, tuple(chosen))
    names = dict(zip(earlier["run_id"], earlier["name"], strict=True))
    names.update(zip(recent["run_id"], recent["name"], strict=True))
    shown = labels(source, names)
    default = None
    if _is_back_without_runs():
        # Streamlit then goes back to the default, whatever the state says.
        default = list(earlier["run_id"])
    else:
        state["runs"] = list(earlier["run_id"])
    picked = st.sidebar.multiselect(
        "Runs",
        list(names),
        default,
        format_func=lambda run_id: shown.get(run_id, run_id),
        key="runs",
        bind="query-params",
        placeholder="Choose runs to compare",
    )
    return tuple(picked)


def _begin(source: Source, newest: list[str]) -> list[str]:
    """The runs that a link names, else the newest; either way they are in the address from now."""
    texts = st.query_params.get_all("runs")
    found = [run_id for text in texts if (run_id := linked(source, text))]
    chosen = list(dict.fromkeys(found)) or newest
    runs = run_lists.runs_by_id(source, tuple(chosen))
    named = list(labels(source, dict(zip(runs["run_id"], runs["name"], strict=True))).values())
    if texts != named:
        st.query_params["runs"] = named
        if texts:
            st.session_state[LINKED] = chosen
    return chosen


def complete_link() -> None:
    """Run anew where a link names runs by what is no label any more: the widget left them out.

    To be called when Streamlit knows which page was asked for; before, it would go to the first.
    """
    if LINKED in st.session_state:
        st.rerun()


def _is_back_without_runs() -> bool:
    """Whether the browser went back to an address from before the runs stood in it."""
    context = get_script_run_ctx()
    is_back = context is not None and context.is_history_navigation
    return is_back and "runs" not in st.query_params
