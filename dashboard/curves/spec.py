"""The Vega specification of a chart of curves: axes, lines, zoom.

It holds no data and nothing about the lines, so it stays the same while points arrive or the
selection changes: the browser then keeps the chart, and with it the zoom. It is Vega rather than
Vega-Lite because only Vega scales a whole path at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.charts import GREY
from dashboard.curves import reading
from dashboard.curves.reading import FONT
from dashboard.smoothing import DEFAULT_LEVEL

if TYPE_CHECKING:
    from dashboard.curves.table import Density
    from dashboard.palette import Theme

Json = dict[str, Any]

LEFT, RIGHT, TOP = 46, 12, 8
AXIS, STRIP, GAP = 44, 34, 6
EDGE = 7
POINTER = f"clamp(x() - {LEFT}, 0, plot_width)"


@dataclass(frozen=True)
class Style:
    """How a panel of curves is drawn.

    Args:
        x_title: Of the x axis.
        log: Whether y is logarithmic.
        time: Whether x is a date, in ms since the epoch.
        height: Of the plot, pixels.
        better: 'less', 'more' or '': which values are read out first.
        slider: The id of the element whose value is the level of smoothing.
        zoom: The id of the button that zooms in, and by the arrow keys; empty for none.
        theme: Whose colours words and grounds have.
    """

    x_title: str
    log: bool = False
    time: bool = False
    height: int = 260
    better: str = ""
    slider: str = ""
    zoom: str = ""
    theme: Theme = "light"


def specification(style: Style, density: Density) -> Json:
    """The specification; its table is `curve_table.table`."""
    below = AXIS + (GAP + STRIP if density.is_long else 0)
    return {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "height": TOP + style.height + below,
        "padding": dict.fromkeys(("left", "right", "top", "bottom"), 0),
        "autosize": "none",
        "data": {"name": "source"},
        "signals": [
            _level(style, density),
            {"name": "plot_width", "update": f"max(40, width - {LEFT + RIGHT})"},
            {"name": "plot_height", "update": f"max(40, height - {TOP + below})"},
            _pointer(),
        ],
        "marks": [_chart(style, density)],
    }


def _level(style: Style, density: Density) -> Json:
    level: Json = {"name": "level", "value": DEFAULT_LEVEL if density.is_dense else 0}
    if density.is_dense:
        level["bind"] = {"element": f"#{style.slider}", "event": "input"}
    return level


def _pointer() -> Json:
    """Where the pointer is on the x axis, pixels; null outside the plot.

    It goes by the place alone: Streamlit's style makes grounds catch the pointer that must not.
    """
    x = f"inrange(x(), [{LEFT - EDGE}, {LEFT + EDGE} + plot_width])"
    y = f"inrange(y(), [{TOP - EDGE}, {TOP + EDGE} + plot_height])"
    moved = {"events": "pointermove, pointerdown, pointerout"}
    return {
        "name": "pointer",
        "value": None,
        "on": [moved | {"update": f"{x} && {y} ? {POINTER} : null"}],
    }


def _chart(style: Style, density: Density) -> Json:
    """All there is, as one group: data made from other data may only stand in a group."""
    read = reading.marks(style.better, style.theme, _title(style), _where(style))
    return {
        "type": "group",
        "name": "chart",
        "encode": {"update": {"x": {"value": LEFT}, "y": {"value": TOP}}},
        "signals": _zoom(style, density) + reading.signals(),
        "data": _data(style) + reading.data(style.better, log=style.log),
        "scales": _scales(style),
        "marks": [_plot(style, density, read)] + ([_strip()] if density.is_long else []),
    }


def _title(style: Style) -> str:
    """What is said of the place where the lines are read: an expression over a cell `c`."""
    if style.time:
        return "timeFormat(c.x, '%d %b %H:%M:%S')"
    if style.x_title != "step":
        return "format(c.x, ',.1f') + ' s'"
    many = "c.end > c.start + 1 ? '\u2013' + format(c.end - 1, ',') : ''"
    return f"'step ' + format(c.start, ',') + ({many})"


def _where(style: Style) -> str:
    """What is said of where a line's best value is: an expression over the line `datum`."""
    if style.time:
        return "timeFormat(datum.best_x, '%d %b %H:%M:%S')"
    return (
        "format(datum.best_x, ',')"
        if style.x_title == "step"
        else "format(datum.best_x, ',.1f') + ' s'"
    )


