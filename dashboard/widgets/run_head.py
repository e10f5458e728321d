"""The head of a run's page: what it is called, how it went, and what may be done to it."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import editing, groups, view_state
from dashboard.artifacts import files
from dashboard.palette import STATUS_TOKENS
from dashboard.widgets import component
from tracker.tags import (
    MLFLOW_GIT_BRANCH,
    MLFLOW_GIT_COMMIT,
    MLFLOW_SOURCE_NAME,
    TRACKER_COMMAND,
    TRACKER_HOST,
    TRACKER_PYTHON,
)
from tracker.text import ago, duration, local_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboard.view import View

KEY = "run-head"
# The run that is to be deleted though a process works on it; the page asks.
IN_USE = "delete_in_use"
COMMIT_SHOWN = 12
# Further tags stand in the table of tags only.
TAGS_SHOWN = 8
ENDED_EARLY = ("FAILED", "KILLED")


def show(view: View, run: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """One line with name, status, tags and actions; one with facts.

    Args:
        view: Its list says which run comes before and after.
        run: `run_lists.RUN_COLUMNS` of the run.
        tags: The run's.
    """
    run_id = str(run["run_id"])
    before, after = _neighbors(view, run_id)
    is_deleted = run["lifecycle_stage"] == "deleted"
    own = [pair for pair in sorted(tags.items()) if not pair[0].startswith(groups.RESERVED)]
    status = "DELETED" if is_deleted else str(run["status"])
    data = {
        "name": str(run["name"] or run_id),
        "color": view.colors.get(run_id, ""),
        "status": status.capitalize(),
        "tone": STATUS_TOKENS.get(status, ""),
        "duration": _duration(run),
        "tags": own[:TAGS_SHOWN],
        "facts": _facts(view, run, tags),
        "deleted": is_deleted,
        "baseline": view.state.baseline == run_id,
        "previous": before,
        "next": after,
        "command": tags.get(TRACKER_COMMAND, ""),
        "zip": files.zip_url(run_id),
    }
    component.part("head", KEY, data, on_event_change=partial(_take, view, run_id))


def _neighbors(view: View, run_id: str) -> tuple[str | None, str | None]:
    """The runs before and after one, in the order of the list."""
    order = [one for node in view.listing.tree for one in node.run_ids]
    if run_id not in order:
        return None, next(iter(order), None)
    place = order.index(run_id)
    return order[place - 1] if place else None, next(iter(order[place + 1 :]), None)


def _duration(run: Mapping[str, Any]) -> str:
    if pd.isna(run["seconds"]):
        return ""
    said = duration(run["seconds"])
    if run["status"] == "RUNNING":
        return f"for {said}"
    return f"after {said}" if run["status"] in ENDED_EARLY else said


def _facts(view: View, run: Mapping[str, Any], tags: Mapping[str, str]) -> list[list[str]]:
    """Name, text, whole text where that is longer, and what is copied."""
    run_id, begun = str(run["run_id"]), int(run["start_time"])
    source, commit = tags.get(MLFLOW_SOURCE_NAME, ""), tags.get(MLFLOW_GIT_COMMIT, "")
    branch = tags.get(MLFLOW_GIT_BRANCH, "")
    date, before = local_time(begun), ago(begun, view.now_ms)
    began = date if date.startswith(before) else f"{date}, {before}"
    facts = [
        ["Id", run_id[: view_state.DIGITS], run_id, run_id],
        ["Started", began],
        ["User", str(run["user_id"] or "")],
        ["Host", tags.get(TRACKER_HOST, "")],
        ["Source", "/".join(PurePosixPath(source).parts[-2:]), source],
        ["Commit", commit[:COMMIT_SHOWN], f"{commit} {branch}".strip()],
        ["Python", tags.get(TRACKER_PYTHON, "")],
    ]
    return [fact for fact in facts if fact[1]]


def _take(view: View, run_id: str) -> None:
    if event := component.event(KEY):
        act(view, run_id, event)


def act(view: View, run_id: str, event: Mapping[str, Any]) -> None:
    """Make the change that a person asked for; where it is refused, the page says why.

    Args:
        view: Whose database is changed.
        run_id: The run.
        event: What to `do`, and the texts for it.
    """
    source, state = view.source, view_state.current()
    key, value = str(event.get("key", "")), str(event.get("value", ""))

    def delete() -> None:
        st.session_state.pop(IN_USE, None)
        force = bool(event.get("force"))
        if not force and editing.user_of(source, [run_id]):
            st.session_state[IN_USE] = run_id
            return
        editing.delete(source, [run_id], force=force)
        state.forget([run_id])
        state.run = run_id

    def open_run() -> None:
        state.run = str(event["id"])

    def pin() -> None:
        state.baseline = "" if state.baseline == run_id else run_id

    changes: dict[str, Callable[[], None]] = {
        "rename": partial(editing.rename, source, run_id, str(event.get("name", ""))),
        "tag": partial(editing.retag, source, run_id, str(event.get("before", "")), key, value),
        "untag": partial(editing.untag, source, run_id, key),
        "delete": delete,
        "restore": partial(editing.restore, source, [run_id]),
        "open": open_run,
        "baseline": pin,
    }
    if (change := changes.get(str(event.get("do")))) is not None:
        editing.tried(change)
