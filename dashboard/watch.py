"""Runs that go on: marked as failed when their process is gone, and followed by the pages."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import editing
from dashboard.queries import run_lists
from dashboard.source import Source, open_source
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from dashboard.view import View

EVERY_SECONDS = 2.0
# Where nothing runs, a page looks for new runs this seldom.
IDLE_SECONDS = 15.0
# A page that follows spends so small a part of the time on it.
SHARE = 10


def reaped(source: Source) -> Source:
    """The state after those runs were marked as failed whose processes are gone.

    Costs nothing where nothing runs; elsewhere the processes are looked for every few seconds.
    """
    if "RUNNING" not in run_lists.status_counts(source, None):
        return source
    try:
        editing.writer(source).reap()
    except TrackerError:
        return source
    return open_source(Path(source.path))


def fresh(shown: Source) -> Source:
    """What has become of a state; where it cannot be read any more, the script says why anew."""
    try:
        return reaped(open_source(Path(shown.path)))
    except TrackerError:
        st.rerun()


def follow(view: View, every_seconds: float = EVERY_SECONDS) -> None:
    """Run the script again when something new was committed.

    To be called last, by a page that has a reason to wait for something.

    Args:
        view: What the page was given.
        every_seconds: How often to look; more seldom where the page takes long.
    """
    began = view.now.timestamp()
    every = max(every_seconds, SHARE * (time.time() - began))
    st.fragment(partial(_look, view.source, began + every / 2), run_every=every)()


def _look(shown: Source, not_before: float) -> None:
    """Compare what is shown with what there is; the page that was drawn just now is left alone."""
    if time.time() < not_before:
        return
    if fresh(shown) != shown:
        st.rerun()


def follow_runs(view: View) -> None:
    """Run the script again when a run began or ended.

    For pages beside the run list, which draw what running runs log by themselves.
    """
    every = EVERY_SECONDS if _is_running(view.source, view.experiment_id) else IDLE_SECONDS
    st.fragment(partial(_look_for_runs, view), run_every=every)()


def _look_for_runs(view: View) -> None:
    source = fresh(view.source)
    if _run_facts(source, view.experiment_id) != _run_facts(view.source, view.experiment_id):
        st.rerun()


def _is_running(source: Source, experiment_id: int | None) -> bool:
    return "RUNNING" in run_lists.status_counts(source, experiment_id)


def _run_facts(source: Source, experiment_id: int | None) -> object:
    return run_lists.status_counts(source, experiment_id), run_lists.newest_run(source)


def wait_for(path: Path) -> None:
    """Run the script again as soon as there is a file at `path`."""
    st.fragment(partial(_rerun_if_there, path), run_every=EVERY_SECONDS)()


def _rerun_if_there(path: Path) -> None:
    if path.exists():
        st.rerun()