def _zoom(style: Style, density: Density) -> list[Json]:
    """The part of the x axis that is shown, in its unit; null for all of it.

    Dragging over the strip chooses it, dragging it moves it, a double click shows all again.
    """
    if not density.is_long:
        return [{"name": "zoom", "value": None}]
    here = f"toNumber(invert('whole', {POINTER}))"
    drawn = f"[min(anchor.at, {here}), max(anchor.at, {here})]"
    shift = f"{here} - anchor.at"
    moved = _within(f"[anchor.zoom[0] + {shift}, anchor.zoom[1] + {shift}]")
    dragged = (
        f"!anchor || {here} === anchor.at ? zoom :"
        f" anchor.zoom && inrange(anchor.at, anchor.zoom) ? {moved} : {drawn}"
    )
    drag = "[@strip:pointerdown, window:pointerup] > window:pointermove!"
    ends = [f"toNumber(domain('whole')[{end}])" for end in (0, 1)]
    return [
        {"name": "whole_span", "update": f"[{', '.join(ends)}]"},
        {
            "name": "anchor",
            "value": None,
            "on": [
                {"events": "@strip:pointerdown", "update": f"{{at: {here}, zoom: zoom}}"},
                {"events": "window:pointerup, window:pointercancel", "update": "null"},
            ],
        },
        {
            "name": "zoom",
            "value": None,
            "on": [
                {"events": drag, "update": dragged},
                {"events": "@strip:dblclick", "update": "null"},
                *(_pressed(style.zoom) if style.zoom else []),
            ],
        },
    ]


def _pressed(button: str) -> list[Json]:
    """What a click on the button and keys pressed on it do to the zoom."""
    shown = "(zoom || whole_span)"
    nearer = f"zoomLinear({shown}, null, 0.5)"
    by_key = {
        "ArrowUp": nearer,
        "ArrowLeft": f"zoom ? {_within('panLinear(zoom, 0.25)')} : null",
        "ArrowRight": f"zoom ? {_within('panLinear(zoom, -0.25)')} : null",
        "ArrowDown": f"span({shown}) * 2 < span(whole_span)"
        f" ? {_within(f'zoomLinear({shown}, null, 2)')} : null",
        "Escape": "null",
    }
    source = {"source": f"#{button}"}
    return [
        {"events": source | {"type": "click"}, "update": nearer},
        *(
            {
                "events": source
                | {"type": "keydown", "filter": f"event.key === '{key}'", "consume": True},
                "update": update,
            }
            for key, update in by_key.items()
        ),
    ]


def _within(part: str) -> str:
    """An expression: a part of the x axis, moved to where the axis is."""
    return f"clampRange({part}, whole_span[0], whole_span[1])"


def _data(style: Style) -> list[Json]:
    within = "!zoom || (datum.until > zoom[0] && datum.start <= zoom[1])"
    return [
        _of_kind("lines", "line"),
        _of_kind("cells", "cell"),
        _of_kind("odds", "odd"),
        _bounds("seen", [{"type": "filter", "expr": within}], 0.05, log=style.log),
        _bounds("everything", [], 0.1, log=False),
    ]


def _of_kind(name: str, kind: str) -> Json:
    kept = {"type": "filter", "expr": f"datum.kind === '{kind}'"}
    return {"name": name, "source": "source", "transform": [kept]}


