"""The markup around the curves: legend, sections, heads of panels, buttons.

The browser hears the buttons: `data-act` names what one does. What is in the panels is of marks.py.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.curves.payload import Panel, Results, Section

HINT = "Drag to zoom all panels · double click resets · click a line to keep it in front"
ICONS = {
    "fit": "M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5.5 6.5h5v3h-5z",
    "table": "M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11",
    "download": "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 11v2.5h11V11",
    "enlarge": "M9.5 2.5h4v4M13.5 2.5l-5 5M6.5 13.5h-4v-4M2.5 13.5l5-5",
}
TITLES = {"fit": "Fit", "table": "Values as a table", "enlarge": "Enlarge"}


def page(sections: Sequence[Section], legend: Iterable[tuple[str, str]]) -> str:
    """The legend, and all sections with their panels.

    Args:
        sections: What is shown.
        legend: Sign and meaning: see `payload.Look`.
    """
    signs = "".join(
        f'<span><span class="key {sign}"></span>{escape(meaning)}</span>'
        for sign, meaning in legend
    )
    saves = _button("saveHtml", "One HTML file") + _button("saveView", "Picture (PNG)")
    menu = _menu("Export", "Export all panels", saves)
    return (
        f'<div class="legend">{signs}<span class="hint">{HINT}</span>{menu}</div>'
        f"{''.join(map(_section, sections))}"
    )


def _section(section: Section) -> str:
    grid = f'<div class="grid">{"".join(map(_panel, section.panels))}</div>'
    if not section.title:
        return grid
    head = f"{escape(section.title)}<small>{escape(section.note)}</small>"
    return f'<details class="section" open><summary>{head}</summary>{grid}</details>'


def _panel(panel: Panel | Results) -> str:
    name, is_plot = escape(panel.name), hasattr(panel, "lines")
    saves = '<span class="csv"></span>'
    if is_plot:
        saves = _button("savePng", "Picture (PNG)") + _button("saveSvg", "Drawing (SVG)") + saves
    tools = [_icon_button(act, name) for act in ("fit", "table") if is_plot]
    tools += [_menu(_icon("download"), f"Download: {name}", saves), _icon_button("enlarge", name)]
    body = (
        '<div class="plot"><svg class="drawing" tabindex="0" role="img"><g class="axes"></g>'
        '<svg class="lines"></svg></svg><div class="cross" hidden></div>'
        '<div class="over"><div class="range" hidden></div></div></div><div class="box"></div>'
        if is_plot
        else ""
    )
    return (
        f'<section class="panel{" wide" * getattr(panel, "is_wide", False)}"><header>'
        f'<h2 title="{name}">{name}</h2><span class="note"></span>'
        '<button class="chip" data-act="reset"></button>'
        f'<div class="tools">{"".join(tools)}</div></header>{body}'
        '<div class="values" tabindex="0"></div></section>'
    )


def _icon(name: str) -> str:
    return f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'


def _icon_button(act: str, panel: str) -> str:
    """A button with an icon; the panel's name is escaped already."""
    title = f"{TITLES[act]}: {panel}"
    return (
        f'<button class="icon {act}" data-act="{act}" title="{TITLES[act]}"'
        f' aria-label="{title}">{_icon(act)}</button>'
    )


def _button(act: str, title: str) -> str:
    return f'<button data-act="{act}">{title}</button>'


def _menu(face: str, title: str, items: str) -> str:
    return (
        f'<details class="menu"><summary class="icon" title="{title}" aria-label="{title}">'
        f"{face}</summary><div>{items}</div></details>"
    )
