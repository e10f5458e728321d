"""Saved views: what was chosen, under a name, kept as a tag of the experiment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from dashboard import editing, view_state
from dashboard.queries import run_lists
from dashboard.widgets import html

if TYPE_CHECKING:
    from dashboard.view import View

PREFIX = "dashboard.view."
NAME = "view_name"


def show(view: View) -> None:
    """A popover that lists the saved views, and saves the present one."""
    with st.popover("Views", icon=":material/bookmark:"):
        if view.experiment_id is None:
            st.caption("Choose one experiment to save views of it.")
            return
        tags = run_lists.experiment_tags(view.source, view.experiment_id)
        found = {key: value for key, value in tags.items() if key.startswith(PREFIX)}
        for key, query in found.items():
            _row(view, key, query)
        if not found:
            st.caption(
                "A view is the filter, the groups, the order, the columns and the runs shown."
            )
        with st.form("save_view", border=False, clear_on_submit=True):
            st.text_input("Name", key=NAME, max_chars=100)
            st.form_submit_button("Save this view", on_click=partial(_save, view))


def _row(view: View, key: str, query: str) -> None:
    name = key.removeprefix(PREFIX)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            html.code_span(name),
            key=f"apply-{key}",
            type="tertiary",
            on_click=partial(view_state.load, view.source, query),
        )
        st.button(
            "",
            key=f"forget-{key}",
            icon=":material/delete:",
            type="tertiary",
            help=f"Delete the view {html.code_span(name)}",
            on_click=partial(_change, partial(_forget, view, key), "View deleted"),
        )


def _save(view: View) -> None:
    name = str(st.session_state[NAME]).strip()
    if name:
        change = partial(
            _keep, view, f"{PREFIX}{name}", urlencode(view_state.address(), doseq=True)
        )
        _change(change, "View saved")


def _keep(view: View, key: str, query: str) -> None:
    editing.writer(view.source).set_experiment_tag(str(view.experiment_id), key, query)


def _forget(view: View, key: str) -> None:
    editing.writer(view.source).delete_experiment_tag(str(view.experiment_id), key)


def _change(change: partial[None], done: str) -> None:
    editing.attempt(change, done)