def _bounds(name: str, transforms: list[Json], margin: float, *, log: bool) -> Json:
    """The least and the greatest y in some cells, with a margin."""
    flat = "abs(datum.lo) * 0.05 || 1"
    pad = f"(datum.hi > datum.lo ? {margin} * (datum.hi - datum.lo) : {flat})"
    bounds = [f"datum.lo - {pad}", f"datum.hi + {pad}"]
    return {
        "name": name,
        "source": "cells",
        "transform": [
            *transforms,
            {
                "type": "aggregate",
                "fields": ["low", "high"],
                "ops": ["min", "max"],
                "as": ["lo", "hi"],
            },
            *(
                {"type": "formula", "as": end, "expr": f"pow(10, {bound})" if log else bound}
                for end, bound in zip(("y0", "y1"), bounds, strict=True)
            ),
        ],
    }


def _scales(style: Style) -> list[Json]:
    whole = {
        "type": "time" if style.time else "linear",
        "domain": {"data": "cells", "fields": ["start", "x"]},
        "range": [0, {"signal": "plot_width"}],
        "zero": False,
        "nice": False,
    }
    y = {"zero": False, "nice": False, "domain": {"data": "seen", "fields": ["y0", "y1"]}}
    return [
        {"name": "whole"} | whole,
        {"name": "x"} | whole | {"domainRaw": {"signal": "zoom"}},
        {"name": "y", "type": "log" if style.log else "linear"}
        | y
        | {"range": [{"signal": "plot_height"}, 0]},
        {"name": "strip_y", "type": "linear"}
        | y
        | {"domain": {"data": "everything", "fields": ["y0", "y1"]}, "range": [STRIP, 0]},
    ]


def _plot(style: Style, density: Density, reading_marks: list[Json]) -> Json:
    return {
        "type": "group",
        "name": "plot",
        "encode": {
            "update": {
                "width": {"signal": "plot_width"},
                "height": {"signal": "plot_height"},
                "fill": {"value": "transparent"},
            }
        },
        "axes": _axes(style),
        "marks": [_clipped(_curves(style, density)), *reading_marks],
    }


def _axes(style: Style) -> list[Json]:
    words = {"labelFont": FONT, "titleFont": FONT, "labelPadding": 8}
    x = {
        "scale": "x",
        "orient": "bottom",
        "grid": False,
        "title": style.x_title,
        "titlePadding": 8,
        "tickCount": {"signal": "ceil(plot_width / 100)"},
        "labelFlush": 20,
    }
    whole_steps = {"tickMinStep": 1, "format": ",d"} if style.x_title == "step" else {}
    y = {
        "scale": "y",
        "orient": "left",
        "grid": True,
        "gridScale": "x",
        "tickCount": {"signal": "ceil(plot_height / 52)"},
    }
    return [x | words | whole_steps, y | words]


def _clipped(marks: list[Json]) -> Json:
    """Marks cut off where the plot ends; those at the ends of the whole axis stay whole."""
    edge = f"(zoom ? 0 : {EDGE})"
    frame = (
        f"'M' + -{edge} + ',{-EDGE}H' + (plot_width + {edge}) +"
        f" 'V' + (plot_height + {EDGE}) + 'H' + -{edge} + 'Z'"
    )
    return {
        "type": "group",
        "interactive": False,
        "clip": {"path": {"signal": frame}},
        "encode": {
            "update": {
                "width": {"signal": "plot_width"},
                "height": {"signal": "plot_height"},
            }
        },
        "marks": marks,
    }


def _curves(style: Style, density: Density) -> list[Json]:
    """Bands, the raw lines behind the smoothed ones, the lines, dots, best points, odd values."""
    stroke = {"stroke": {"field": "colour"}}
    place = _place("x", "y", log=style.log)
    text = "'M' + datum['s' + (+level || 0)]" if density.is_dense else "'M' + datum.s0"
    dash = "datum.stroke === 'dashed' ? [5, 4] : datum.stroke === 'dotted' ? [2, 2] : [1, 0]"
    line = {"strokeWidth": {"value": 2}, "strokeDash": {"signal": dash}}
    dots = {"strokeWidth": {"value": 6}, "strokeCap": {"value": "round"}}
    faint = {"strokeWidth": {"value": 1}, "strokeOpacity": {"value": 0.25}}
    band = {"fill": {"field": "colour"}, "fillOpacity": {"value": 0.14}}
    raw = [
        _path("band", "datum.band", place | band),
        _path("raw", "datum.band ? 'M' + datum.s0 : null", place | stroke | faint),
    ]
    return [
        *(raw if density.is_dense else []),
        _path("curve", text, place | stroke | line),
        _path("dots", "datum.dots", place | stroke | dots),
        _symbols("lines", "diamond", {"x": "best_x", "y": "best_y"}),
        _symbols("odds", "triangle-down", {"x": "x"}),
    ]


