"""Charts of a sweep: history, importance, parallel coordinates, courses, one parameter's slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.labels import SEED
from dashboard.palette import token, worst_color
from dashboard.queries.sweeps import has_failed, last_value, to_come
from dashboard.widgets import html
from dashboard.widgets.parallel import Objective, axis
from dashboard.widgets.parallel import show as draw
from tracker.text import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.queries.sweeps import Sweep, Trials
    from dashboard.widgets.parallel import Axis
    from tracker.sweep import TrialRecord

HEIGHT = 280
MOST_PARAMETERS = 8
STATES = ("Complete", "Running", "Pruned", "Interrupted", "Failed")
# Trials without a result, and the signs that stand for them.
OTHERS = {
    "Running": "triangle-up",
    "Pruned": "circle",
    "Interrupted": "square",
    "Failed": "M-.7-.7L.7.7M-.7.7L.7-.7",
}
LEGEND = alt.Legend(title=None, orient="bottom")
# Room for the label of the best trial beside it, of the height of the chart.
ROOM = 0.12


def history(sweep: Sweep, trials: Trials) -> None:
    """Each trial a dot or a sign, the line the best so far, the best of all with its value."""
    table = _by_number(sweep, trials)
    with _card("History", f"{sweep.metric} by trial, the line is the best so far"):
        if table.empty:
            st.caption("No trial has logged a value yet.")
            return
        last, left = trials.records[-1].number, to_come(sweep, trials)
        end = max(last + left, 1)
        scale, ticks = alt.Scale(domain=[0, end], nice=False), alt.Axis(tickMinStep=1)
        x = alt.X("trial:Q", scale=scale, axis=ticks, title=None)
        y = _values(sweep, table["value"], ROOM)
        line = (
            alt.Chart(table.dropna(subset=["best"]))
            .mark_line(interpolate="step-after", color=token("accent"), strokeWidth=2)
            .encode(x=x, y=alt.Y("best:Q", title=None))
        )
        layers = [line, *_dots(table, x, y, alt.value(token("accent")))]
        if left:
            layers.insert(0, _to_come(last, end, left, x))
        if trials.best is not None:
            layers += _best(sweep, trials.best, trials.write(trials.best.value), x, y, end)
        st.altair_chart(_layered(layers), key="sweep_history")


def _by_number(sweep: Sweep, trials: Trials) -> pd.DataFrame:
    """Trials with a value, and the best complete one so far beside each."""
    rows, best = [], None
    for trial in trials.records:
        value = last_value(trial)
        if value is None:
            continue
        if trial.is_complete and (best is None or _is_better(sweep, value, best)):
            best = value
        rows.append({"trial": trial.number, "value": value, "best": best, "state": _state(trial)})
    return pd.DataFrame(rows)


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


def _best(
    sweep: Sweep, best: TrialRecord, written: str, x: alt.X, y: alt.Y, end: int
) -> list[alt.Chart]:
    """The best trial as a larger dot, and its value on the side where no trial is."""
    point = alt.Chart(pd.DataFrame([{"trial": best.number, "value": best.value}])).encode(x=x, y=y)
    is_left, is_up = best.number * 2 < end, sweep.settings.direction == "maximize"
    label = point.mark_text(
        text=f"{written}, trial {best.number}",
        align="left" if is_left else "right",
        dx=4 if is_left else -4,
        dy=-12 if is_up else 12,
        color=token("text-1"),
        fontSize=12,
        fontWeight=600,
    )
    return [point.mark_circle(size=90, color=token("accent"), opacity=1), label]


def importance(sweep: Sweep, trials: Trials) -> None:
    """How much of the objective's variance each parameter explains; a seed measures the noise."""
    with _card(f"Importance for {sweep.metric}", "PED-ANOVA"):
        if not trials.importance:
            st.caption("Known after some complete trials.")
            return
        seeds = {name: share for name, share in trials.importance.items() if SEED.search(name)}
        noise = max(seeds.values(), default=0.0)
        rows = [
            {
                "parameter": f"{name} (noise)" if name in seeds else name,
                "share": share,
                "written": f"{share:.0%}",
                "color": token("accent") if share > noise else token("text-3"),
            }
            for name, share in trials.importance.items()
        ]
        st.altair_chart(_bars(pd.DataFrame(rows)), key="sweep_importance")
        if seeds:
            names = " and ".join(map(html.code_span, seeds))
            st.caption(f"What explains no more than {names} ({noise:.0%}), in gray, is noise.")


