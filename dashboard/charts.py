"""Tidy tables in, Altair charts out; nothing here reads or draws by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

DASHES = {"train": [5, 4], "validation": [1, 0], "test": [2, 2], "": [1, 0]}
LEVELS = 10
POINTS_SHOWN = 30
STRIP_FROM = 60
Chart = alt.Chart | alt.LayerChart | alt.VConcatChart


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        run_id: Whose it is.
        label: As the tooltip names it.
        colour: Hexadecimal.
        part: 'train', 'validation', 'test' or ''.
        points: x, step, low, high, mean; ordered by x.
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


def smoothed(values: pd.Series[float], level: int) -> pd.Series[float]:
    """An exponential moving average; level 0 is the value itself, level 9 the smoothest."""
    return values if level == 0 else values.ewm(span=1 + 1.6**level).mean()


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
    main = alt.layer(*layers).properties(height=style.height, width="container")
    if dense:
        main = main.add_params(_level())
    if not long_enough:
        return _finish(main)
    return _finish(alt.vconcat(main, _strip(table, series, style, zoom), spacing=6))


def _finish(chart: Any) -> Chart:
    finished: Chart = chart.properties(
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    ).configure_view(strokeWidth=0)
    return finished


def _level() -> alt.Parameter:
    slider = alt.binding_range(min=0, max=LEVELS - 1, step=1, name="Smoothing ")
    return alt.param(name="level", value=2, bind=slider)


def _long(series: Sequence[Series], *, log: bool) -> pd.DataFrame:
    pieces = []
    for index, line in enumerate(series):
        piece = pd.DataFrame({"x": line.points["x"], "low": line.points["low"]})
        piece["high"] = line.points["high"]
        for level in range(LEVELS if len(line.points) > POINTS_SHOWN else 1):
            piece[f"s{level}"] = smoothed(line.points["mean"], level).astype("float32")
        piece["series"], piece["run"], piece["part"] = f"r{index}", line.run_id, line.part
        pieces.append(piece)
    table = pd.concat(pieces, ignore_index=True)
    for level in range(1, LEVELS):
        if f"s{level}" in table:
            table[f"s{level}"] = table[f"s{level}"].fillna(table["s0"])
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
    wide = pd.concat(
        [
            line.points.assign(x=line.points["x"]).groupby("x")["mean"].mean().rename(f"r{index}")
            for index, line in enumerate(series)
        ],
        axis=1,
    ).sort_index()
    wide = wide.ffill(limit=3).reset_index(names="x")
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
    drawn: alt.Chart = strip.add_params(zoom).properties(height=34, width="container")
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
        axis=alt.Axis(title=None, labelAngle=-20, domain=False, ticks=False, grid=True),
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
