"""The few changes a person may make from the dashboard, all through the tracker."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.widgets import html
from tracker import TrackingClient
from tracker.exceptions import InvalidStateError, NotFoundError, TrackerError
from tracker.tags import MLFLOW_RUN_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dashboard.source import Source

NOTE = MLFLOW_RUN_NOTE


@st.cache_resource(show_spinner=False, max_entries=4)
def _client(path: str, identity: tuple[int, int]) -> TrackingClient:
    del identity
    return TrackingClient(path)


def writer(source: Source) -> TrackingClient:
    """A client that may write the database.

    Raises:
        TrackerError: If it cannot be opened for writing.
    """
    return _client(source.path, source.identity)


def attempt(change: Callable[[], None], done: str) -> bool:
    """Make a change and say so; where it is refused, say why. Whether it was made."""
    try:
        change()
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return False
    st.toast(done, icon=":material/check:")
    return True


def tried(change: Callable[[], None]) -> bool:
    """Make a change in a callback; where it is refused, the page says why. Whether it was made."""
    try:
        change()
    except TrackerError as error:
        st.session_state["refused"] = str(error)
        return False
    return True


def rename(source: Source, run_id: str, name: str) -> None:
    """Give a run another name.

    Raises:
        TrackerError: If the name breaks a rule or the run is deleted.
    """
    writer(source).update_run(run_id, name=name)


def annotate(source: Source, run_id: str, note: str) -> None:
    """Give a run another note, or none.

    Raises:
        TrackerError: If the run is deleted.
    """
    if note:
        writer(source).set_tag(run_id, NOTE, note)
    else:
        untag(source, run_id, NOTE)


def tag(source: Source, run_ids: Iterable[str], key: str, value: str) -> None:
    """Give runs a tag.

    Raises:
        TrackerError: If the key breaks a rule or a run is deleted.
    """
    client = writer(source)
    for run_id in run_ids:
        client.set_tag(run_id, key, value)


def retag(source: Source, run_id: str, before: str, key: str, value: str) -> None:
    """Give a run a tag, in the place of another one.

    Args:
        source: The database.
        run_id: The run.
        before: The key that the tag had; empty for a new tag.
        key: The key that it has.
        value: Its value.

    Raises:
        TrackerError: If the key breaks a rule or the run is deleted.
    """
    tag(source, [run_id], key, value)
    if before and before != key:
        untag(source, run_id, before)


def untag(source: Source, run_id: str, key: str) -> None:
    """Take a tag from a run; nothing happens where it has none of that key.

    Raises:
        TrackerError: If the run is deleted.
    """
    with suppress(NotFoundError):
        writer(source).delete_tag(run_id, key)


def user_of(source: Source, run_ids: Iterable[str]) -> str:
    """Which process works on one of these runs, in a sentence; empty where none does."""
    try:
        writer(source).check_not_in_use(list(run_ids))
    except InvalidStateError as error:
        return str(error)
    except TrackerError:  # It may not be written at all, which deleting will say.
        return ""
    return ""


def delete(source: Source, run_ids: Iterable[str], *, force: bool = False) -> None:
    """Mark runs as deleted, all or none; their files and points stay.

    Args:
        source: Their database.
        run_ids: The runs.
        force: Also those that a process is working on, which then cannot log to them any more.

    Raises:
        TrackerError: If a process is working on one of them, or the database cannot be written.
    """
    client, run_ids = writer(source), list(run_ids)
    if not force:
        client.check_not_in_use(run_ids)
    for run_id in run_ids:
        client.delete_run(run_id)


def restore(source: Source, run_ids: Iterable[str]) -> None:
    """Take runs back.

    Raises:
        TrackerError: If the database cannot be written.
    """
    client = writer(source)
    for run_id in run_ids:
        client.restore_run(run_id)
