"""Live: running runs, refreshed by themselves while there are any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import editing, literal, metrics, panels, progress
from dashboard.formats import ago, duration, number
from dashboard.queries import records, run_lists
from dashboard.settings import training_command
from dashboard.source import SourceError, open_source
from dashboard.view import View, build
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    import pandas as pd

EVERY_SECONDS = 2
MAX_RUNS = 8
PANELS = 2
VALUES = 4


def show(view: View) -> None:
    """One card a running run; nothing is polled while nothing runs."""
    st.title("Live")
    running = _running(view)
    if running:
        st.fragment(_tick, run_every=EVERY_SECONDS)(view, running)
        return
    command = training_command(Path(view.source.path))
    literal.empty("bedtime", "Nothing is running. Start a run, then refresh:", command)
    st.button("Refresh", icon=":material/refresh:")


def _running(view: View) -> tuple[str, ...]:
    """The newest running runs, after those whose process is gone were marked as failed."""
    query = run_lists.RunQuery(experiment_id=view.experiment_id, statuses=("RUNNING",))
    found = tuple(run_lists.run_page(view.source, query, MAX_RUNS)["run_id"])
    if found:
        try:
            editing.writer(view.source).reap()
        except TrackerError:
            return found
        fresh = open_source(Path(view.source.path))
        found = tuple(run_lists.run_page(fresh, query, MAX_RUNS)["run_id"])
    return found


def _tick(view: View, running: tuple[str, ...]) -> None:
    try:
        source = open_source(Path(view.source.path))
        now = build(source, view.experiment_id, running, palette="live")
        if _running(now) != running:
            st.rerun()
    except SourceError as error:
        st.caption(literal.code_span(str(error)))
        return
    for run_id in running:
        with st.container(border=True):
            _card(now, run_id)


def _card(view: View, run_id: str) -> None:
    begun = ago(view.started[run_id], view.now)
    literal.heading(view.labels[run_id], "RUNNING", f"started {begun}", rem=1.2)
    latest = records.latest_of(view.source, (run_id,))
    if latest.empty:
        st.caption("No metric yet.")
        return
    _progress(view, run_id, latest)
    _values(latest)
    _curves(view, run_id)


def _progress(view: View, run_id: str, latest: pd.DataFrame) -> None:
    params = records.params_of(view.source, (run_id,))
    named = dict(zip(params["key"], params["value"], strict=True))
    seconds = view.now.timestamp() - view.started[run_id] / 1000
    found = progress.estimate(named, int(latest["step"].max()), seconds)
    if found is None:
        st.caption(f"Step {int(latest['step'].max()):,}")
        return
    left = "" if found.seconds_left is None else f" · {duration(found.seconds_left)} left"
    st.progress(found.share, f"Step {found.done:,} of {found.goal:,}{left}")


def _values(latest: pd.DataFrame) -> None:
    values = dict(zip(latest["key"], latest["value"], strict=True))
    names = metrics.ranked(values)[:VALUES]
    literal.facts([(name, number(values[name])) for name in names])


def _curves(view: View, run_id: str) -> None:
    alone = build(view.source, view.experiment_id, (run_id,), palette=f"live-{run_id}")
    subjects = panels.subjects(alone)
    chosen = panels.first_choice(subjects, PANELS)
    panels.grid(alone, {name: subjects[name] for name in chosen}, "step", f"live-{run_id}")
