"""The zoom of the panels in the link: `zoom=6~9` for x, `y=loss~0.1~0.4` for each y range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from dashboard.curves.payload import Axis

Zoom = dict[str, Any]


def of_link(key: str, axis: Axis) -> Zoom | None:
    """The zoom that the page was opened with; None once the axis is another.

    Args:
        key: Of the component: the browser remembers the zoom after this.
        axis: What x is.
    """
    place = f"{key}-opened-with"
    if place not in st.session_state:
        st.session_state[place] = (axis, _parsed())
    opened_axis, opened = st.session_state[place]
    return opened if opened_axis == axis else None


def x_now(component: str, axis: Axis, opened: Zoom | None) -> tuple[float, float] | None:
    """The range of x that the browser shows; None for all of it.

    Args:
        component: The key under which it reports its zoom.
        axis: What x is.
        opened: The zoom that the page was opened with.
    """
    state = st.session_state.get(component)
    told = state.get("zoom") if state else None
    if told is None:
        told = opened
    elif told.get("axis") != axis:
        return None
    x = told.get("x") if told else None
    return (float(x[0]), float(x[1])) if x else None


def to_link(zoom: Zoom | None, axis: Axis) -> None:
    """Keep the browser's zoom in the link, as far as it is one of this axis."""
    if zoom is None:
        return
    x = zoom.get("x") if zoom.get("axis") == axis else None
    _set("zoom", [_written(x)] if x else [])
    _set("y", [f"{name}~{_written(range_)}" for name, range_ in zoom.get("y", {}).items()])


def _written(ends: list[float]) -> str:
    return "~".join(f"{end:.6g}" for end in ends)


def _set(name: str, values: list[str]) -> None:
    if st.query_params.get_all(name) == values:
        return
    if values:
        st.query_params[name] = values
    elif name in st.query_params:
        del st.query_params[name]


def _parsed() -> Zoom:
    x = range_of(st.query_params.get("zoom", ""))
    parts = [text.rpartition("~")[0].rpartition("~")[::2] for text in st.query_params.get_all("y")]
    texts = st.query_params.get_all("y")
    heights = {
        name: range_of(text[len(name) + 1 :]) for (name, _), text in zip(parts, texts, strict=True)
    }
    return {"x": x, "y": {name: ends for name, ends in heights.items() if ends}}


def range_of(text: str) -> list[float] | None:
    """Two ascending numbers; None where the text is not that.

    >>> range_of("6~9"), range_of("9~6"), range_of("6~nan"), range_of("")
    ([6.0, 9.0], None, None, None)
    """
    try:
        low, high = (float(part) for part in text.split("~"))
    except ValueError:
        return None
    return [low, high] if math.isfinite(high - low) and low < high else None
