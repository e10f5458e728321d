"""The browser's side of the curves: one component draws a whole grid of panels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).with_name("browser")
# Later scripts use what earlier ones define.
SCRIPTS = (
    "../../widgets/element.js",
    "../../widgets/runs.js",
    "../../widgets/figures.js",
    "../../widgets/picture.js",
    "plot.js",
    "readout.js",
    "export.js",
    "input.js",
    "curves.js",
)
HTML = '<div class="curves"></div>'


def mount(data: bytes, key: str) -> None:
    """The panels; `st.session_state[key]` has the browser's `zoom`: see `zoom.current`.

    Args:
        data: See `encoding.encoded`.
        key: Of the component.
    """
    draw = st.components.v2.component("curves", html=HTML, css=_text("curves.css"), js=_script())
    draw(key=key, data=data, on_zoom_change=_nothing)


def _nothing() -> None:
    """A state without a callback is not reported."""


@cache
def _script() -> str:
    return "\n".join(_text(name) for name in SCRIPTS)


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
