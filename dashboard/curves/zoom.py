"""The zoom of the panels: kept in the session, and in the link.

In the link it is `zoom=6~9` for x, and `y=loss~0.1~0.4` for each range of y.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.widgets.component import told

if TYPE_CHECKING:
    from dashboard.curves.payload import Axis, Zoom


# Of the range of x that panels share; a panel with its own has its name.
SHARED = ""


def current(component: str, axis: Axis) -> Zoom:
    """What the browser shows: ranges of 'x' and of 'y', each by panel; '' for the x they share.

    Args:
        component: The key under which the browser reports its zoom; a page that was left and is
            opened again begins with what it had, and one that is opened by a link with that.
        axis: What x is: a range of another axis is none of this.
    """
    place = f"{component}-zoom"
    if shown := told(component, "zoom"):
        st.session_state[place] = dict(shown)
    kept = st.session_state.setdefault(place, {"axis": axis} | _of_link())
    x = {of: ends for of, ends in kept["x"].items() if of != SHARED or kept["axis"] == axis}
    return {"x": x, "y": kept["y"]}


def to_link(zoom: Zoom) -> None:
    """Write a zoom into the link."""
    _set("zoom", [_written(zoom["x"][SHARED])] if SHARED in zoom["x"] else [])
    _set("y", [f"{name}~{_written(ends)}" for name, ends in zoom["y"].items()])


def _written(ends: list[float]) -> str:
    return "~".join(f"{end:.6g}" for end in ends)


def _set(name: str, values: list[str]) -> None:
    if st.query_params.get_all(name) == values:
        return
    if values:
        st.query_params[name] = values
    elif name in st.query_params:
        del st.query_params[name]


def _of_link() -> Zoom:
    x = {SHARED: range_of(st.query_params.get("zoom", ""))}
    y: dict[str, list[float] | None] = {}
    for text in st.query_params.get_all("y"):
        name, *ends = text.rsplit("~", 2)
        y[name] = range_of("~".join(ends))
    return {"x": _known(x), "y": _known(y)}


def _known(ranges: dict[str, list[float] | None]) -> Zoom:
    return {name: ends for name, ends in ranges.items() if ends}


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