def _bars(table: pd.DataFrame) -> charts.Chart:
    """Parameters with their shares; `table` has parameter, share, written, color."""
    bars = alt.Chart(table).encode(
        x=alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, table["share"].max() * 1.2])),
        y=alt.Y("parameter:N", sort=None, title=None, axis=alt.Axis(labelLimit=130)),
        tooltip=["parameter:N", alt.Tooltip("share:Q", format=".1%")],
    )
    color = alt.Color("color:N", scale=None)
    written = bars.mark_text(align="left", dx=5, color=token("text-2")).encode(text="written:N")
    return charts.framed(bars.mark_bar(height=12).encode(color=color) + written, HEIGHT)


def parallel(sweep: Sweep, trials: Trials) -> None:
    """Parallel coordinates of the trials, colored by the objective; those without it are gray."""
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
    draw(keys, labels, axes, objective, "sweep_parallel")


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
        chart = (
            alt.Chart(table)
            .mark_line(opacity=0.55, strokeWidth=1.2)
            .encode(
                x=alt.X("step:Q", title=None, axis=alt.Axis(tickMinStep=1)),
                y=_values(sweep, table["value"]),
                detail="trial:N",
                color=_colors(_among(STATES, table)),
                tooltip=["trial:N", "step:Q", alt.Tooltip("value:Q", format=".4~g"), "state:N"],
            )
        )
        st.altair_chart(charts.framed(chart, HEIGHT + 56), key="sweep_course")


def slices(sweep: Sweep, trials: Trials) -> None:
    """One parameter against the objective."""
    with _card("Slice", f"one parameter against {sweep.metric}"):
        key = _parameter_box("", sweep, trials, "slice")
        rows = [
            {
                "trial": trial.number,
                "x": _place(sweep, key, trial),
                "value": last_value(trial),
                "state": _state(trial),
            }
            for trial in trials.records
            if key in trial.params and last_value(trial) is not None
        ]
        if not rows:
            st.caption("No trial has logged a value yet.")
            return
        table = pd.DataFrame(rows)
        x = _parameter_axis(alt.X, "x", sweep, key)
        dots = _dots(table, x, _values(sweep, table["value"]), alt.value(token("accent")))
        st.altair_chart(_layered(dots), key="sweep_slice")


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
        color = _value_color(sweep, table["value"])
        st.altair_chart(_layered(_dots(table, x, y, color, size=75)), key="sweep_pair")


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
    if not _spec(sweep, key).get("log"):
        scale = alt.Scale(nice=False, zero=False, padding=10)
        return channel(f"{field}:Q", title=None, scale=scale)
    scale = alt.Scale(type="log", nice=False, padding=10)
    ticks = _powers_of_ten(_spec(sweep, key)["low"], _spec(sweep, key)["high"])
    axis = alt.Axis(values=ticks, format="~e") if ticks[1:] else alt.Axis(tickCount=5)
    return channel(f"{field}:Q", title=None, scale=scale, axis=axis)


def _powers_of_ten(low: float, high: float) -> list[float]:
    """Those from `low` to `high`; an axis marks every digit between them, too, unless told.

    >>> _powers_of_ten(5e-4, 2e-2)
    [0.001, 0.01]
    """
    ends = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [10.0**power for power in range(ends[0], ends[1] + 1)]


def _is_range(sweep: Sweep, key: str) -> bool:
    return "low" in _spec(sweep, key)


def _spec(sweep: Sweep, key: str) -> Any:
    return sweep.space[key]


