"""Tidy tables in, Altair charts out; nothing here reads or draws by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Streamlit leaves room for a title that these charts do not have.
GREY = "#8b93a7"
TITLE_WIDTH = 240
PADDING = {"left": 0, "top": 6, "right": 16, "bottom": 4}
# The column of a run's color, taken as it is.
RUN_COLOR = alt.Color("color:N", scale=None)
Chart = alt.Chart | alt.LayerChart
CELL = ["label", "prediction"]
Cell = tuple[str, str]


def framed(chart: Any, height: int) -> Chart:
    """A whole chart, so many pixels high; its labels stand under their ticks, at the ends too."""
    framed: Chart = chart.properties(height=height, padding=PADDING).configure_axis(
        labelFlush=False, titleLimit=min(height, TITLE_WIDTH)
    )
    return framed


def bars(
    table: pd.DataFrame, x: str, y: str, group: str, colors: Mapping[str, str], height: int = 240
) -> Chart:
    """Grouped bars; `table` has the columns named by x, y and group.

    Args:
        table: One row a bar.
        x: The title of the horizontal axis.
        y: The title of the vertical axis.
        group: What sets the bars of one place apart.
        colors: Group to color; the page says which is which, for a legend would be cut.
        height: In pixels.
    """
    scale = alt.Scale(domain=list(colors), range=list(colors.values()))
    chart = (
        alt.Chart(table)
        .mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3)
        .encode(
            x=alt.X(f"{x}:N", sort=None, axis=alt.Axis(title=x, labelAngle=0)),
            xOffset=alt.XOffset(f"{group}:N", sort=None),
            y=alt.Y(f"{y}:Q", axis=alt.Axis(title=y, tickCount=4)),
            color=alt.Color(f"{group}:N", scale=scale, legend=None),
            tooltip=[x, group, alt.Tooltip(f"{y}:Q", format=",")],
        )
    )
    return framed(chart, height)


def scatter(table: pd.DataFrame, x: str, y: str, *, log_x: bool, trend: bool) -> Chart:
    """A parameter against a metric, one point a run.

    Args:
        table: x, y, run, label, color.
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
    is_whole = bool((table["x"] % 1 == 0).all())
    # A logarithmic axis has a line at every digit of every power of ten.
    grid = False if log_x else alt.Undefined
    axis = alt.Axis(title=x, tickCount=5, tickMinStep=1 if is_whole else alt.Undefined, grid=grid)
    base = alt.Chart(table).encode(
        x=alt.X("x:Q", scale=scale, axis=axis),
        y=alt.Y("y:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(title=y)),
    )
    points = base.mark_circle(size=130, opacity=0.9).encode(
        color=RUN_COLOR,
        tooltip=[
            alt.Tooltip("label:N", title="run"),
            alt.Tooltip("x:Q", title=x, format=".4~g"),
            alt.Tooltip("y:Q", title=y, format=".5~g"),
        ],
    )
    if not trend:
        return framed(points, 320)
    method: Literal["log", "linear"] = "log" if log_x else "linear"
    line = base.transform_regression("x", "y", method=method).mark_line(
        strokeDash=[4, 4], color=GREY
    )
    return framed(line + points, 320)


def strip(table: pd.DataFrame, x: str, y: str) -> Chart:
    """A parameter that is text against a metric, one point a run.

    Args:
        table: x, y, run, label, color.
        x: The title of the horizontal axis.
        y: The title of the vertical axis.
    """
    axis = alt.Axis(title=x, labelLimit=90, labelOverlap=False, labelAngle=-30, ticks=False)
    chart = (
        alt.Chart(table)
        .mark_circle(size=130, opacity=0.9)
        .encode(
            x=alt.X("x:N", axis=axis),
            y=alt.Y("y:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(title=y)),
            color=RUN_COLOR,
            tooltip=[
                alt.Tooltip("label:N", title="run"),
                alt.Tooltip("x:N", title=x),
                alt.Tooltip("y:Q", title=y, format=".5~g"),
            ],
        )
    )
    return framed(chart, 320)


def _run_color(colors: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colors), range=list(colors.values()))
    return alt.Color("run:N", scale=scale, legend=None)


def dumbbell(table: pd.DataFrame, colors: Mapping[str, str]) -> Chart:
    """Two results of each run on one line: full for sharp, open for blurred.

    Args:
        table: run, label, split ('Sharp' or 'Blurred'), accuracy in [0, 1].
        colors: Run id to color.
    """
    scale = alt.Scale(zero=False, padding=18)
    axis = alt.Axis(title="accuracy", format=".0%", tickCount=5)
    x = alt.X("accuracy:Q", scale=scale, axis=axis)
    names = alt.Axis(title=None, labelLimit=150, ticks=False)
    y = alt.Y("label:N", sort=None, axis=names)
    base = alt.Chart(table).encode(y=y, color=_run_color(colors))
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
    count = table["run"].nunique()
    height = max(180, min(48 * count, max(480, 20 * count)))
    return framed(bridge + full + ring, height)


def calibration(table: pd.DataFrame, colors: Mapping[str, str]) -> Chart:
    """Accuracy against confidence; the diagonal is a model that knows what it knows.

    Args:
        table: run, label, confidence, accuracy (both in [0, 1]), count.
        colors: Run id to color.
    """
    unit = alt.Scale(domain=[0, 1])
    ideal = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    x = alt.X("confidence:Q", scale=unit, axis=alt.Axis(format=".0%", tickCount=5))
    y = alt.Y("accuracy:Q", scale=unit, axis=alt.Axis(format=".0%", tickCount=5))
    diagonal = alt.Chart(ideal).mark_line(strokeDash=[4, 4], color=GREY, strokeWidth=1)
    tip = [
        alt.Tooltip("label:N", title="run"),
        alt.Tooltip("confidence:Q", format=".2f"),
        alt.Tooltip("accuracy:Q", format=".2f"),
        alt.Tooltip("count:Q", title="images", format=","),
    ]
    size = alt.Size("count:Q", scale=alt.Scale(type="sqrt", range=[12, 260]), legend=None)
    color = _run_color(colors)
    line = alt.Chart(table).mark_line(strokeWidth=1.2, opacity=0.6).encode(x=x, y=y, color=color)
    bins = alt.Chart(table).mark_circle(opacity=0.8)
    bins = bins.encode(x=x, y=y, color=color, size=size, tooltip=tip)
    return framed(diagonal.encode(x=x, y=y) + line + bins, 240)


def confusion(table: pd.DataFrame, picked: Cell | None, *, rates: bool, dark: bool) -> Chart:
    """Correct predictions green, wrong ones red, as strong as their share; a click picks a cell.

    Args:
        table: label, prediction, count, rate.
        picked: The (label, prediction) that is framed before any click.
        rates: Whether the cells show shares instead of counts.
        dark: Whether the page is dark: text marks do not follow the theme.
    """
    begun = [dict(zip(CELL, picked, strict=True))] if picked else alt.Undefined
    cell = alt.selection_point(name="cell", fields=CELL, empty=False, value=begun)
    axis = alt.Axis(labelAngle=0, ticks=False, domain=False, grid=False)
    x = alt.X("prediction:N", sort=None, axis=axis, title="predicted")
    y = alt.Y("label:N", sort=None, axis=axis, title="true")
    base = alt.Chart(table).encode(x=x, y=y)
    right = alt.datum.label == alt.datum.prediction
    squares = base.mark_rect(cornerRadius=4).encode(
        color=alt.condition(right, alt.value("#1fa97a"), alt.value("#e2574c")),
        fillOpacity=alt.FillOpacity(
            "rate:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[0.03, 1]), legend=None
        ),
        stroke=alt.condition(cell, alt.value("#4353d9"), alt.value("transparent")),
        strokeWidth=alt.value(2.5),
        tooltip=[
            alt.Tooltip("label:N", title="true"),
            alt.Tooltip("prediction:N", title="predicted"),
            alt.Tooltip("count:Q", title="images", format=","),
            alt.Tooltip("rate:Q", title="share", format=".1%"),
        ],
    )
    shown = table[table["count"] > 0]
    text = alt.Chart(shown).mark_text(fontSize=11, color="#e6e9f0" if dark else "#1b2130")
    what = alt.Text("rate:Q", format=".0%") if rates else alt.Text("count:Q", format=",")
    return framed(squares.add_params(cell) + text.encode(x=x, y=y, text=what), 400)


def over_first(table: pd.DataFrame, first: str, numeric: Sequence[str]) -> Chart:
    """Numeric columns over the first column: lines over numbers, bars over anything else."""
    is_number = bool(pd.api.types.is_numeric_dtype(table[first]))
    wide = table[[first, *numeric]].set_axis(
        ["x", *(f"c{index}" for index in range(len(numeric)))], axis=1
    )
    titles = {f"c{index}": name for index, name in enumerate(numeric)}
    long = wide.melt("x", var_name="column", value_name="value")
    long["column"] = long["column"].map(titles)
    color = alt.Color("column:N", title=None, legend=alt.Legend(orient="top"))
    value = alt.Y("value:Q", title=None, scale=alt.Scale(zero=not is_number))
    tips = [alt.Tooltip("x", title=first), "column:N", alt.Tooltip("value:Q", format=".5~g")]
    if is_number:
        x = alt.X("x:Q", title=first, scale=alt.Scale(zero=False))
        line = alt.Chart(long).mark_line(point=True)
        return framed(line.encode(x=x, y=value, color=color, tooltip=tips), 320)
    bar = alt.Chart(long.head(200)).mark_bar()
    names = alt.X("x:N", title=first, sort=None, axis=alt.Axis(labelLimit=120))
    drawn = bar.encode(x=names, xOffset="column:N", y=value, color=color, tooltip=tips)
    return framed(drawn, 320)


def probability_chart(table: pd.DataFrame, color: str) -> Chart:
    """Ten small bars: digit and share in [0, 1]."""
    bar = alt.Chart(table).mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3, color=color)
    chart = bar.encode(
        x=alt.X("digit:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, ticks=False)),
        y=alt.Y("share:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
        tooltip=["digit:N", alt.Tooltip("share:Q", format=".2%")],
    )
    return framed(chart, 90)
