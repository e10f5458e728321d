"""Widgets that several pages share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.queries import run_lists
from dashboard.settings import training_command
from dashboard.widgets import html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

WIDTH = 360


def choose_run(
    view: View,
    title: str,
    key: str,
    among: Sequence[str] | None = None,
    *,
    is_titled: bool = True,
) -> str:
    """One of the selected runs, by id; kept in the address under `key`.

    Args:
        view: The selection.
        title: Of the widget.
        key: Of the widget, and in the address.
        among: Only these of the selected runs; all of them by default.
        is_titled: Whether the title is seen, and not only heard.
    """
    options = list(view.run_ids if among is None else among)
    named = run_lists.linked_run(view.source, st.query_params.get(key, ""))
    if key not in st.session_state and named in options:
        st.session_state[key] = named
    labels = view.labels
    chosen = st.selectbox(
        title,
        options,
        format_func=lambda run_id: labels[run_id],
        key=key,
        on_change=_write,
        args=(key,),
        label_visibility="visible" if is_titled else "collapsed",
        width=WIDTH,
    )
    return str(chosen)


def _write(key: str) -> None:
    st.query_params[key] = str(st.session_state.get(key, ""))[: run_lists.DIGITS_SHOWN]


def ask_for_runs(view: View, icon: str, sentence: str, least: int = 1) -> None:
    """The empty state of a page that shows selected runs: choose some, or how to get some.

    Args:
        view: The selection.
        icon: The name of a Material symbol.
        sentence: What to choose, where there is something to choose from.
        least: How many runs the page needs.
    """
    there = _count(view, "active")
    command = training_command(Path(view.source.path))
    if there >= least:
        html.empty(icon, sentence)
    elif there:
        html.empty(icon, "There is one run so far. Train others to compare it with:", command)
    elif _count(view, "deleted"):
        html.empty("delete", "All runs are deleted. Deleted runs on the Overview lists them.")
    else:
        html.empty("potted_plant", "No run yet. Start the four of the study:", command)


def _count(view: View, stage: str) -> int:
    query = run_lists.RunQuery(experiment_id=view.experiment_id, stage=stage)
    return run_lists.count_runs(view.source, query)
