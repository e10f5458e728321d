"""Colors of both themes: tokens of the page, status, and one color a run or group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Iterable

Theme = Literal["light", "dark"]
# Of runs and groups, in order: chartCategoricalColors in .streamlit/config.toml. Each is at least
# 4.2 (light) or 6.8 (dark) times as dark or bright as the ground.
RUN_COLORS: dict[Theme, tuple[str, ...]] = {
    "light": (
        "#2a78d6", "#c4600a", "#12835c", "#c23b78", "#7a52d6",
        "#0b7f9c", "#8f6b00", "#c8402f", "#557f22", "#8f5730",
    ),
    "dark": (
        "#6aa8ff", "#f0a04b", "#43c795", "#f07fb0", "#ab8cff",
        "#4cc3e0", "#d9b43a", "#f2796b", "#94c25a", "#c9936a",
    ),
}  # fmt: skip
# CSS custom properties by theme, without their leading `--`; see frame.css and the components.
TOKENS: dict[Theme, dict[str, str]] = {
    "light": {
        "ground": "#ffffff", "side": "#f7f8fb", "raised": "#ffffff",
        "line": "#e1e4eb", "hairline": "#eef0f4", "grid": "#eceef3",
        "hover": "#f3f4f8", "open": "#f1f3fd", "tint": "#eceefb",
        "accent": "#4353d9", "fill": "#4353d9",
        "text-1": "#141a26", "text-2": "#4d5668", "text-3": "#646d80",
        "good": "#12704c", "good-ground": "#e3f3ec", "bad": "#b3261e", "bad-ground": "#fbe9e7",
        "running": "#1d5fb0", "running-ground": "#e4eefb",
        "stopped": "#865500", "stopped-ground": "#fbf0db",
    },
    "dark": {
        "ground": "#11141b", "side": "#0d1016", "raised": "#1a1f2a",
        "line": "#2a3040", "hairline": "#1e2330", "grid": "#1f2531",
        "hover": "#191e29", "open": "#1a2036", "tint": "#232a47",
        "accent": "#98a4ff", "fill": "#5563e0",
        "text-1": "#e6e9f0", "text-2": "#b3bbcd", "text-3": "#939cb2",
        "good": "#5ed1a1", "good-ground": "#15302a", "bad": "#ff8f85", "bad-ground": "#3a1d20",
        "running": "#7fb4ff", "running-ground": "#17293f",
        "stopped": "#e6b450", "stopped-ground": "#33290f",
    },
}  # fmt: skip
# The token of a status; its ground is the same with `-ground`.
STATUS_TOKENS = {
    "RUNNING": "running",
    "FINISHED": "good",
    "FAILED": "bad",
    "KILLED": "stopped",
    "SCHEDULED": "stopped",
}


def theme() -> Theme:
    """The theme of the page as it is seen; light where the browser has not said."""
    return "dark" if st.context.theme.type == "dark" else "light"


def token(name: str) -> str:
    """A token's color in the theme of the page."""
    return TOKENS[theme()][name]


def worst_color() -> str:
    """The color of the worst value of an objective; the best has the accent's."""
    return RUN_COLORS[theme()][1]


def verdict(*, good: bool) -> str:
    """The color of words about what is right or better, or wrong or worse."""
    return token("good" if good else "bad")


def assign(owners: Iterable[str], earlier: dict[str, int]) -> dict[str, int]:
    """A palette position for each owner of a color; owners that had one keep it.

    Args:
        owners: Ids of runs, or keys of groups.
        earlier: The positions given before; owners that are gone give theirs back.

    >>> assign(["a", "b"], {}), assign(["b", "c"], {"a": 0, "b": 1})
    ({'a': 0, 'b': 1}, {'b': 1, 'c': 0})
    """
    ordered = list(dict.fromkeys(owners))
    kept = {owner: earlier[owner] for owner in ordered if owner in earlier}
    taken = set(kept.values())
    free = (position for position in range(len(ordered) + len(taken)) if position not in taken)
    for owner in ordered:
        if owner not in kept:
            kept[owner] = next(free)
    return {owner: kept[owner] for owner in ordered}


def colors(positions: Iterable[int]) -> list[str]:
    """The colors at palette positions in the theme of the page; more than ten repeat."""
    found = RUN_COLORS[theme()]
    return [found[position % len(found)] for position in positions]
