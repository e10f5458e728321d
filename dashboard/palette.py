"""One color a run, the same on every page for as long as the run is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Sequence

Theme = Literal["light", "dark"]
# The order of chartCategoricalColors in .streamlit/config.toml.
COLORS = (
    "#4f6df5", "#f08a24", "#1fa97a", "#e0528f", "#8a5cf0", "#19a7ce",
    "#d4a012", "#e2574c", "#6b9b37", "#a8683c", "#7b8794", "#c062d6",
)  # fmt: skip
# Of words, by theme: 4.5 times as bright or as dark as what they stand on (WCAG, level AA).
STATUS_TEXTS: dict[Theme, dict[str, str]] = {
    "light": {
        "RUNNING": "#2456d6",
        "FINISHED": "#0d7350",
        "FAILED": "#b8342b",
        "KILLED": "#856000",
        "SCHEDULED": "#58617a",
    },
    "dark": {
        "RUNNING": "#85b4ff",
        "FINISHED": "#4fd1a1",
        "FAILED": "#ff8f87",
        "KILLED": "#e3bd55",
        "SCHEDULED": "#a9b2c8",
    },
}
# Of the quiet words in a chart, where the page's text colors do not reach.
MUTED_TEXTS: dict[Theme, str] = {"light": "#656d84", "dark": "#9aa3b8"}
PILL_OPACITY = 0.12


def theme() -> Theme:
    """The theme of the page as it is seen; light where the browser has not said."""
    return "dark" if st.context.theme.type == "dark" else "light"


def verdict(*, good: bool) -> str:
    """The color of words about what is right or better, or wrong or worse."""
    return STATUS_TEXTS[theme()]["FINISHED" if good else "FAILED"]


def assign(run_ids: Sequence[str], earlier: dict[str, int]) -> dict[str, int]:
    """A palette position for each run; runs that had one keep it.

    Args:
        run_ids: The selected runs.
        earlier: The positions given before; runs no longer selected give theirs back.

    >>> assign(["a", "b"], {}), assign(["b", "c"], {"a": 0, "b": 1})
    ({'a': 0, 'b': 1}, {'b': 1, 'c': 0})
    """
    kept = {run_id: earlier[run_id] for run_id in run_ids if run_id in earlier}
    taken = set(kept.values())
    free = (position for position in range(len(run_ids) + len(taken)) if position not in taken)
    for run_id in run_ids:
        if run_id not in kept:
            kept[run_id] = next(free)
    return {run_id: kept[run_id] for run_id in run_ids}


def color(position: int) -> str:
    """The color at a palette position; more than twelve repeat."""
    return COLORS[position % len(COLORS)]
