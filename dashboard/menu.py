"""The pages: their titles, addresses and what stands beside them; none is imported here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.view import View


class Item(NamedTuple):
    """One page of the menu.

    Args:
        title: In the menu and in the browser's tab.
        address: Of the page, and the name of its module below `dashboard.pages`.
        has_run_list: Whether the run list stands beside it.
    """

    title: str
    address: str
    has_run_list: bool = True

    @property
    def show(self) -> Callable[[View], None]:
        """The function that draws the page."""
        function: Callable[[View], None] = import_module(f"dashboard.pages.{self.address}").show
        return function


MENU = (
    Item("Overview", "overview", has_run_list=False),
    Item("Curves", "curves"),
    Item("Compare", "compare"),
    Item("Evaluate", "evaluate"),
    Item("Data", "data"),
    Item("Run", "run"),
    Item("Sweeps", "sweeps", has_run_list=False),
    Item("Models", "models"),
    Item("SQL", "sql", has_run_list=False),
)
HOME = MENU[0]
# Streamlit serves the first page at the root only. The others are addresses of earlier editions.
MOVED = {
    HOME.address: "",
    "live": "",
    "configurations": "compare",
    "evaluation": "evaluate",
    "try": "models",
}
