"""The browser's side of the curves: one component draws a whole grid of panels on canvases."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).with_name("canvas")
# Later scripts use what earlier ones define.
SCRIPTS = (
    "plot.js",
    "readout.js",
    "draw.js",
    "results.js",
    "export.js",
    "input.js",
    "curves.js",
)
HTML = '<div class="curves"></div>'


def mount(data: bytes, key: str) -> dict[str, Any] | None:
    """The panels.

    Args:
        data: See `payload.encoded`.
        key: Of the component.

    Returns:
        The zoom as it is now, None before the first: axis, x and y
        ranges.
    """
    draw = st.components.v2.component("curves", html=HTML, css=_text("curves.css"), js=_script())
    zoom = draw(key=key, data=data, on_zoom_change=_nothing).zoom
    return dict(zoom) if zoom else None


def _nothing() -> None:
    """A state without a callback is not reported."""


@cache
def _script() -> str:
    return "\n".join(_text(name) for name in SCRIPTS)


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
