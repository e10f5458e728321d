"""Charts of a sweep: history, importance, parallel coordinates, courses, one parameter's slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.palette import token
from dashboard.widgets.parallel import Objective, axis
from dashboard.widgets.parallel import show as draw
from tracker.text import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.queries.sweeps import Sweep, Trials
    from dashboard.widgets.parallel import Axis
    from tracker.sweep import TrialRecord

HEIGHT = 280
MOST_PARAMETERS = 8
STATES = ("Complete", "Running", "Pruned", "Failed")


def history(sweep: Sweep, trials: Trials) -> None:
    """Each trial a dot, the line the best so far; pruned and failed ones in their own colors."""
    rows, best = [], None
    for trial in trials.records:
        value = _value(trial)
        if value is None:
            continue
        if trial.is_complete and (best is None or _is_better(sweep, value, best)):
            best = value
        rows.append({"trial": trial.number, "value": value, "best": best, "state": _state(trial)})
    with _card("History", f"{sweep.metric} by trial, the line is the best so far"):
        if not rows:
            st.caption("No trial has logged a value yet.")
            return
        table = pd.DataFrame(rows)
        end = max(sweep.wanted - 1, int(table["trial"].max()), 1)
        x = alt.X("trial:Q", scale=alt.Scale(domain=[0, end], nice=False), title=None)
        y = alt.Scale(zero=False, domain=_clip(table["value"]), clamp=True)
        dots = (
            alt.Chart(table)
            .mark_circle(size=45, opacity=0.85)
            .encode(
                x=x,
                y=alt.Y("value:Q", scale=y, title=None),
                color=_state_color(),
                tooltip=["trial:Q", alt.Tooltip("value:Q", format=".4f"), "state:N"],
            )
        )
        line = (
            alt.Chart(table.dropna(subset=["best"]))
            .mark_line(interpolate="step-after", color=token("fill"), strokeWidth=2)
            .encode(x=x, y=alt.Y("best:Q", scale=y, title=None))
        )
        chart = line + dots
        if left := end - int(table["trial"].max()):
            chart = _to_come(int(table["trial"].max()), end, left, x) + chart
        st.altair_chart(chart, key="sweep_history", height=HEIGHT)


def _to_come(last: int, end: int, left: int, x: alt.X) -> Any:
    """A gray field over the trials that are still to come."""
    table = pd.DataFrame([{"trial": last + 0.5, "end": end, "middle": (last + end) / 2}])
    field = alt.Chart(table).mark_rect(color=token("hover")).encode(x=x, x2="end:Q")
    text = (
        alt.Chart(table)
        .mark_text(color=token("text-3"), text=f"{left} to come")
        .encode(x=alt.X("middle:Q"))
    )
    return alt.layer(field, text) if left * 4 > end else alt.layer(field)


def importance(sweep: Sweep, trials: Trials) -> None:
    """How much of the objective's variance each parameter explains."""
    with _card(f"Importance for {sweep.metric}", "PED-ANOVA"):
        if not trials.importance:
            st.caption("Known after some complete trials.")
            return
        table = pd.DataFrame(
            {"parameter": list(trials.importance), "share": list(trials.importance.values())}
        )
        chart = (
            alt.Chart(table)
            .mark_bar(color=token("fill"), height=12)
            .encode(
                x=alt.X("share:Q", axis=alt.Axis(format=".0%", tickCount=4), title=None),
                y=alt.Y("parameter:N", sort=None, title=None, axis=alt.Axis(labelLimit=110)),
                tooltip=["parameter:N", alt.Tooltip("share:Q", format=".1%")],
            )
        )
        st.altair_chart(chart, key="sweep_importance", height=HEIGHT)


def parallel(sweep: Sweep, trials: Trials) -> None:
    """Parallel coordinates of the complete trials, colored by the objective."""
    complete = [trial for trial in trials.records if trial.is_complete]
    if len(complete) < 2:  # noqa: PLR2004
        return
    values = [trial.value for trial in complete]
    axes = [
        _axis(key, sweep.space[key], [trial.params.get(key) for trial in complete])
        for key in list(sweep.space)[:MOST_PARAMETERS]
    ]
    axes.append(axis(sweep.metric, values, is_metric=True))
    objective = Objective(
        sweep.metric, values, "more" if sweep.settings.direction == "maximize" else "less"
    )
    keys = [trial.run_id for trial in complete]
    labels = [f"Trial {trial.number}: {number(trial.value)}" for trial in complete]
    draw(keys, labels, axes, objective, "sweep_parallel")


