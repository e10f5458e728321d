"""Parallel coordinates over the whole width: a line for each run, ranges dragged on the axes.

The lines are colored by an objective, from worst to best, the best in front. The ranges are kept in
the session and in the link (`range=lr~0.2~0.6`, as shares of the axis), so that a table beside the
chart can follow them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from dashboard.palette import worst_color
from tracker.text import number, numbers, short_number

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).with_name("parallel_axes")
SCRIPTS = ("../element.js", "../runs.js", "../picture.js", "parallel.js")
PARAMETER = "range"
# Parameters with at most so many values have them side by side, whatever lies between.
FEW, TICKS = 6, 5
# From this ratio of the greatest to the least on, an axis is logarithmic.
LOG_FROM = 30
LONGEST_TEXT = 60
Value = str | float | None
Ranges = dict[str, list[float]]


@dataclass(frozen=True)
class Axis:
    """One axis: where each line crosses it, and what is written beside it.

    Args:
        title: Its name, with the scale where that is logarithmic.
        places: One a line, in [0, 1]; None for a line that has no value.
        ticks: Place and text.
        ends: The values at 0 and 1, as logarithms where the axis is logarithmic; None of a choice.
        is_log: Whether it is logarithmic.
    """

    title: str
    places: Sequence[float | None]
    ticks: Sequence[tuple[float, str]]
    ends: tuple[float, float] | None = None
    is_log: bool = False


@dataclass(frozen=True)
class Objective:
    """What the lines are colored by.

    Args:
        name: The metric.
        values: One a line.
        better: 'less', 'more' or ''.
    """

    name: str
    values: Sequence[float | None]
    better: Literal["less", "more", ""] = "more"


def axis(
    title: str,
    values: Sequence[Value],
    *,
    is_metric: bool = False,
    choices: Sequence[Value] | None = None,
    is_log: bool | None = None,
) -> Axis:
    """An axis for values as they were logged: numbers, texts of numbers, or choices.

    Args:
        title: Its name.
        values: One a line; None where there is none.
        is_metric: Whether the values are results, which are never side by side as choices are.
        choices: In this order, where they are known.
        is_log: Whether it is logarithmic; by default where the values span decades.

    >>> axis("lr", ["0.001", "0.01", None], choices=["0.001", "0.01"]).places
    [0.0, 1.0, None]
    """
    floats = [_float(value) for value in values]
    present = [one for one in floats if one is not None]
    texts = [value for value in values if value is not None]
    is_text = any(f is None for f, v in zip(floats, values, strict=True) if _is_told(v))
    few = not is_metric and is_log is None and len(set(texts)) <= FEW
    if choices is not None or is_text or few:
        ordered = [str(one) for one in choices or _ordered(texts, is_text=is_text)]
        return _choice(title, [None if v is None else str(v) for v in values], ordered)
    if is_log is None:
        is_log = bool(present) and min(present) > 0 and max(present) / min(present) > LOG_FROM
    return _scale(title, floats, is_log=is_log and min(present, default=0) > 0)


def _is_told(value: Value) -> bool:
    """Whether a value is one that can be placed: no gap, no NaN."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _float(value: Value) -> float | None:
    try:
        found = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _ordered(values: Sequence[Value], *, is_text: bool) -> list[Value]:
    distinct = list(dict.fromkeys(values))
    return sorted(distinct, key=str if is_text else lambda value: float(value or 0))


def _choice(title: str, texts: Sequence[str | None], ordered: Sequence[str]) -> Axis:
    """Values side by side, the first at the bottom; of many only some are written."""
    last = len(ordered) - 1
    places = {text: place / last if last else 0.5 for place, text in enumerate(ordered)}
    every = max(1, math.ceil(len(ordered) / 12))
    ticks = [(places[text], _cut(text)) for text in ordered[::every]]
    return Axis(title, [places.get(text) if text is not None else None for text in texts], ticks)


