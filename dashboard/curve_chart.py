"""Curves with bands, smoothing, hover, best points and a strip to zoom by.

The specification names its tables and holds none of their rows: it is built once for every shape
of chart, and while points arrive only the tables travel. That also is why a zoom survives them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from dashboard import metrics
from dashboard.charts import GREY, PADDING
from dashboard.smoothing import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

DASHES = {"solid": [1, 0], "dashed": [5, 4], "dotted": [2, 2]}
POINTS_SHOWN = 30
STRIP_FROM = 60
STRIP_HEIGHT = 34
# The browser makes a tooltip for every row in advance: 900 rows of ten lines cost it 0.4 s.
HOVER_ROWS = 200
DEFAULT_LEVEL = 2


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        run_id: Whose it is.
        label: As the tooltip names it.
        colour: Hexadecimal.
        part: 'train', 'validation', 'test' or ''.
        points: x, low, high and the smoothed s0 to s7, ordered by x.
    """

    run_id: str
    label: str
    colour: str
    part: str
    points: pd.DataFrame


@dataclass(frozen=True)
class Style:
    """How a panel of curves is drawn.

    Args:
        x_title: Of the x axis.
        log: Whether y is logarithmic.
        time: Whether x is a date.
        height: Of the plot, pixels.
        better: 'less', 'more' or '': which end is marked as best.
    """

    x_title: str
    log: bool = False
    time: bool = False
    height: int = 260
    better: str = ""

    @property
    def x_field(self) -> str:
        """The x field with its type."""
        return "x:T" if self.time else "x:Q"


@dataclass(frozen=True)
class Shape:
    """Everything a specification depends on.

    Args:
        lines: Label, colour and part of each line.
        style: How it is drawn.
        is_dense: Too many points for dots: smoothing instead.
        is_long: Enough of them for a strip to zoom by.
        has_marks: Whether some values were not finite.
    """

    lines: tuple[tuple[str, str, str], ...]
    style: Style
    is_dense: bool
    is_long: bool
    has_marks: bool


@dataclass(frozen=True)
class Drawing:
    """A chart: its Vega-Lite specification, and its tables by the names used there."""

    spec: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    def as_spec(self) -> dict[str, Any]:
        """Both together, as `st.vega_lite_chart` takes them."""
        return self.spec | {"datasets": self.tables}


def draw(series: Sequence[Series], style: Style, marked: pd.DataFrame) -> Drawing:
    """One panel.

    Args:
        series: At least one, with at least one point between them.
        style: How to draw.
        marked: Values that are not finite: x, kind, run, label.
    """
    positions = pd.concat([line.points["x"] for line in series]).nunique()
    shape = Shape(
        lines=tuple((line.label, line.colour, line.part) for line in series),
        style=style,
        is_dense=positions > POINTS_SHOWN,
        is_long=positions >= STRIP_FROM,
        has_marks=not marked.empty,
    )
    table = _long(series, shape)
    tables = {"lines": table, "hover": _wide(series)}
    if style.better:
        tables["best"] = _best(table, series, style)
    if shape.has_marks:
        colours = {line.run_id: line.colour for line in series}
        tables["marks"] = marked.assign(colour=marked["run"].map(colours))
    return Drawing(specification(shape), tables)


def _long(series: Sequence[Series], shape: Shape) -> pd.DataFrame:
    """All lines in one table: x, low, high, s0, …, series (r0, …), part."""
    smooth = [f"s{level}" for level in range(LEVELS if shape.is_dense else 1)]
    pieces = [
        line.points[["x", "low", "high", *smooth]].assign(series=f"r{index}", part=line.part)
        for index, line in enumerate(series)
    ]
    table = pd.concat(pieces, ignore_index=True)
    if shape.style.log:
        table = table[table["low"] > 0]
    return table.astype({"series": "category", "part": "category"})