def _axis(key: str, spec: Any, values: Sequence[Any]) -> Axis:
    """The axis of a parameter, as the sweep's space describes it."""
    if isinstance(spec, dict) and "choices" in spec:
        return axis(key, [None if v is None else str(v) for v in values], choices=spec["choices"])
    return axis(key, values, is_log=bool(isinstance(spec, dict) and spec.get("log")))


def course(sweep: Sweep, trials: Trials) -> None:
    """What each trial reported as it went on."""
    rows = [
        {"trial": trial.number, "step": step, "value": value, "state": _state(trial)}
        for trial in trials.records
        for step, value in trial.intermediate_values.items()
    ]
    with _card("Intermediate values", f"{sweep.metric} by step, each trial a line"):
        if not rows:
            st.caption("No trial has reported yet.")
            return
        table = pd.DataFrame(rows)
        scale = alt.Scale(zero=False, domain=_clip(table["value"]), clamp=True)
        chart = (
            alt.Chart(table)
            .mark_line(opacity=0.55, strokeWidth=1.2)
            .encode(
                x=alt.X("step:Q", title=None, axis=alt.Axis(tickMinStep=1)),
                y=alt.Y("value:Q", scale=scale, title=None),
                detail="trial:N",
                color=_state_color(),
                tooltip=["trial:N", "step:Q", alt.Tooltip("value:Q", format=".4f"), "state:N"],
            )
        )
        st.altair_chart(chart, key="sweep_course", height=HEIGHT)


def slices(sweep: Sweep, trials: Trials) -> None:
    """One parameter against the objective."""
    with _card("Slice", f"one parameter against {sweep.metric}"):
        ordered = [key for key in trials.importance if key in sweep.space] or list(sweep.space)
        key = st.selectbox("Parameter", ordered, key="slice", label_visibility="collapsed")
        rows = [
            {"x": trial.params[key], "value": _value(trial), "state": _state(trial)}
            for trial in trials.records
            if key in trial.params and _value(trial) is not None
        ]
        if not rows or key is None:
            st.caption("No trial has logged a value yet.")
            return
        table = pd.DataFrame(rows)
        spec: Any = sweep.space[key]
        is_range = "low" in spec
        kind = "log" if spec.get("log") else "linear"
        x = (
            alt.X("x:Q", title=None, scale=alt.Scale(type=kind, nice=False, padding=10))  # type: ignore[arg-type]
            if is_range
            else alt.X("x:N", title=None)
        )
        scale = alt.Scale(zero=False, domain=_clip(table["value"]), clamp=True)
        chart = (
            alt.Chart(table)
            .mark_circle(size=45, opacity=0.8)
            .encode(x=x, y=alt.Y("value:Q", scale=scale, title=None), color=_state_color())
        )
        st.altair_chart(chart, key="sweep_slice", height=HEIGHT - 56)


def _clip(values: pd.Series[float]) -> list[float]:
    """The axis without the worst tenth, which would flatten the others."""
    numbers = sorted(float(value) for value in values)
    low, high = numbers[len(numbers) // 10], numbers[-1 - len(numbers) // 10]
    margin = (high - low) or abs(high) * 0.01 or 1.0
    return [
        max(numbers[0], low - margin) - 0.02 * margin,
        min(numbers[-1], high + margin) + 0.02 * margin,
    ]


def _value(trial: TrialRecord) -> float | None:
    if trial.value is not None or not trial.intermediate_values:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)]


def _is_better(sweep: Sweep, value: float, best: float) -> bool:
    return value > best if sweep.settings.direction == "maximize" else value < best


def _state(trial: TrialRecord) -> str:
    if trial.state in {"FAILED", "DIED"}:
        return "Failed"
    return {"PRUNED": "Pruned", "COMPLETE": "Complete"}.get(trial.state, "Running")


def _state_color() -> alt.Color:
    colors = [token("fill"), token("stopped"), token("text-3"), token("bad")]
    scale = alt.Scale(domain=list(STATES), range=colors)
    return alt.Color("state:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))


def _card(title: str, note: str) -> Any:
    card = st.container(border=True, height="stretch")
    card.markdown(f"**{title}** :gray[{note}]")
    return card
