"""What a person has chosen, kept in the session and in the address of every page.

The address carries ids, so that a link survives renaming. Streamlit drops it where the page
changes; each script run writes it again. What a run is sent may be older than what was chosen, for
the browser learns of a new address only later: it counts where a link is opened and after Back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.queries import run_lists

if TYPE_CHECKING:
    from dashboard.source import Source

ALL = "all"
# Digits of a run's id in the address.
DIGITS = run_lists.DIGITS_SHOWN
SEPARATOR = ","
_STATE = "view_state"


@dataclass
class ViewState:
    """What a person has chosen; empty or None is the automatic choice.

    Args:
        experiment: An experiment's id, or `ALL`; empty for the one with the newest run.
        filter: Part of a name, or the search language.
        statuses: Of the runs listed; empty for all.
        group: See `groups.GROUPINGS`; None for what suits the runs.
        sort: `metrics.NAME`, `params.NAME`, or a key of `run_lists.SORTS`.
        descending: Whether the greatest or newest come first; None for what is better.
        shown: Ids of the runs in charts and comparisons; None for the newest.
        baseline: Id of the run that others are compared with; empty for none.
        run: Id of the run that the Run page shows; empty for the first shown one.
        columns: Of the Overview: `metrics.NAME` and `params.NAME`; empty for what differs.
        deleted: Whether deleted runs are listed instead.
        unfolded: Keys of the groups that are open; not in the address.
        rows: How many rows are listed at most; not in the address.
        courses: For how many rows the Overview draws a course; not in the address.
        positions: Palette positions by owner; not in the address.
        deleted_last: Ids of the runs deleted last, for undo; not in the address.
        reports: The number of the run list's report that was taken last; not in the address.
    """

    experiment: str = ""
    filter: str = ""
    statuses: list[str] = field(default_factory=list)
    group: str | None = None
    sort: str = ""
    descending: bool | None = None
    shown: list[str] | None = None
    baseline: str = ""
    run: str = ""
    columns: list[str] = field(default_factory=list)
    deleted: bool = False
    unfolded: list[str] = field(default_factory=list)
    rows: int = 500
    courses: int = 60
    positions: dict[str, int] = field(default_factory=dict)
    deleted_last: list[str] = field(default_factory=list)
    reports: int = 0

    def show(self, run_ids: list[str]) -> None:
        """Show these runs in charts and comparisons."""
        self.shown = list(dict.fromkeys(run_ids))

    def forget(self, run_ids: list[str]) -> None:
        """Leave deleted runs out of everything that was chosen."""
        gone = set(run_ids)
        if self.shown is not None:
            self.shown = [run_id for run_id in self.shown if run_id not in gone]
        self.baseline = "" if self.baseline in gone else self.baseline
        self.run = "" if self.run in gone else self.run


def current() -> ViewState:
    """The state of this session."""
    state: ViewState = st.session_state.setdefault(_STATE, ViewState())
    return state


def read(source: Source) -> ViewState:
    """The state, taken from the address where a link was opened or after Back."""
    is_news = _STATE not in st.session_state or _went_back()
    state = current()
    address = {name: st.query_params.get_all(name) for name in _in_address(state)}
    if is_news and any(address.values()):
        _take(state, source, address)
    return state


def _went_back() -> bool:
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def address() -> dict[str, list[str]]:
    """What stands in the address for the state of this session."""
    return _in_address(current())


def load(source: Source, query: str) -> None:
    """Take over what a query string says, as that of a saved view."""
    named = parse_qs(query)
    state = current()
    _take(state, source, {name: named.get(name, []) for name in _in_address(state)})


def write(state: ViewState, experiment_id: int | None) -> None:
    """Bring the address up to date.

    Args:
        state: What was chosen.
        experiment_id: What is shown. Once something of it was chosen it is kept, for session and
            link, though another experiment may have the newest run by then.
    """
    if not state.experiment and experiment_id is not None and any(_in_address(state).values()):
        state.experiment = str(experiment_id)
    due = _in_address(state)
    if {name: st.query_params.get_all(name) for name in due} != due:
        st.query_params.update(due)


def _in_address(state: ViewState) -> dict[str, list[str]]:
    """What stands in the address, by name; nothing for what is chosen automatically."""
    order = "" if state.descending is None else "desc" if state.descending else "asc"
    shown = None if state.shown is None else SEPARATOR.join(i[:DIGITS] for i in state.shown)
    texts = {
        "experiment": state.experiment,
        "filter": state.filter,
        "group": state.group,
        "sort": state.sort,
        "order": order,
        "runs": shown if shown != "" else "none",
        "baseline": state.baseline[:DIGITS],
        "run": state.run[:DIGITS],
        "deleted": "true" if state.deleted else "",
    }
    address = {name: [text] if text else [] for name, text in texts.items()}
    return address | {"status": list(state.statuses), "columns": list(state.columns)}


def _take(state: ViewState, source: Source, address: dict[str, list[str]]) -> None:
    last: dict[str, str] = {name: texts[-1] for name, texts in address.items() if texts}
    state.experiment = run_lists.experiment_id(source, last.get("experiment", ""), ALL)
    state.filter = last.get("filter", "")
    state.group = last.get("group")
    state.sort = last.get("sort", "")
    state.descending = {"asc": False, "desc": True}.get(last.get("order", ""))
    state.shown = _runs(source, address["runs"])
    state.baseline = _run(source, last.get("baseline", ""))
    state.run = _run(source, last.get("run", ""))
    state.deleted = last.get("deleted") == "true"
    state.statuses = address["status"]
    state.columns = address["columns"]


def _runs(source: Source, texts: list[str]) -> list[str] | None:
    """The runs a link names; those of earlier editions named each by a label that ends in digits.

    None, and so the newest, where the link names no run that is left.
    """
    if not texts:
        return None
    if texts == ["none"]:
        return []
    words = [word for text in texts for word in text.split(SEPARATOR)]
    found = [run_id for word in words if (run_id := run_lists.linked_run(source, word))]
    return list(dict.fromkeys(found)) or None


def _run(source: Source, text: str) -> str:
    return (run_lists.linked_run(source, text, deleted=True) or "") if text else ""
