"""Tidy tables in, Altair charts out; nothing here reads or draws by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd

from dashboard.smoothing import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DASHES = {"train": [5, 4], "validation": [1, 0], "test": [2, 2], "": [1, 0]}
POINTS_SHOWN = 30
STRIP_FROM = 60
# Streamlit leaves room for a title that these charts do not have.
PADDING = {"left": 0, "top": 6, "right": 8, "bottom": 0}
Chart = alt.Chart | alt.LayerChart | alt.VConcatChart


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
class CurveStyle:
    """How a panel of curves is drawn.

    Args:
        title: Of the y axis.
        x_title: Of the x axis.
        log: Whether y is logarithmic.
        time: Whether x is a date.
        height: Of the plot, pixels.
        better: 'less', 'more' or '': which end is marked as best.
    """

    title: str
    x_title: str
    log: bool = False
    time: bool = False
    height: int = 260
    better: str = ""


def curves(series: Sequence[Series], style: CurveStyle, marked: pd.DataFrame) -> Chart:
    """Lines with their min-max bands, smoothing, hover, best points, and a strip to zoom by.

    Args:
        series: At least one, with at least one point between them.
        style: How to draw.
        marked: Non-finite points: x, kind, run_id, label.
    """
    table = _long(series, log=style.log)
    dense = bool(table["x"].nunique() > POINTS_SHOWN)
    zoom = alt.selection_interval(encodings=["x"], name="zoom")
    long_enough = bool(table["x"].nunique() >= STRIP_FROM)
    x = _x(style, alt.Scale(domain=zoom) if long_enough else alt.Scale(nice=False, padding=6))
    layers = _lines(table, series, style, x, dense=dense)
    layers += _best(table, series, style, x)
    layers += _marks(marked, series, x)
    layers.append(_hover(series, style, x))
    main = alt.layer(*layers).properties(height=style.height)
    if dense:
        main = main.add_params(_level())
    if not long_enough:
        return _finish(main)
    return _finish(alt.vconcat(main, _strip(table, series, style, zoom), spacing=6))


def _finish(chart: Any) -> Chart:
    finished: Chart = chart.properties(
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"), padding=PADDING
    ).configure_view(strokeWidth=0)
    return finished


def _level() -> alt.Parameter:
    slider = alt.binding_range(min=0, max=LEVELS - 1, step=1, name="Smoothing ")
    return alt.param(name="level", value=2, bind=slider)


def _long(series: Sequence[Series], *, log: bool) -> pd.DataFrame:
    """All lines in one table: x, low, high, s0, …, series (r0, …), run, part."""
    deep = any(len(line.points) > POINTS_SHOWN for line in series)
    smooth = [f"s{level}" for level in range(LEVELS if deep else 1)]
    pieces = [
        line.points[["x", "low", "high", *smooth]].assign(
            series=f"r{index}", run=line.run_id, part=line.part
        )
        for index, line in enumerate(series)
    ]
    table = pd.concat(pieces, ignore_index=True)
    if log:
        table = table[table["low"] > 0]
    return table.astype({"series": "category", "run": "category", "part": "category"})


def _x(style: CurveStyle, scale: alt.Scale) -> alt.X:
    kind = "x:T" if style.time else "x:Q"
    axis = alt.Axis(title=style.x_title, grid=False, tickCount=6, labelFlush=True)
    return alt.X(kind, scale=scale, axis=axis)


def _colour(series: Sequence[Series]) -> alt.Color:
    chosen = {line.run_id: line.colour for line in series}
    scale = alt.Scale(domain=list(chosen), range=list(chosen.values()))
    return alt.Color("run:N", scale=scale, legend=None)


def _y(field: str, style: CurveStyle) -> alt.Y:
    scale = alt.Scale(type="log") if style.log else alt.Scale(zero=False, padding=8)
    return alt.Y(field, scale=scale, axis=alt.Axis(title=style.title, tickCount=5))


def _lines(
    table: pd.DataFrame, series: Sequence[Series], style: CurveStyle, x: alt.X, *, dense: bool
) -> list[alt.Chart]:
    parts = sorted({line.part for line in series})
    dash = alt.StrokeDash(
        "part:N",
        scale=alt.Scale(domain=parts, range=[DASHES[part] for part in parts]),
        legend=None,
    )
    base = alt.Chart(table).encode(x=x, color=_colour(series), detail="series:N")
    layers = []
    if bool((table["high"] > table["low"]).any()):
        band = base.mark_area(opacity=0.14, line=False, clip=True)
        layers.append(band.encode(y=_y("low:Q", style), y2="high:Q"))
    if not dense:
        line = base.mark_line(strokeWidth=2, point={"size": 28, "filled": True}, clip=True)
        return [*layers, line.encode(y=_y("s0:Q", style), strokeDash=dash)]
    raw = base.mark_line(strokeWidth=1, opacity=0.22, clip=True).encode(y=_y("s0:Q", style))
    line = base.transform_calculate(y="datum['s' + level]").mark_line(strokeWidth=2, clip=True)
    return [*layers, raw, line.encode(y=_y("y:Q", style), strokeDash=dash)]


def _best(
    table: pd.DataFrame, series: Sequence[Series], style: CurveStyle, x: alt.X
) -> list[alt.Chart]:
    if not style.better or (any(line.part for line in series) and not _judged(series)):
        return []
    judged = table[table["part"] == (_judged(series) or "")]
    column = "low" if style.better == "less" else "high"
    groups = judged.groupby("series", observed=True)[column]
    rows = groups.idxmin() if style.better == "less" else groups.idxmax()
    best = judged.loc[rows.dropna()].assign(value=lambda found: found[column])
    tip = [alt.Tooltip("value:Q", title="best", format=".4f")]
    point = alt.Chart(best[["x", "value", "run"]]).mark_point(
        shape="diamond", size=110, filled=True, opacity=1, clip=True
    )
    return [point.encode(x=x, y=_y("value:Q", style), color=_colour(series), tooltip=tip)]


def _judged(series: Sequence[Series]) -> str:
    """The part by which the best point is chosen: validation, else test, else train."""
    present = {line.part for line in series}
    return next((part for part in ("validation", "test", "train") if part in present), "")


def _marks(marked: pd.DataFrame, series: Sequence[Series], x: alt.X) -> list[alt.Chart]:
    if marked.empty:
        return []
    tip = [alt.Tooltip("kind:N", title="value"), alt.Tooltip("label:N", title="series")]
    point = alt.Chart(marked).mark_point(shape="triangle-down", size=70, filled=True, opacity=1)
    return [point.encode(x=x, y=alt.value(6), color=_colour(series), tooltip=tip)]


def _hover(series: Sequence[Series], style: CurveStyle, x: alt.X) -> alt.Chart:
    """A rule that follows the pointer and reads every line at once."""
    columns = [
        line.points.groupby("x")["s0"].mean().rename(f"r{index}")
        for index, line in enumerate(series)
    ]
    wide = pd.concat(columns, axis=1).sort_index()
    # Between its own points a line keeps its last value; after its end it has none.
    wide = wide.ffill().where(wide.bfill().notna()).reset_index(names="x")
    tips = [alt.Tooltip("x", title=style.x_title)] + [
        alt.Tooltip(f"r{index}:Q", title=line.label, format=".5~g")
        for index, line in enumerate(series)
    ]
    near = alt.selection_point(
        name="near", nearest=True, on="pointerover", fields=["x"], clear="pointerout", empty=False
    )
    rule = alt.Chart(wide).mark_rule(color="#8b93a7", clip=True)
    opacity = alt.condition(near, alt.value(0.6), alt.value(0))
    drawn: alt.Chart = rule.encode(x=x, opacity=opacity, tooltip=tips).add_params(near)
    return drawn


def _strip(
    table: pd.DataFrame, series: Sequence[Series], style: CurveStyle, zoom: alt.Parameter
) -> alt.Chart:
    """The whole history in small; dragging over it chooses what the panel shows."""
    kind = "x:T" if style.time else "x:Q"
    x = alt.X(kind, axis=alt.Axis(title=None, labels=False, ticks=False, grid=False, domain=False))
    y = alt.Y("s0:Q", axis=None, scale=alt.Scale(zero=False))
    line = alt.Chart(table).mark_line(strokeWidth=1, opacity=0.6)
    strip = line.encode(x=x, y=y, color=_colour(series), detail="series:N")
    ground = alt.ViewBackground(fill="#8b93a7", fillOpacity=0.1, cornerRadius=4)
    drawn: alt.Chart = strip.add_params(zoom).properties(height=34, view=ground)
    return drawn


def spark(values: Sequence[float]) -> list[float]:
    """At most sixty values for a sparkline; more would cost seconds to draw."""
    limit = 60
    step = max(1, -(-len(values) // limit))
    return list(values[::step])


def bars(table: pd.DataFrame, x: str, y: str, colour: str, height: int = 220) -> alt.Chart:
    """Grouped bars; `table` has the columns named by x, y and colour."""
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3)
        .encode(
            x=alt.X(f"{x}:N", sort=None, axis=alt.Axis(title=x, labelAngle=0)),
            xOffset=alt.XOffset(f"{colour}:N", sort=None),
            y=alt.Y(f"{y}:Q", axis=alt.Axis(title=y, tickCount=4)),
            color=alt.Color(f"{colour}:N", sort=None, legend=alt.Legend(orient="top", title=None)),
            tooltip=[x, colour, alt.Tooltip(f"{y}:Q", format=",")],
        )
        .properties(height=height)
    )
    return chart


def scatter(table: pd.DataFrame, x: str, y: str, *, log_x: bool, trend: bool) -> Chart:
    """A parameter against a metric, one point a run.

    Args:
        table: x, y, run, label, colour.
        x: The title of the horizontal axis.
        y: The title of the vertical axis.
        log_x: Whether x is logarithmic.
        trend: Whether a straight line is fitted (least squares).
    """
    scale = (
        alt.Scale(type="log", nice=False, padding=14)
        if log_x
        else alt.Scale(zero=False, padding=14)
    )
    colours = dict(zip(table["run"], table["colour"], strict=True))
    base = alt.Chart(table).encode(
        x=alt.X("x:Q", scale=scale, axis=alt.Axis(title=x)),
        y=alt.Y("y:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(title=y)),
    )
    points = base.mark_circle(size=130, opacity=0.9).encode(
        color=alt.Color(
            "run:N",
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip("label:N", title="run"),
            alt.Tooltip("x:Q", title=x, format=".4~g"),
            alt.Tooltip("y:Q", title=y, format=".5~g"),
        ],
    )
    chart: Chart = points.properties(height=320)
    if not trend:
        return chart
    method: Literal["log", "linear"] = "log" if log_x else "linear"
    line = base.transform_regression("x", "y", method=method).mark_line(
        strokeDash=[4, 4], color="#8b93a7"
    )
    layered: alt.LayerChart = (line + points).properties(height=320)
    return layered


def parallel(table: pd.DataFrame, dimensions: Sequence[str]) -> alt.LayerChart:
    """One line a run across its parameters and metrics, each axis on its own scale.

    Args:
        table: run, label, colour, dimension (d0, d1, …), position in [0, 1], text.
        dimensions: The titles, in order.
    """
    colours = dict(zip(table["run"], table["colour"], strict=True))
    titles = list(dimensions)
    x = alt.X(
        "dimension:N",
        sort=titles,
        scale=alt.Scale(domain=titles, padding=0.3),
        axis=alt.Axis(
            title=None,
            labelAngle=-30,
            labelLimit=110,
            labelOverlap=False,
            domain=False,
            ticks=False,
            grid=True,
        ),
    )
    y = alt.Y("position:Q", axis=None, scale=alt.Scale(domain=[-0.05, 1.05]))
    near = alt.selection_point(name="line", on="pointerover", fields=["run"], clear="pointerout")
    colour = alt.Color(
        "run:N",
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=None,
    )
    base = alt.Chart(table).encode(x=x, y=y, color=colour, detail="run:N")
    line = base.mark_line(strokeWidth=2.2).encode(
        opacity=alt.condition(near, alt.value(0.9), alt.value(0.15))
    )
    tips = [
        alt.Tooltip("label:N", title="run"),
        "dimension:N",
        alt.Tooltip("text:N", title="value"),
    ]
    dots = base.mark_circle(size=90, opacity=1).encode(tooltip=tips).add_params(near)
    chart: alt.LayerChart = (line + dots).properties(height=340)
    return chart


def _run_colour(colours: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("run:N", scale=scale, legend=None)


def dumbbell(table: pd.DataFrame, colours: Mapping[str, str]) -> alt.LayerChart:
    """Two results of each run on one line: full for sharp, open for blurred.

    Args:
        table: run, label, split ('Sharp' or 'Blurred'), accuracy in [0, 1].
        colours: Run id to colour.
    """
    scale = alt.Scale(zero=False, padding=18)
    axis = alt.Axis(title="accuracy", format=".0%", tickCount=5)
    x = alt.X("accuracy:Q", scale=scale, axis=axis)
    y = alt.Y("label:N", sort=None, axis=alt.Axis(title=None, labelLimit=150, ticks=False))
    base = alt.Chart(table).encode(y=y, color=_run_colour(colours))
    bridge = base.mark_rule(strokeWidth=3, opacity=0.35).encode(
        x=alt.X("min(accuracy):Q", axis=axis, scale=scale), x2="max(accuracy):Q"
    )
    tip = [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("split:N", title="images"),
        alt.Tooltip("accuracy:Q", format=".4f"),
    ]
    dots = base.encode(x=x, tooltip=tip)
    full = dots.transform_filter("datum.split == 'Sharp'").mark_circle(size=170, opacity=1)
    ring = dots.transform_filter("datum.split != 'Sharp'").mark_point(size=150, strokeWidth=2.5)
    height = max(180, 48 * table["run"].nunique())
    chart: alt.LayerChart = (bridge + full + ring).properties(height=height)
    return chart


def calibration(table: pd.DataFrame, colours: Mapping[str, str]) -> alt.LayerChart:
    """Accuracy against confidence; the diagonal is a model that knows what it knows.

    Args:
        table: run, label, confidence, accuracy (both in [0, 1]), count.
        colours: Run id to colour.
    """
    unit = alt.Scale(domain=[0, 1])
    ideal = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    x = alt.X("confidence:Q", scale=unit, axis=alt.Axis(format=".0%", tickCount=5))
    y = alt.Y("accuracy:Q", scale=unit, axis=alt.Axis(format=".0%", tickCount=5))
    diagonal = alt.Chart(ideal).mark_line(strokeDash=[4, 4], color="#8b93a7", strokeWidth=1)
    tip = [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("confidence:Q", format=".2f"),
        alt.Tooltip("accuracy:Q", format=".2f"),
        alt.Tooltip("count:Q", title="images", format=","),
    ]
    line = alt.Chart(table).mark_line(point={"size": 50, "filled": True}, strokeWidth=2)
    curves_ = line.encode(x=x, y=y, color=_run_colour(colours), tooltip=tip)
    chart: alt.LayerChart = (diagonal.encode(x=x, y=y) + curves_).properties(height=240)
    return chart


def confusion(table: pd.DataFrame, *, rates: bool, dark: bool) -> alt.LayerChart:
    """Right answers in green, wrong ones in red, as strong as their share; clicking picks a cell.

    Args:
        table: label, prediction, count, rate.
        rates: Whether the cells show shares instead of counts.
        dark: Whether the page is dark: text marks do not follow the theme.
    """
    cell = alt.selection_point(name="cell", fields=["label", "prediction"], empty=False)
    axis = alt.Axis(labelAngle=0, ticks=False, domain=False, grid=False)
    x = alt.X("prediction:N", sort=None, axis=axis, title="read as")
    y = alt.Y("label:N", sort=None, axis=axis, title="is")
    base = alt.Chart(table).encode(x=x, y=y)
    right = alt.datum.label == alt.datum.prediction
    squares = base.mark_rect(cornerRadius=4).encode(
        color=alt.condition(right, alt.value("#1fa97a"), alt.value("#e2574c")),
        opacity=alt.Opacity(
            "rate:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[0.03, 1]), legend=None
        ),
        stroke=alt.condition(cell, alt.value("#4353d9"), alt.value("transparent")),
        strokeWidth=alt.value(2.5),
        tooltip=[
            alt.Tooltip("label:N", title="is"),
            alt.Tooltip("prediction:N", title="read as"),
            alt.Tooltip("count:Q", title="images", format=","),
            alt.Tooltip("rate:Q", title="share", format=".1%"),
        ],
    )
    shown = table[table["count"] > 0]
    text = alt.Chart(shown).mark_text(fontSize=11, color="#e6e9f0" if dark else "#1b2130")
    what = alt.Text("rate:Q", format=".0%") if rates else alt.Text("count:Q", format=",")
    chart: alt.LayerChart = (
        squares.add_params(cell) + text.encode(x=x, y=y, text=what)
    ).properties(height=400)
    return chart


def over_first(table: pd.DataFrame, first: str, numeric: Sequence[str]) -> alt.Chart:
    """Numeric columns over the first column: lines over numbers, bars over anything else."""
    is_number = bool(pd.api.types.is_numeric_dtype(table[first]))
    wide = table[[first, *numeric]].set_axis(
        ["x", *(f"c{index}" for index in range(len(numeric)))], axis=1
    )
    titles = {f"c{index}": name for index, name in enumerate(numeric)}
    long = wide.melt("x", var_name="column", value_name="value")
    long["column"] = long["column"].map(titles)
    colour = alt.Color("column:N", title=None, legend=alt.Legend(orient="top"))
    value = alt.Y("value:Q", title=None, scale=alt.Scale(zero=not is_number))
    tips = [alt.Tooltip("x", title=first), "column:N", alt.Tooltip("value:Q", format=".5~g")]
    if is_number:
        x = alt.X("x:Q", title=first, scale=alt.Scale(zero=False))
        line = alt.Chart(long).mark_line(point=True)
        lines: alt.Chart = line.encode(x=x, y=value, color=colour, tooltip=tips)
        return lines.properties(height=320)
    bar = alt.Chart(long.head(200)).mark_bar()
    names = alt.X("x:N", title=first, sort=None, axis=alt.Axis(labelLimit=120))
    drawn: alt.Chart = bar.encode(
        x=names, xOffset="column:N", y=value, color=colour, tooltip=tips
    ).properties(height=320)
    return drawn


def shares(table: pd.DataFrame, colour: str) -> alt.Chart:
    """Ten small bars: digit and share in [0, 1]."""
    bar = alt.Chart(table).mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3, color=colour)
    chart: alt.Chart = bar.encode(
        x=alt.X("digit:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, ticks=False)),
        y=alt.Y("share:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
        tooltip=["digit:N", alt.Tooltip("share:Q", format=".2%")],
    ).properties(height=90, padding=PADDING)
    return chart