def _scale(title: str, floats: Sequence[float | None], *, is_log: bool) -> Axis:
    moved = [math.log10(f) if f is not None and is_log else f for f in floats]
    present = [one for one in moved if one is not None]
    low, high = min(present, default=0.0), max(present, default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    places = [None if one is None else (one - low) / (high - low) for one in moved]
    named = f"{title} (log)" if is_log else title
    is_whole = all(one is None or one == int(one) for one in floats)
    ticks = _ticks(low, high, is_log=is_log, is_whole=is_whole)
    return Axis(named, places, ticks, (low, high), is_log)


def _ticks(low: float, high: float, *, is_log: bool, is_whole: bool) -> list[tuple[float, str]]:
    """Powers of ten on a logarithmic axis that holds some, else places at equal distances."""
    powers = range(math.ceil(low), math.floor(high) + 1)
    if is_log and len(powers) > 1:
        every = math.ceil(len(powers) / 8)
        return [((power - low) / (high - low), f"1e{power}") for power in powers[::every]]
    places = [place / (TICKS - 1) for place in range(TICKS)]
    values = [low + place * (high - low) for place in places]
    if is_log:
        return [(p, short_number(10**v)) for p, v in zip(places, values, strict=True)]
    if is_whole:
        return [(p, short_number(round(v))) for p, v in zip(places, values, strict=True)]
    write = numbers(values)
    return [(p, write(v)) for p, v in zip(places, values, strict=True)]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def show(
    keys: Sequence[str],
    labels: Sequence[str],
    axes: Sequence[Axis],
    objective: Objective,
    key: str,
    others: str = "without it",
) -> None:
    """Draw the chart.

    Args:
        keys: One a line, as the ids of runs; the same lines are lifted in the run list.
        labels: One a line.
        axes: From left to right.
        objective: What the lines are colored by.
        key: Of the component.
        others: What the gray lines are, which have no value of the objective.
    """
    known = [value for value in objective.values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    best, worst = (low, high) if objective.better == "less" else (high, low)
    spread = best - worst
    data: dict[str, Any] = {
        "lines": [
            {
                "key": name,
                "label": _cut(label),
                "score": None
                if value is None or not math.isfinite(value)
                else (value - worst) / spread
                if spread
                else 1.0,
                "places": [one.places[place] for one in axes],
            }
            for place, (name, label, value) in enumerate(
                zip(keys, labels, objective.values, strict=True)
            )
        ],
        "axes": [
            {"title": one.title, "ticks": list(one.ticks), "ends": one.ends, "log": one.is_log}
            for one in axes
        ],
        "objective": objective.name,
        "ends": [number(worst), number(best)],
        "others": others if len(known) < len(objective.values) else "",
        "worst": worst_color(),
        "ranges": ranges(key),
    }
    draw = st.components.v2.component(
        "parallel", html='<div class="parallel"></div>', css=_text("parallel.css"), js=_script()
    )
    draw(key=key, data=data, on_ranges_change=_nothing)


def _nothing() -> None:
    """A state without a callback is not reported."""


@cache
def _script() -> str:
    return "".join(map(_text, SCRIPTS))


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def ranges(key: str) -> Ranges:
    """The ranges dragged on the axes of a chart, by title, as shares of the axis.

    Args:
        key: Of the component; the first time they are those of the link.
    """
    place = f"{key}-ranges"
    state = st.session_state.get(key)
    if state and state.get("ranges") is not None:
        st.session_state[place] = {name: list(ends) for name, ends in state["ranges"].items()}
    found: Ranges = st.session_state.setdefault(place, _of_link())
    texts = [f"{name}~{low:.3f}~{high:.3f}" for name, (low, high) in found.items()]
    if st.query_params.get_all(PARAMETER) != texts:
        st.query_params[PARAMETER] = texts
    return found


def _of_link() -> Ranges:
    found = {}
    for text in st.query_params.get_all(PARAMETER):
        name, *ends = text.rsplit("~", 2)
        numbers_read = [_float(end) for end in ends]
        low, high = numbers_read if len(numbers_read) == 2 else (None, None)  # noqa: PLR2004
        if low is not None and high is not None and low < high:
            found[name] = [low, high]
    return found


def within(axes: Sequence[Axis], found: Ranges, count: int) -> list[bool]:
    """Of each line, whether it lies in all ranges.

    Args:
        axes: Those that are drawn; a range of another one counts for nothing.
        found: See `ranges`.
        count: How many lines there are.
    """
    bound = [(one, found[one.title]) for one in axes if one.title in found]
    return [
        all(
            (at := one.places[line]) is not None and low <= at <= high for one, (low, high) in bound
        )
        for line in range(count)
    ]
