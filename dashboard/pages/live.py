"""Live: running runs, refreshed by themselves, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import metrics, progress, watch
from dashboard.curves import panels
from dashboard.formats import MILLISECONDS_PER_SECOND, ago, duration, number
from dashboard.queries import records, run_lists
from dashboard.settings import training_command
from dashboard.view import View, build
from dashboard.widgets import html
from tracker.tags import TRACKER_FAILURE_REASON

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.source import Source

IDLE_SECONDS = 10
MAX_RUNS = 8
PANELS = 2
VALUES = 4
# Holds when the page was first opened, in ms since the epoch: runs that end later stay on it.
SINCE = "live_since"


def show(view: View) -> None:
    """One card a run; while nothing runs, only the database's change counter is looked at."""
    st.title("Live")
    if _running(view.source, view.experiment_id):
        st.fragment(partial(_tick, view), run_every=watch.EVERY_SECONDS)()
        return
    now = _watched(view, view.source)
    if now.runs.empty:
        sentence = "Nothing is running. Start a run, and it appears here:"
        html.empty("bedtime", sentence, training_command(Path(view.source.path)))
    else:
        st.caption("Nothing is running any more. A new run appears here by itself.")
        _draw(now)
    watch.follow(view, IDLE_SECONDS)


def _running(source: Source, experiment_id: int | None) -> list[str]:
    query = run_lists.RunQuery(experiment_id=experiment_id, statuses=("RUNNING",))
    return list(run_lists.run_page(source, query, MAX_RUNS)["run_id"])


def _tick(view: View) -> None:
    source = watch.fresh(view.source)
    if not _running(source, view.experiment_id):
        st.rerun()
    _draw(_watched(view, source))


def _watched(view: View, source: Source) -> View:
    """The running runs, and those that ended since the page was first opened."""
    running = _running(source, view.experiment_id)
    since = int(st.session_state.setdefault(SINCE, _milliseconds(view.now)))
    ended = run_lists.ended_since(source, view.experiment_id, since, MAX_RUNS)
    found = run_lists.runs_by_id(source, (*running, *ended)).reset_index(drop=True)
    found = found.sort_values(["start_time", "run_id"], ascending=False)
    return build(source, view.experiment_id, tuple(found["run_id"]), palette="live")


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * MILLISECONDS_PER_SECOND)


def _draw(view: View) -> None:
    for run_id in view.run_ids:
        with st.container(border=True):
            _card(view, run_id)
    if (view.runs["status"] != "RUNNING").any():
        st.button("Clear ended runs", icon=":material/clear_all:", on_click=_forget)


def _forget() -> None:
    st.session_state[SINCE] = _milliseconds(datetime.now(UTC))


def _card(view: View, run_id: str) -> None:
    run = view.runs.T[run_id]
    is_running = bool(run["status"] == "RUNNING")
    when = f"started {ago(int(run['start_time']), view.now)}"
    if not is_running and run["seconds"] >= 0:
        when = f"took {duration(run['seconds'])}, ended {ago(int(run['end_time']), view.now)}"
    html.heading(view.labels[run_id], str(run["status"]), when, rem=1.2)
    if reason := records.tags_of_run(view.source, run_id).get(TRACKER_FAILURE_REASON):
        st.text(reason)
    latest = records.latest_of(view.source, (run_id,))
    if latest.empty:
        st.caption("No metric yet." if is_running else "No metric was logged.")
        return
    _progress(view, run_id, latest, is_running=is_running)
    _values(latest)
    _curves(view, run_id)


def _progress(view: View, run_id: str, latest: pd.DataFrame, *, is_running: bool) -> None:
    """How far a run is, and how long it will take; of an ended one, how far it came."""
    params = records.params_of(view.source, (run_id,))
    named = dict(zip(params["key"], params["value"], strict=True))
    seconds = view.now.timestamp() - view.started[run_id] / MILLISECONDS_PER_SECOND
    step = int(latest["step"].max())
    found = progress.estimate(named, step, seconds)
    if found is None:
        st.caption(f"Step {step:,}")
    elif not is_running:
        st.caption(f"Step {found.done:,} of {found.goal:,}")
    else:
        left = "" if found.seconds_left is None else f" · {duration(found.seconds_left)} left"
        st.progress(found.share, f"Step {found.done:,} of {found.goal:,}{left}")


def _values(latest: pd.DataFrame) -> None:
    values = dict(zip(latest["key"], latest["value"], strict=True))
    names = metrics.ranked(values)[:VALUES]
    html.facts([(name, number(values[name])) for name in names])


def _curves(view: View, run_id: str) -> None:
    alone = build(view.source, view.experiment_id, (run_id,), palette=f"live-{run_id}")
    subjects = panels.subjects(alone)
    shown = {name: subjects[name] for name in panels.first_choice(subjects, PANELS)}
    panels.grid(alone, shown, f"live-{run_id}")
