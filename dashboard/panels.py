"""Panels of curves, one a subject: what Training curves, Run and Live have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import curve_chart, files, lines, literal, metrics, vector_image
from dashboard.queries.courses import keys_with_course

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.queries import histories
    from dashboard.view import View

A_ROW = 2
Subjects = dict[str, list[str]]


def subjects(view: View) -> Subjects:
    """Metrics with a course, by subject, the telling ones first."""
    keys = keys_with_course(view.source, view.run_ids)
    return metrics.panels(sorted(keys, key=metrics.by_interest))


def first_choice(found: Iterable[str], count: int) -> list[str]:
    """The subjects to show unasked: not times and speeds."""
    return [name for name in found if "second" not in name][:count]


def legend(view: View, shown: Mapping[str, list[str]]) -> None:
    """Which colour is which run, and which stroke is which part of the data."""
    strokes = metrics.strokes(
        {metrics.split_part(key)[1] for keys in shown.values() for key in keys} - {""}
    )
    literal.legend(
        list(zip(view.runs["label"], view.runs["colour"], strict=True)),
        list(strokes.items()) if len(strokes) > 1 else [],
    )


def grid(
    view: View, shown: Subjects, axis: histories.Axis, prefix: str, *, log: bool = False
) -> None:
    """The panels, two a row.

    Args:
        view: The runs.
        shown: Subjects and their metrics.
        axis: The horizontal axis.
        prefix: Sets the widgets' keys apart from those of other grids on the page.
        log: Whether the vertical axis is logarithmic.
    """
    names = list(shown)
    for first in range(0, len(names), A_ROW):
        slots = st.columns(A_ROW) if len(names) > 1 else [st.container()]
        for slot, name in zip(slots, names[first : first + A_ROW], strict=False):
            with slot, st.container(border=True):
                _panel(view, name, shown[name], axis, prefix, log=log)


def _panel(
    view: View, subject: str, keys: list[str], axis: histories.Axis, prefix: str, *, log: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{literal.code_span(subject, 60)}**", width="content")
        st.link_button("CSV", files.points_url(view.run_ids, keys), type="tertiary")
        vector_image.button(f"{subject}.svg", f"{prefix}-svg-{subject}")
    series = lines.read(view, keys, axis)
    if log:
        series = [line for line in series if bool((line.points["low"] > 0).any())]
    if not series:
        st.caption("Nothing to draw: no finite value" + (" above zero." if log else "."))
        return
    style = curve_chart.Style(
        x_title=lines.X_TITLES[axis],
        log=log,
        time=axis == "wall",
        better=metrics.better(keys[0]),
    )
    drawing = curve_chart.draw(series, style, lines.marked(view, keys, axis))
    st.vega_lite_chart(
        spec=drawing.as_spec(),
        width="stretch",
        key=f"{prefix}-{subject}",
        alt=f"{subject} over {style.x_title} of {len(view.runs)} runs",
    )
