"""The pages of the menu, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dashboard.pages import (
    configurations,
    curves,
    data,
    evaluation,
    live,
    overview,
    run,
    sql,
    tryit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.view import View


class Entry(NamedTuple):
    """One page of the menu."""

    title: str
    address: str
    icon: str
    show: Callable[[View], None]


ENTRIES = (
    Entry("Overview", "overview", "space_dashboard", overview.show),
    Entry("Training curves", "curves", "show_chart", curves.show),
    Entry("Configurations", "configurations", "tune", configurations.show),
    Entry("Evaluation", "evaluation", "target", evaluation.show),
    Entry("Data", "data", "database", data.show),
    Entry("Run", "run", "science", run.show),
    Entry("Live", "live", "sensors", live.show),
    Entry("Try it", "try", "draw", tryit.show),
    Entry("SQL", "sql", "terminal", sql.show),
)
ADDRESSES = tuple(entry.address for entry in ENTRIES)
