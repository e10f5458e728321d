"""The browser's side of the run list, of grids made of its code, and of a run's page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable

Part = Literal["head", "failure", "values", "media", "files", "frame"]
FOLDER = Path(__file__).parent
# In this order: each builds on those before.
SCRIPTS = ("dom.js", "rows.js", "head.js", "acts.js", "run_list.js")


@cache
def _text(*names: str) -> str:
    # Streamlit takes a text of one line for the name of a file.
    return "\n".join(["", *((FOLDER / name).read_text("utf-8") for name in names)])


def mount(key: str, data: dict[str, Any], **callbacks: Callable[[], None]) -> None:
    """Mount the list of runs.

    Args:
        key: Of the component.
        data: See `table/run_list.js`.
        callbacks: `on_report_change`, `on_event_change`.
    """
    css = _text("table/table.css")
    js = _text("element.js", "runs.js", *(f"table/{name}" for name in SCRIPTS))
    component = st.components.v2.component(
        "run_list", html='<div class="root"></div>', css=css, js=js
    )
    component(key=key, data=data, height="content", **callbacks)  # type: ignore[arg-type]


def part(name: Part, key: str, data: dict[str, Any], **callbacks: Callable[[], None]) -> None:
    """Mount a part of a run's page.

    Args:
        name: Of its file below `run_page/`.
        key: Of the component.
        data: See that file.
        callbacks: `on_event_change`.
    """
    js = _text(
        "element.js", "figures.js", "table/dom.js", "run_page/copying.js", f"run_page/{name}.js"
    )
    component = st.components.v2.component(
        f"run_{name}",
        html=f'<div class="root {name}"></div>',
        css=_text("run_page/run_page.css"),
        js=js,
    )
    component(key=key, data=data, height="content", **callbacks)  # type: ignore[arg-type]


def told(key: str, name: str) -> Any:
    """What a component tells under a name; to be called by its callback.

    Nothing, too, where Streamlit has forgotten the component: it still calls back those of a page
    that is left before it is drawn.
    """
    return (st.session_state.get(key) or {}).get(name) or {}


def event(key: str) -> dict[str, Any]:
    """What was done in a component; to be called by `on_event_change`."""
    found: dict[str, Any] = told(key, "event")
    return found
