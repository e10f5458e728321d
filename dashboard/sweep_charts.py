"""Charts of a sweep: history, importance, parallel coordinates, courses, one parameter's slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.palette import token, worst_color
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
# Trials without a result, and the signs that stand for them.
OTHERS = {"Pruned": "circle", "Failed": "M-.7-.7L.7.7M-.7.7L.7-.7", "Running": "triangle-up"}


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
        scale, axis_of_trials = alt.Scale(domain=[0, end], nice=False), alt.Axis(tickMinStep=1)
        x = alt.X("trial:Q", scale=scale, axis=axis_of_trials, title=None)
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
    """Parallel coordinates of the trials, colored by the objective; those without one are gray."""
    if trials.complete < 2:  # noqa: PLR2004
        return
    shown = [trial for trial in trials.records if _state(trial) != "Running"]
    values = [trial.value for trial in shown]
    axes = [
        _axis(key, sweep.space[key], [trial.params.get(key) for trial in shown])
        for key in list(sweep.space)[:MOST_PARAMETERS]
    ]
    axes.append(axis(sweep.metric, values, is_metric=True))
    objective = Objective(
        sweep.metric, values, "more" if sweep.settings.direction == "maximize" else "less"
    )
    keys = [trial.run_id for trial in shown]
    labels = [f"Trial {trial.number}: {_ended(trial)}" for trial in shown]
    draw(keys, labels, axes, objective, "sweep_parallel", others="pruned or failed")


def _ended(trial: TrialRecord) -> str:
    return number(trial.value) if trial.is_complete else _state(trial).lower()


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
        st.altair_chart(chart, key="sweep_course", height=HEIGHT + 56)


def slices(sweep: Sweep, trials: Trials) -> None:
    """One parameter against the objective."""
    with _card("Slice", f"one parameter against {sweep.metric}"):
        key = _parameter_box("", sweep, trials, "slice")
        rows = [
            {"x": _place(sweep, key, trial), "value": _value(trial), "state": _state(trial)}
            for trial in trials.records
            if key in trial.params and _value(trial) is not None
        ]
        if not rows:
            st.caption("No trial has logged a value yet.")
            return
        table = pd.DataFrame(rows)
        scale = alt.Scale(zero=False, domain=_clip(table["value"]), clamp=True)
        chart = (
            alt.Chart(table)
            .mark_circle(size=45, opacity=0.8)
            .encode(
                x=_parameter_axis(alt.X, "x", sweep, key),
                y=alt.Y("value:Q", scale=scale, title=None),
                color=_state_color(),
            )
        )
        st.altair_chart(chart, key="sweep_slice", height=HEIGHT)


def pair(sweep: Sweep, trials: Trials) -> None:
    """Two parameters against each other: complete trials colored by the objective, others gray."""
    with _card("Two parameters", f"colored by {sweep.metric} as above"):
        left, right = st.columns(2)
        with left:
            across = _parameter_box("x: ", sweep, trials, "pair_x")
        with right:
            up = _parameter_box("y: ", sweep, trials, "pair_y", place=1)
        rows = [
            {
                "trial": trial.number,
                "x": _place(sweep, across, trial),
                "y": _place(sweep, up, trial),
                "value": trial.value,
                "state": _state(trial),
            }
            for trial in trials.records
            if across in trial.params and up in trial.params
        ]
        if not rows:
            st.caption("No trial has both parameters yet.")
            return
        table = pd.DataFrame(rows)
        x = _parameter_axis(alt.X, "x", sweep, across)
        y = _parameter_axis(alt.Y, "y", sweep, up)
        tooltip = ["trial:Q", "x", "y", alt.Tooltip("value:Q", format=".4f"), "state:N"]
        others = (
            alt.Chart(table[table["state"] != "Complete"])
            .mark_point(size=55, strokeWidth=1.8)
            .encode(x=x, y=y, color=_other_color(), shape=_other_shape(), tooltip=tooltip)
        )
        complete = (
            alt.Chart(table[table["state"] == "Complete"])
            .mark_circle(size=75, opacity=0.9)
            .encode(x=x, y=y, color=_value_color(sweep, table["value"]), tooltip=tooltip)
        )
        chart = alt.layer(others, complete).resolve_scale(color="independent", shape="independent")
        st.altair_chart(chart, key="sweep_pair", height=HEIGHT)


def _parameter_box(prefix: str, sweep: Sweep, trials: Trials, key: str, place: int = 0) -> str:
    """A field that chooses a parameter; those that matter most stand first."""
    ordered = [name for name in trials.importance if name in sweep.space]
    ordered += [name for name in sweep.space if name not in ordered]
    index = min(place, len(ordered) - 1)
    chosen = st.selectbox(
        f"{prefix}parameter",
        ordered,
        index=index,
        key=key,
        format_func=lambda name: f"{prefix}{name}",
        label_visibility="collapsed",
    )
    return chosen if chosen in sweep.space else ordered[index]


def _place(sweep: Sweep, key: str, trial: TrialRecord) -> Any:
    """A parameter's value as its axis takes it: a number, or the text of a choice."""
    value = trial.params[key]
    return value if _is_range(sweep, key) else str(value)


def _parameter_axis(channel: Any, field: str, sweep: Sweep, key: str) -> Any:
    if not _is_range(sweep, key):
        choices = [str(choice) for choice in _spec(sweep, key)["choices"]]
        return channel(f"{field}:N", title=None, sort=choices, axis=alt.Axis(labelAngle=0))
    kind = "log" if _spec(sweep, key).get("log") else "linear"
    scale = alt.Scale(type=kind, nice=False, zero=False, padding=10)  # type: ignore[arg-type]
    return channel(f"{field}:Q", title=None, scale=scale)


def _is_range(sweep: Sweep, key: str) -> bool:
    return "low" in _spec(sweep, key)


def _spec(sweep: Sweep, key: str) -> Any:
    return sweep.space[key]


def _value_color(sweep: Sweep, values: pd.Series[float]) -> alt.Color:
    """From the worst to the best value, the worst tenth clipped; as the parallel coordinates."""
    low, high = _clip(values.dropna()) if values.notna().any() else (0.0, 1.0)
    ends = [low, high] if sweep.settings.direction == "maximize" else [high, low]
    colors = [worst_color(), token("accent")]
    scale = alt.Scale(domain=ends, range=colors, clamp=True, interpolate="lab")
    return alt.Color("value:Q", scale=scale, legend=None)


def _other_color() -> alt.Color:
    scale = alt.Scale(domain=list(OTHERS), range=[token("text-3"), token("bad"), token("stopped")])
    return alt.Color("state:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))


def _other_shape() -> alt.Shape:
    scale = alt.Scale(domain=list(OTHERS), range=list(OTHERS.values()))
    return alt.Shape("state:N", scale=scale, legend=alt.Legend(title=None, orient="bottom"))


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
