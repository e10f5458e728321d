"""Which runs the Overview lists: filter box, status, order, deleted runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import metrics
from dashboard.queries import records, run_lists
from tracker.exceptions import FilterError
from tracker.search import compile_run_search

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.view import View

STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"]
# Anything with an operator is meant in the search language; the rest is part of a name.
OPERATOR = re.compile(r"[=<>]|\b(LIKE|ILIKE|IN|IS|BETWEEN)\b", re.IGNORECASE)
SIGN = re.compile(r"[=<>]")
FIRST_WORD = re.compile(r"(?:NOT\b|[\s(])*(\S+)", re.IGNORECASE)
# What the widgets say stays in the address, and while other pages are looked at.
KEPT: Any = {"bind": "query-params", "persist_state": "session"}
INSIDE = "Those with a parent run, as one run a seed has; ↳ stands before their names."
EXAMPLE = "metrics.val_accuracy > 0.9 AND params.model = 'mlp'"


@dataclass(frozen=True)
class Listing:
    """What a person asked the Overview for, and the place for what belongs beside the widgets."""

    query: run_lists.RunQuery
    group_by: str | None
    beside: DeltaGenerator


def ask(view: View) -> Listing:
    """The filter widgets; a filter that cannot be read shows why and finds nothing."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Filter",
            key="filter",
            on_change=_first_page,
            **KEPT,
            placeholder=f"Part of a name, or {EXAMPLE}",
            icon=":material/search:",
            help="The language of search_runs: metrics.x, params.x, tags.x, attributes.x with"
            " = != < <= > >= LIKE ILIKE IN BETWEEN IS NULL, joined by AND, OR, NOT.",
        )
        with st.popover("Table", icon=":material/tune:"):
            base, group_by = _table_options(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        statuses = st.pills(
            "Status",
            STATUSES,
            selection_mode="multi",
            format_func=str.capitalize,
            label_visibility="collapsed",
            key="status",
            on_change=_first_page,
            **KEPT,
        )
        beside = st.container(
            horizontal=True, horizontal_alignment="right", vertical_alignment="center"
        )
    query = _filtered(view, replace(base, statuses=tuple(statuses)), (text or "").strip())
    return Listing(query, group_by, beside)


def _first_page() -> None:
    st.session_state["page"] = 1


def _filtered(view: View, base: run_lists.RunQuery, text: str) -> run_lists.RunQuery:
    """The runs whose names hold the text, or for which it is true in the search language."""
    named = base.with_text(text)
    if not OPERATOR.search(text):
        return named
    try:
        return base.with_search(compile_run_search(text, None))
    except FilterError as error:
        if not _is_query(text) or run_lists.count_runs(view.source, named):
            return named
        st.code(str(error), language=None)
        st.stop()


def _is_query(text: str) -> bool:
    """Whether a text in which the search language finds an error was yet meant in it.

    A sign says so, and a field that it begins with.

    >>> _is_query("acc > 0.9"), _is_query("(status in lab"), _is_query("first try in lab")
    (True, True, False)
    """
    first = FIRST_WORD.match(text)
    if SIGN.search(text) or first is None:
        return True
    try:
        compile_run_search(f"{first[1]} IS NULL", None)
    except FilterError:
        return False
    return True


def _table_options(view: View) -> tuple[run_lists.RunQuery, str | None]:
    """What the table lists and in which order, and by what it groups."""
    source, experiment_id = view.source, view.experiment_id
    params = [f"params.{key}" for key in records.known_keys(source, "params", experiment_id)]
    measured = metrics.ranked(records.known_keys(source, "latest_metrics", experiment_id))
    names = [f"metrics.{key}" for key in measured]
    order = st.selectbox(
        "Sort by", [*run_lists.SORTS, *names, *params], key="sort", on_change=_first_page, **KEPT
    )
    descending = st.toggle(
        "Greatest or newest first", value=True, key="desc", on_change=_first_page, **KEPT
    )
    st.multiselect(
        "Columns", names + params, key="columns", placeholder="Chosen by what differs", **KEPT
    )
    group_by = st.selectbox(
        "Group by", params, index=None, key="group", placeholder="No groups", **KEPT
    )
    is_flat = st.toggle(
        "Hide runs inside others", key="top", on_change=_first_page, help=INSIDE, **KEPT
    )
    is_deleted = st.toggle("Show deleted runs", key="deleted", on_change=_first_page, **KEPT)
    query = run_lists.RunQuery(
        experiment_id=experiment_id,
        stage="deleted" if is_deleted else "active",
        children="hidden" if is_flat else "beneath",
        order=str(order),
        descending=bool(descending),
    )
    return query, group_by
