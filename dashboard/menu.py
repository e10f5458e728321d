"""What the menu says, and under which addresses: known before any page is imported."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """One page of the menu."""

    title: str
    address: str
    icon: str


MENU = (
    Item("Overview", "overview", "space_dashboard"),
    Item("Training curves", "curves", "show_chart"),
    Item("Configurations", "configurations", "tune"),
    Item("Evaluation", "evaluation", "target"),
    Item("Data", "data", "database"),
    Item("Run", "run", "science"),
    Item("Live", "live", "sensors"),
    Item("Try it", "try", "draw"),
    Item("SQL", "sql", "terminal"),
)
ADDRESSES = tuple(item.address for item in MENU)