def _dots(
    table: pd.DataFrame, x: alt.X, y: alt.Y, complete: Any, size: int = 45
) -> list[alt.Chart]:
    """Complete trials as dots, all others as the signs of their states.

    Args:
        table: One row a trial: trial, state, value, and what the axes take.
        x: The horizontal axis.
        y: The vertical axis.
        complete: The color of the complete trials.
        size: Of a dot, in square pixels.
    """
    shown = [name for name in ("x", "y") if name in table]
    tooltip = ["trial:Q", *shown, alt.Tooltip("value:Q", format=".4~g"), "state:N"]
    is_complete = table["state"] == "Complete"
    others = alt.Chart(table[~is_complete]).mark_point(size=size + 10, strokeWidth=1.8)
    states = _among(OTHERS, table)
    dots = alt.Chart(table[is_complete]).mark_circle(size=size, opacity=0.9)
    return [
        others.encode(x=x, y=y, color=_colors(states), shape=_signs(states), tooltip=tooltip),
        dots.encode(x=x, y=y, color=complete, tooltip=tooltip),
    ]


def _layered(layers: Sequence[Any]) -> charts.Chart:
    whole = alt.layer(*layers).resolve_scale(color="independent", shape="independent")
    return charts.framed(whole, HEIGHT)


def _value_color(sweep: Sweep, values: pd.Series[float]) -> alt.Color:
    """From the worst to the best value, the worst tenth clipped; as the parallel coordinates."""
    low, high = _span(sweep, values.dropna()) if values.notna().any() else (0.0, 1.0)
    ends = [low, high] if sweep.settings.direction == "maximize" else [high, low]
    colors = [worst_color(), token("accent")]
    scale = alt.Scale(domain=ends, range=colors, clamp=True, interpolate="lab")
    return alt.Color("value:Q", scale=scale, legend=None)


def _among(states: Iterable[str], table: pd.DataFrame) -> list[str]:
    """Those of the states that trials of a table have."""
    return [state for state in states if state in set(table["state"])]


def _colors(states: list[str]) -> alt.Color:
    """The colors of states, with a legend."""
    tokens = {"Complete": "accent", "Running": "stopped", "Failed": "bad"}
    scale = alt.Scale(domain=states, range=[token(tokens.get(state, "text-3")) for state in states])
    return alt.Color("state:N", scale=scale, legend=LEGEND)


def _signs(states: list[str]) -> alt.Shape:
    """The signs of states, with a legend, which is that of the colors too."""
    scale = alt.Scale(domain=states, range=[OTHERS[state] for state in states])
    return alt.Shape("state:N", scale=scale, legend=LEGEND)


def _values(sweep: Sweep, values: pd.Series[float], room: float = 0.0) -> alt.Y:
    """The axis of the objective; see `_span`."""
    scale = alt.Scale(zero=False, domain=_span(sweep, values, room), clamp=True)
    return alt.Y("value:Q", scale=scale, title=None)


def _span(sweep: Sweep, values: pd.Series[float], room: float = 0.0) -> list[float]:
    """Where an axis of the objective begins and ends.

    Values far below the others (above, where less is better) would flatten those: of the worst
    tenth, no more is shown than lies as near as the others lie to each other.

    Args:
        sweep: Knows which values are worse.
        values: At least one.
        room: To be left free beyond the best, as a share of the whole.
    """
    sign = sweep.settings.sign
    costs = sorted(sign * float(value) for value in values)
    best, worst = costs[0], costs[-1 - len(costs) // 10]
    margin = (worst - best) or abs(best) * 0.01 or 1.0
    worst = min(costs[-1], worst + margin)
    ends = [best - max(0.02 * margin, room * (worst - best)), worst + 0.02 * margin]
    return sorted(sign * end for end in ends)


def _is_better(sweep: Sweep, value: float, best: float) -> bool:
    return value > best if sweep.settings.direction == "maximize" else value < best


def _state(trial: TrialRecord) -> str:
    return "Failed" if has_failed(trial) else trial.state.capitalize()


def _card(title: str, note: str) -> Any:
    card = st.container(border=True, height="stretch")
    card.markdown(f"**{title}** :gray[{note}]")
    return card