def _wide(series: Sequence[Series]) -> pd.DataFrame:
    """One row an x, one column a line: what the pointer reads."""
    columns = [
        line.points.groupby("x")["s0"].mean().rename(f"r{index}")
        for index, line in enumerate(series)
    ]
    wide = pd.concat(columns, axis=1).sort_index()
    # Between its own points a line keeps its last value; after its end it has none.
    full = wide.ffill().where(wide.bfill().notna()).reset_index(names="x")
    return full.iloc[:: -(-len(full) // HOVER_ROWS)]


def _best(table: pd.DataFrame, series: Sequence[Series], style: Style) -> pd.DataFrame:
    """The best point of each line of the part that models are chosen by: x, value, series."""
    column = "low" if style.better == "less" else "high"
    present = {line.part for line in series}
    judged = next((part for part in ("validation", "test", "train", "") if part in present), "")
    chosen = table[table["part"] == judged]
    groups = chosen.groupby("series", observed=True)[column]
    rows = groups.idxmin() if style.better == "less" else groups.idxmax()
    best = chosen.loc[rows.dropna(), ["x", column, "series"]]
    return best.set_axis(["x", "value", "series"], axis=1)


def specification(shape: Shape) -> dict[str, Any]:
    """The Vega-Lite specification of a shape.

    What does not depend on the lines themselves is built once: Altair takes 0.1 s for it.
    """
    parts = sorted({part for _, _, part in shape.lines})
    spec: dict[str, Any] = json.loads(_template(replace(shape, lines=_one_line_each(parts))))
    _fill(spec, shape)
    return spec


def _one_line_each(parts: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(("", GREY, part) for part in parts)


def _fill(node: Any, shape: Shape) -> None:
    """Write the lines' colours and labels into a template, wherever they belong."""
    if isinstance(node, list):
        for item in node:
            _fill(item, shape)
    if not isinstance(node, dict):
        return
    if node.get("field") == "series" and "scale" in node:
        names = [f"r{index}" for index in range(len(shape.lines))]
        node["scale"] = {"domain": names, "range": [colour for _, colour, _ in shape.lines]}
    if node.get("data") == {"name": "hover"}:
        _fill_hover(node, [label for label, _, _ in shape.lines])
    for value in node.values():
        _fill(value, shape)


def _fill_hover(layer: dict[str, Any], labels: Sequence[str]) -> None:
    """One row of the tooltip a line; a dash where a line has no value."""
    layer["transform"] = [
        {"calculate": f"isValid(datum.r{i}) ? format(datum.r{i}, '.5~g') : '\u2013'", "as": f"t{i}"}
        for i in range(len(labels))
    ]
    layer["encoding"]["tooltip"] += [
        {"field": f"t{index}", "type": "nominal", "title": label}
        for index, label in enumerate(labels)
    ]


@lru_cache(maxsize=256)
def _template(shape: Shape) -> str:
    """The specification as JSON, without the lines' labels and colours."""
    zoom = alt.selection_interval(encodings=["x"], name="zoom")
    x = _x(
        shape.style,
        alt.Scale(domain=zoom) if shape.is_long else alt.Scale(zero=False, nice=False, padding=6),
    )
    layers = _curves(shape, x)
    layers += [_best_layer(shape, x)] if shape.style.better else []
    layers += [_marks_layer(x)] if shape.has_marks else []
    layers.append(_hover(shape, x))
    main = alt.layer(*layers).properties(height=shape.style.height)
    if shape.is_dense:
        slider = alt.binding_range(min=0, max=LEVELS - 1, step=1, name="Smoothing ")
        main = main.add_params(alt.param(name="level", value=DEFAULT_LEVEL, bind=slider))
    whole = alt.vconcat(main, _strip(shape, zoom), spacing=6) if shape.is_long else main
    fitted = whole.properties(
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"), padding=PADDING
    )
    # A sentence for a screen reader to every point costs seconds; the chart has one as a whole.
    quiet = fitted.configure(aria=False, view=alt.ViewConfig(strokeWidth=0))
    return json.dumps(quiet.to_dict())


def _x(style: Style, scale: alt.Scale) -> alt.X:
    axis = alt.Axis(title=style.x_title, grid=False, tickCount=6, labelFlush=True)
    return alt.X(style.x_field, scale=scale, axis=axis)


def _y(field: str, style: Style) -> alt.Y:
    scale = alt.Scale(type="log") if style.log else alt.Scale(zero=False, padding=8)
    return alt.Y(field, scale=scale, axis=alt.Axis(title="", tickCount=5))


def _colour(shape: Shape) -> alt.Color:
    names = [f"r{index}" for index in range(len(shape.lines))]
    scale = alt.Scale(domain=names, range=[colour for _, colour, _ in shape.lines])
    return alt.Color("series:N", scale=scale, legend=None)


def _curves(shape: Shape, x: alt.X) -> list[alt.Chart]:
    strokes = metrics.strokes({part for _, _, part in shape.lines})
    dashes = [DASHES[stroke] for stroke in strokes.values()]
    scale = alt.Scale(domain=list(strokes), range=dashes)
    dash = alt.StrokeDash("part:N", scale=scale, legend=None)
    style = shape.style
    base = alt.Chart(alt.NamedData("lines")).encode(x=x, color=_colour(shape), detail="series:N")
    if not shape.is_dense:
        line = base.mark_line(strokeWidth=2, point={"size": 28, "filled": True}, clip=True)
        return [line.encode(y=_y("s0:Q", style), strokeDash=dash)]
    band = base.mark_area(opacity=0.14, line=False, clip=True)
    raw = base.mark_line(strokeWidth=1, opacity=0.22, clip=True)
    line = base.transform_calculate(y="datum['s' + level]").mark_line(strokeWidth=2, clip=True)
    return [
        band.encode(y=_y("low:Q", style), y2="high:Q"),
        raw.encode(y=_y("s0:Q", style)),
        line.encode(y=_y("y:Q", style), strokeDash=dash),
    ]


def _best_layer(shape: Shape, x: alt.X) -> alt.Chart:
    point = alt.Chart(alt.NamedData("best")).mark_point(
        shape="diamond", size=110, filled=True, opacity=1, clip=True
    )
    tip = [alt.Tooltip("value:Q", title="best", format=".5~g"), _x_tip(shape.style)]
    drawn: alt.Chart = point.encode(
        x=x, y=_y("value:Q", shape.style), color=_colour(shape), tooltip=tip
    )
    return drawn


def _marks_layer(x: alt.X) -> alt.Chart:
    """Small triangles at the top where a value was not finite."""
    point = alt.Chart(alt.NamedData("marks")).mark_point(
        shape="triangle-down", size=70, filled=True, opacity=1
    )
    tip = [alt.Tooltip("kind:N", title="value"), alt.Tooltip("label:N", title="series")]
    colour = alt.Color("colour:N", scale=None, legend=None)
    drawn: alt.Chart = point.encode(x=x, y=alt.value(6), color=colour, tooltip=tip)
    return drawn


def _x_tip(style: Style) -> alt.Tooltip:
    if style.time:
        return alt.Tooltip("x:T", title=style.x_title, format="%d %b %H:%M:%S")
    return alt.Tooltip(
        "x:Q", title=style.x_title, format=",.0f" if style.x_title == "step" else ",.1f"
    )


def _hover(shape: Shape, x: alt.X) -> alt.Chart:
    """A rule that follows the pointer and reads every line at once."""
    near = alt.selection_point(
        name="near", nearest=True, on="pointerover", fields=["x"], clear="pointerout", empty=False
    )
    rule = alt.Chart(alt.NamedData("hover")).mark_rule(color=GREY, clip=True)
    opacity = alt.condition(near, alt.value(0.6), alt.value(0))
    tip = [_x_tip(shape.style)]
    drawn: alt.Chart = rule.encode(x=x, opacity=opacity, tooltip=tip).add_params(near)
    return drawn


def _strip(shape: Shape, zoom: alt.Parameter) -> alt.Chart:
    """The whole history in small; dragging over it chooses what the panel shows."""
    bare = alt.Axis(title=None, labels=False, ticks=False, grid=False, domain=False)
    line = alt.Chart(alt.NamedData("lines")).mark_line(strokeWidth=1, opacity=0.6)
    strip = line.encode(
        x=alt.X(shape.style.x_field, axis=bare),
        y=alt.Y("s0:Q", axis=None, scale=alt.Scale(zero=False)),
        color=_colour(shape),
        detail="series:N",
    )
    ground = alt.ViewBackground(fill=GREY, fillOpacity=0.1, cornerRadius=4)
    drawn: alt.Chart = strip.add_params(zoom).properties(height=STRIP_HEIGHT, view=ground)
    return drawn
