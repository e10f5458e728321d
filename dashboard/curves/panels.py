"""Panels of curves, one a subject: what Training curves, Run and Live have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import metrics, smoothing
from dashboard.artifacts import files
from dashboard.curves import chart, lines, spec, table
from dashboard.palette import Theme, theme
from dashboard.queries.courses import keys_with_course
from dashboard.widgets import html, vector_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.queries import histories
    from dashboard.view import View

A_ROW = 2
# Chromium draws the rest of the track white beside a darker one.
ACCENTS: dict[Theme, str] = {"light": "#4353d9", "dark": "#8b97ff"}
# A button that the browser listens to by itself: see `curve_spec`.
ZOOM = (
    '<button type="button" id="{}" style="font:inherit;font-size:.87rem;color:inherit;border:0;'
    'background:none;padding:.35rem 0 .25rem;cursor:zoom-in" title="Zoom in. Arrow keys: ← → move,'
    ' ↑ ↓ zoom; Escape shows all.">Zoom</button>'
)
Subjects = dict[str, list[str]]


def subjects(view: View) -> Subjects:
    """Metrics with a course, by subject, the telling ones first."""
    keys = keys_with_course(view.source, view.run_ids)
    return metrics.panels(sorted(keys, key=metrics.by_interest))


def first_choice(found: Iterable[str], count: int) -> list[str]:
    """The subjects to show unasked: not times and speeds."""
    return [name for name in found if "second" not in name][:count]


def legend(view: View, shown: Mapping[str, list[str]]) -> None:
    """Which colour is which run, which stroke which part of the data, and what signs mean."""
    strokes = metrics.strokes(
        {metrics.split_part(key)[1] for keys in shown.values() for key in keys} - {""}
    )
    html.legend(
        list(zip(view.runs["label"], view.runs["color"], strict=True)),
        list(strokes.items()) if len(strokes) > 1 else [],
        signs=_signs(view, shown),
    )


def _signs(view: View, shown: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Those signs that the panels may have, with their meaning."""
    few = table.BANDS_SHOWN // max(1, len(view.runs))
    banded = [keys for keys in shown.values() if len(keys) <= few]
    found = {
        ("best", "diamond"): any(metrics.better(keys[0]) for keys in shown.values()),
        ("least to greatest", "band"): any(lines.have_many_points(view, keys) for keys in banded),
        ("NaN or ∞", "triangle"): any(lines.have_odd_values(view, keys) for keys in shown.values()),
    }
    return [sign for sign, is_there in found.items() if is_there]


def grid(
    view: View, shown: Subjects, axis: histories.Axis, prefix: str, *, log: bool = False
) -> None:
    """The panels, two a row, and a slider that smooths them all.

    Args:
        view: The runs.
        shown: Subjects and their metrics.
        axis: The horizontal axis.
        prefix: Sets the widgets' keys apart from those of other grids on the page.
        log: Whether the vertical axis is logarithmic.
    """
    names = list(shown)
    if lines.have_many_points(view, [key for keys in shown.values() for key in keys]):
        _smoothing(f"smoothing-{prefix}")
    buckets = lines.BUCKETS if len(names) > 1 else A_ROW * lines.BUCKETS
    for first in range(0, len(names), A_ROW):
        slots = st.columns(A_ROW) if len(names) > 1 else [st.container()]
        for slot, name in zip(slots, names[first : first + A_ROW], strict=False):
            with slot, st.container(border=True):
                curves = lines.read(view, shown[name], axis, buckets)
                _panel(view, curves, name, shown[name], prefix, log=log)


def _smoothing(name: str) -> None:
    """A slider that the browser reads by itself: its value is the level of smoothing."""
    marks = "".join(
        '<span style="width:0;display:flex;justify-content:center">'
        f"{f'{share:.0%}' if share else 'off'}</span>"
        for share in smoothing.SHARES
    )
    st.html(
        '<label style="display:flex;gap:.8rem;font-size:.87rem">Smoothing'
        '<span style="width:15rem"><input type="range" style="width:100%;margin:0;'
        f'accent-color:{ACCENTS[theme()]};color-scheme:{theme()}" id="{name}"'
        f' min="0" max="{smoothing.LEVELS - 1}" value="{smoothing.DEFAULT_LEVEL}">'
        '<span style="display:flex;justify-content:space-between;padding:0 .5rem;'
        f'font-size:.75rem;opacity:.7">{marks}</span></span></label>'
    )


def _panel(
    view: View, curves: lines.Curves, subject: str, keys: list[str], prefix: str, *, log: bool
) -> None:
    series = [line for line in curves.series if not log or bool((line.points.smooth[0] > 0).any())]
    is_long = bool(series) and table.density(series).is_long
    zoom = f"zoom-{prefix}-{subject.encode().hex()}" if is_long else ""
    _head(view, subject, keys, prefix, zoom)
    if curves.note:
        st.html(f'<div style="opacity:.75;font-size:.87rem">{html.shown(curves.note)}</div>')
    if not series:
        st.caption("Nothing to draw: no finite value" + (" above zero." if log else "."))
        return
    style = spec.Style(
        x_title=lines.X_TITLES[curves.axis],
        log=log,
        time=curves.axis == "wall",
        better=metrics.better(keys[0]),
        slider=f"smoothing-{prefix}",
        zoom=zoom,
        theme=theme(),
    )
    drawing = chart.draw(series, style)
    st.vega_lite_chart(
        drawing.table,
        drawing.spec,
        width="stretch",
        key=f"{prefix}-{subject}",
        alt=f"{subject} over {style.x_title}",
    )


def _head(view: View, subject: str, keys: list[str], prefix: str, zoom: str) -> None:
    """The line above a chart.

    Args:
        view: The runs.
        subject: What the chart is of.
        keys: Its metrics.
        prefix: See `grid`.
        zoom: The id of the button that zooms; empty where there is nothing to zoom into.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{html.code_span(subject, 60)}**", width="content")
        st.link_button("CSV", files.points_url(view.run_ids, keys), type="tertiary")
        vector_image.button(f"{subject}.svg", f"{prefix}-svg-{subject}")
        if zoom:
            st.html(ZOOM.format(zoom), width="content")
