"""Widgets that several pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from dashboard.view import View

WIDTH = 360


def choose_run(view: View, title: str, key: str) -> str:
    """One of the selected runs, by id; kept in the address under `key`."""
    labels = view.labels
    chosen = st.selectbox(
        title,
        list(view.run_ids),
        format_func=lambda run_id: labels[run_id],
        key=key,
        bind="query-params",
        width=WIDTH,
    )
    return str(chosen)
