"""The run list beside every page, and the same component as the Overview's table.

What is done in the browser (hover, visibility, sorting, folding, searching names) is shown there at
once and reported here; what changes the database or leads to another page comes as an event. The
component says on the page's window which runs are under the pointer and which are shown:

- `tracker:hover`, detail `{ids, from}`: the runs under the pointer; no ids when it leaves.
- `tracker:visible`, detail `{ids, from}`: the runs to draw; the curves send it to isolate one.

`from` is 'list' or the name of another component, which ignores its own events.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from dashboard import editing, groups, metrics, view_state
from dashboard.palette import RUN_COLORS, theme
from dashboard.queries import records, run_lists
from dashboard.widgets import component, run_rows
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.view import View
    from dashboard.view_state import ViewState

Mode = Literal["list", "table"]
# A page to go to once the script knows the pages.
WANTED = "page_wanted"
NO_LIMIT = -1


def show(view: View, mode: Mode, key: str, height: str) -> None:
    """Mount the component.

    Args:
        view: What to show.
        mode: 'list' beside a page, or 'table' with all columns.
        key: Of the component.
        height: Of it, a CSS length.
    """
    component.mount(
        key,
        _data(view, mode) | {"height": height},
        on_report_change=partial(_take_report, key),
        on_event_change=partial(_take_event, key, view),
    )


def _data(view: View, mode: Mode) -> dict[str, Any]:
    found, state = view.listing, view.state
    nodes = run_rows.flat(found.tree)
    plain = [node for node, _ in nodes]
    is_table = mode == "table"
    columns = run_rows.columns(view, plain) if is_table else [run_rows.key_metric(view, plain)]
    problem = found.problem
    data: dict[str, Any] = {
        "mode": mode,
        "ack": state.reports,
        "columns": [column.header() for column in columns],
        "rows": run_rows.rows(view, nodes, columns),
        "total": found.total,
        "unfiltered": found.unfiltered,
        "listed": len(found.listed),
        "problem": problem
        and {"sentence": problem.sentence, "word": problem.word}
        | {"correction": problem.correction},
        "groupings": list(groups.choices(found.runs.facts).items()),
        "sorts": _sorts(view),
        "palette": RUN_COLORS[theme()],
        "positions": state.positions,
        "undo": len(state.deleted_last),
        "state": {
            "filter": state.filter,
            "statuses": state.statuses,
            "group": found.grouping,
            "sort": found.sort,
            "descending": found.descending,
            "shown": list(view.run_ids),
            "automatic": view.automatic,
            "baseline": state.baseline,
            "run": state.run,
            "unfolded": state.unfolded,
            "columns": state.columns,
            "deleted": state.deleted,
        },
    }
    return data | (_of_table(view) if is_table else {})


def _sorts(view: View) -> list[tuple[str, str]]:
    """What the list can be sorted by, the metrics first."""
    keys = view.listing.runs.metric_keys
    return [(f"metrics.{key}", key) for key in keys] + [(key, key) for key in run_lists.SORTS]


def _of_table(view: View) -> dict[str, Any]:
    experiment = view.experiment_id
    params = records.known_keys(view.source, "params", experiment)
    measured = metrics.ranked(records.known_keys(view.source, "latest_metrics", experiment))
    counts = run_lists.status_counts(view.source, experiment)
    return {
        "statuses": [[name, counts[name]] for name in run_lists.STATUSES if name in counts],
        "known": [*(f"metrics.{key}" for key in measured), *(f"params.{key}" for key in params)],
        "equal": run_rows.equal(view.listing),
    }


def _take_report(key: str) -> None:
    """What was chosen in the browser since; a report that is sent once more says nothing new."""
    report, state = component.told(key, "report"), view_state.current()
    if not report or int(report["n"]) <= state.reports:
        return
    state.reports = int(report["n"])
    state.rows = max(state.rows, int(report["rows"]))
    state.courses = max(state.courses, int(report["courses"]))
    for name in ("filter", "group", "sort", "baseline"):
        if name in report:
            setattr(state, name, str(report[name]))
    for name in ("statuses", "columns", "unfolded", "shown"):
        if name in report:
            setattr(state, name, [str(item) for item in report[name]])
    if "descending" in report:
        state.descending = {True: True, False: False}.get(report["descending"])
    if "deleted" in report:
        state.deleted = bool(report["deleted"])


def _take_event(key: str, view: View) -> None:
    """Something was done to runs."""
    event = component.event(key)
    if not event:
        return
    chosen = [str(run_id) for run_id in event.get("ids", ())]
    if event.get("all"):
        chosen = list(run_lists.run_ids(view.source, view.listing.query, NO_LIMIT))
    actions: dict[str, Callable[[], None]] = {
        "open": partial(open_run, chosen[0] if chosen else ""),
        "show": partial(_show, chosen, "curves"),
        "compare": partial(_show, chosen, "compare"),
        "delete": partial(_delete, view, chosen),
        "restore": partial(_restore, view, chosen),
        "undo": partial(_undo, view),
        "tag": partial(_tag, view, chosen, str(event.get("key")), str(event.get("value", ""))),
    }
    if (action := actions.get(str(event["do"]))) is not None:
        action()


def open_run(run_id: str) -> None:
    """Go to a run's page; to be called by a widget's callback."""
    view_state.current().run = run_id
    st.session_state[WANTED] = "run"


def compare_with(baseline: str, run_id: str) -> None:
    """Go to a comparison of a run with another; to be called by a widget's callback."""
    _show([baseline, run_id], "compare")
    view_state.current().baseline = baseline


def _show(run_ids: list[str], page: str) -> None:
    view_state.current().show(run_ids)
    st.session_state[WANTED] = page


def _delete(view: View, run_ids: list[str]) -> None:
    state = view_state.current()
    if sentence := editing.user_of(view.source, run_ids):
        st.session_state["refused"] = f"{sentence} The run's page offers to delete it anyway."
    elif editing.tried(partial(editing.delete, view.source, run_ids)):
        state.deleted_last = run_ids
        state.forget(run_ids)


def _restore(view: View, run_ids: list[str]) -> None:
    editing.tried(partial(editing.restore, view.source, run_ids))


def _undo(view: View) -> None:
    state: ViewState = view_state.current()
    if editing.tried(partial(editing.restore, view.source, state.deleted_last)):
        state.deleted_last = []


def _tag(view: View, run_ids: list[str], key: str, value: str) -> None:
    if editing.tried(partial(editing.tag, view.source, run_ids, key, value)):
        st.session_state["told"] = f"{plural(len(run_ids), 'run')} tagged"
