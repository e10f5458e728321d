"""Charts of the Models page: requests and latency of a server, the champion over versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from dashboard.palette import token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.serving import Minute

MINUTE_MS = 60_000
SHOWN = 60
HEIGHT = 150


def requests(minutes: Sequence[Minute], now_ms: int) -> alt.Chart:
    """Bars: how many requests came in each of the last sixty minutes."""
    counts = {_ago(minute, now_ms): minute.requests for minute in minutes}
    table = pd.DataFrame([{"minute": -n, "requests": counts.get(n, 0)} for n in range(SHOWN)])
    chart: alt.Chart = (
        alt.Chart(table)
        .mark_bar(color=token("text-3"), opacity=0.6)
        .encode(
            x=_minutes(),
            y=alt.Y("requests:Q", title=None, axis=alt.Axis(tickCount=3, format="~s")),
            tooltip=["minute:Q", "requests:Q"],
        )
        .properties(height=HEIGHT)
    )
    return chart


def latencies(minutes: Sequence[Minute], now_ms: int) -> alt.LayerChart:
    """Lines: p50 solid and p99 thin, in milliseconds, of each of the last sixty minutes."""
    rows: list[dict[str, Any]] = [
        {"minute": -_ago(minute, now_ms), "p50": minute.p50, "p99": minute.p99}
        for minute in minutes
        if minute.p50 is not None
    ]
    base = alt.Chart(pd.DataFrame(rows, columns=["minute", "p50", "p99"])).encode(x=_minutes())
    axis = alt.Axis(tickCount=3)
    thin = base.mark_line(strokeWidth=1, color=token("text-3"), point=_dots("text-3")).encode(
        y=alt.Y("p99:Q", title=None, axis=axis), tooltip=_tooltip("p99")
    )
    solid = base.mark_line(strokeWidth=2, color=token("fill"), point=_dots("fill")).encode(
        y=alt.Y("p50:Q", title=None, axis=axis), tooltip=_tooltip("p50")
    )
    both: alt.LayerChart = (thin + solid).properties(height=HEIGHT - 40)
    return both


def champions(steps: Sequence[dict[str, Any]], key: str) -> alt.LayerChart:
    """A dot a version, and as a step line the value of the champion at that version.

    Args:
        steps: `version`, `value`, `champion` of each, the oldest first.
        key: The metric.
    """
    table = pd.DataFrame(list(steps))
    base = alt.Chart(table).encode(
        x=alt.X("version:N", sort=None, title=None, axis=alt.Axis(labelAngle=0))
    )
    scale = alt.Scale(zero=False, padding=16)
    line = base.mark_line(interpolate="step-after", color=token("fill")).encode(
        y=alt.Y("champion:Q", scale=scale, title=key)
    )
    value = alt.Y("value:Q", scale=scale)
    tooltip = ["version:N", alt.Tooltip("value:Q", format=".4f")]
    dots = base.mark_point(filled=True, size=50, opacity=1, color=token("text-3")).encode(
        y=value, tooltip=tooltip
    )
    labels = base.mark_text(dy=13, color=token("text-2")).encode(
        y=value, text=alt.Text("value:Q", format=".4f")
    )
    layers: alt.LayerChart = line + dots + labels
    return layers


def _ago(minute: Minute, now_ms: int) -> int:
    return (now_ms // MINUTE_MS * MINUTE_MS - minute.start_ms) // MINUTE_MS


def _minutes() -> alt.X:
    scale = alt.Scale(domain=[0.5 - SHOWN, 0.5], nice=False)
    label = "datum.value == 0 ? 'now' : datum.value + ' min'"
    axis = alt.Axis(values=[-45, -30, -15, 0], labelExpr=label, grid=False, labelFlush=True)
    return alt.X("minute:Q", title=None, scale=scale, axis=axis)


def _dots(name: str) -> alt.OverlayMarkDef:
    """A dot a minute: a line of one minute alone would not be seen."""
    return alt.OverlayMarkDef(size=14, color=token(name))


def _tooltip(name: str) -> list[Any]:
    return ["minute:Q", alt.Tooltip(f"{name}:Q", format=".2f", title=f"{name}, ms")]
