"""Widgets that several pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.view import linked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

WIDTH = 360


def choose_run(view: View, title: str, key: str, among: Sequence[str] | None = None) -> str:
    """One of the selected runs, by id; kept in the address under `key`.

    Args:
        view: The selection.
        title: Of the widget.
        key: Of the widget, and in the address.
        among: Only these of the selected runs; all of them by default.
    """
    labels = view.labels
    options = list(view.run_ids if among is None else among)
    named = st.query_params.get(key)
    if named and key not in st.session_state and linked(view.source, named) in options:
        st.session_state[key] = linked(view.source, named)
    chosen = st.selectbox(
        title,
        options,
        format_func=lambda run_id: labels[run_id],
        key=key,
        bind="query-params",
        width=WIDTH,
    )
    return str(chosen)