def _place(x: str, y: str, *, log: bool) -> Json:
    """Where a path lies and how large one of its units is, in pixels."""
    wide = f"plot_width / (toNumber(domain('{x}')[1]) - toNumber(domain('{x}')[0]))"
    high = f"(range('{y}')[1] - range('{y}')[0])"
    span = f"domain('{y}')[1] / domain('{y}')[0]" if log else f"span(domain('{y}'))"
    return {
        "x": {"scale": x, "field": "x0"},
        "y": {"signal": f"scale('{y}', {'pow(10, datum.y0)' if log else 'datum.y0'})"},
        "scaleX": {"signal": wide},
        "scaleY": {"signal": f"{high} / ({f'log({span}) / LN10' if log else span})"},
    }


def _path(name: str, text: str, how: Json) -> Json:
    return {
        "type": "path",
        "name": name,
        "from": {"data": "lines"},
        "interactive": False,
        "encode": {"update": {"path": {"signal": text}} | how},
    }


def _symbols(data: str, form: str, fields: dict[str, str]) -> Json:
    """Symbols where the lines' best points are, or at the top edge."""
    y = {"scale": "y", "field": fields["y"]} if "y" in fields else {"value": 6}
    shown = f"isValid(datum.{fields['y']}) ? 1 : 0" if "y" in fields else "1"
    return {
        "type": "symbol",
        "from": {"data": data},
        "interactive": False,
        "encode": {
            "update": {
                "x": {"scale": "x", "field": fields["x"]},
                "y": y,
                "shape": {"value": form},
                "size": {"value": 90},
                "fill": {"field": "colour"},
                "opacity": {"signal": shown},
            }
        },
    }


def _strip() -> Json:
    """The whole history in small; dragging over it chooses what the plot shows."""
    thin = {"strokeWidth": {"value": 1}, "strokeOpacity": {"value": 0.6}}
    judged = "datum.column === 0 ? 'M' + datum.s0 : null"
    place = _place("whole", "strip_y", log=False)
    full = {"width": {"signal": "plot_width"}, "height": {"value": STRIP}}
    return {
        "type": "group",
        "name": "strip",
        "encode": {
            "update": full
            | {
                "y": {"signal": f"plot_height + {AXIS + GAP}"},
                "fill": {"value": GREY},
                "fillOpacity": {"value": 0.1},
                "cornerRadius": {"value": 4},
                "cursor": {"value": "col-resize"},
                "tooltip": {"value": "Drag to zoom, double-click to see all"},
            }
        },
        "marks": [
            {
                "type": "group",
                "interactive": False,
                "clip": True,
                "encode": {"update": full},
                "marks": [
                    _path("outline", judged, place | {"stroke": {"field": "colour"}} | thin),
                    _brush(),
                ],
            }
        ],
    }


def _brush() -> Json:
    def edge(index: int) -> Json:
        return {"signal": f"zoom ? scale('whole', zoom[{index}]) : 0"}

    return {
        "type": "rect",
        "interactive": False,
        "encode": {
            "update": {
                "x": edge(0),
                "x2": edge(1),
                "y": {"value": 0},
                "y2": {"value": STRIP},
                "fill": {"value": GREY},
                "fillOpacity": {"value": 0.25},
                "stroke": {"value": GREY},
                "strokeOpacity": {"signal": "zoom ? 0.8 : 0"},
            }
        },
    }
