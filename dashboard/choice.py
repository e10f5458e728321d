"""Widgets that several pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

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
    chosen = st.selectbox(
        title,
        list(view.run_ids if among is None else among),
        format_func=lambda run_id: labels[run_id],
        key=key,
        bind="query-params",
        width=WIDTH,
    )
    return str(chosen)
