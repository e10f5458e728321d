"""The browser's side of the run list, the Overview's table and the grids of other pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).with_name("table")
# In this order: each builds on those before.
SCRIPTS = ("dom.js", "rows.js", "head.js", "acts.js", "run_list.js")


@cache
def _text(*names: str) -> str:
    # Streamlit takes a text of one line for the name of a file.
    return "\n".join(["", *((FOLDER / name).read_text("utf-8") for name in names)])


def mount(key: str, data: dict[str, Any], **callbacks: Callable[[], None]) -> None:
    """Mount the component.

    Args:
        key: Of the component.
        data: See `table/run_list.js`.
        callbacks: `on_report_change`, `on_event_change`.
    """
    component = st.components.v2.component(
        "run_list", html='<div class="root"></div>', css=_text("table.css"), js=_text(*SCRIPTS)
    )
    component(key=key, data=data, height="content", **callbacks)  # type: ignore[arg-type]


def event(key: str) -> dict[str, Any]:
    """What was done to rows; to be called by `on_event_change`."""
    found: dict[str, Any] = st.session_state[key]["event"] or {}
    return found
