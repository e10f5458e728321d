"""Sweeps, their trials, and what mattered, as the tracking database has them."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from dashboard.source import Source  # noqa: TC001 -- hashed by the cache
from tracker import TrackingClient
from tracker.exceptions import TrackerError
from tracker.sweep import (
    SweepSettings,
    TrialRecord,
    importances,
    progress,
    read_sweep,
    read_trials,
    search_sweeps,
)
from tracker.tags import (
    TRACKER_FAILURE_REASON,
    TRACKER_HOST,
    TRACKER_PID,
    TRACKER_SWEEP_RESULT,
    TRACKER_SWEEP_RETRAIN,
    TRACKER_SWEEP_TRIALS,
)


class Sweep(NamedTuple):
    """One sweep.

    Args:
        run_id: Of its run.
        name: Of its run.
        status: Of its run.
        settings: How it searches.
        space: The parameters and their ranges, as the configuration file writes them.
        wanted: How many complete or pruned trials it is to have.
        pid: The process that leads it, and
        host: that process's machine.
        note: Why it failed.
        result: Who won by how much; empty before the end.
        retrain: The command that trains the winner again.
        started_ms: Milliseconds since the epoch.
    """

    run_id: str
    name: str
    status: str
    settings: SweepSettings
    space: dict[str, object]
    wanted: int
    pid: int | None
    host: str
    note: str
    result: str
    retrain: str
    started_ms: int

    @property
    def metric(self) -> str:
        """What is optimized."""
        return self.settings.metric

    @property
    def configuration(self) -> str:
        """What is varied; empty for a search that is not of this study."""
        return str(self.settings.context.get("configuration", ""))


class Trials(NamedTuple):
    """The trials of a sweep.

    Args:
        records: By number.
        done: Complete and pruned ones.
        failed: Whose objective raised an error.
        running: At work.
        best: The best complete one.
        importance: Parameter -> share of what it explains; empty before there are enough.
    """

    records: list[TrialRecord]
    done: int
    failed: int
    running: int
    best: TrialRecord | None
    importance: dict[str, float]


@st.cache_data(show_spinner=False, max_entries=8)
def sweeps(source: Source) -> list[Sweep]:
    """All sweeps of the database, the newest first."""
    client = TrackingClient(source.path, read_only=True)
    found = []
    for experiment in client.search_experiments():
        for run in search_sweeps(client, experiment.experiment_id):
            sweep, tags = read_sweep(client, run), run.data.tags
            pid = tags.get(TRACKER_PID, "")
            found.append(
                Sweep(
                    run.info.run_id,
                    run.info.run_name or run.info.run_id,
                    run.info.status,
                    sweep.settings,
                    dict(sweep.space.as_dict()),
                    int(tags.get(TRACKER_SWEEP_TRIALS, "0") or 0),
                    int(pid) if pid.isdecimal() else None,
                    tags.get(TRACKER_HOST, ""),
                    tags.get(TRACKER_FAILURE_REASON, ""),
                    tags.get(TRACKER_SWEEP_RESULT, ""),
                    tags.get(TRACKER_SWEEP_RETRAIN, ""),
                    run.info.start_time or 0,
                )
            )
    return sorted(found, key=lambda sweep: -sweep.started_ms)


@st.cache_data(show_spinner=False, max_entries=8)
def trials(source: Source, run_id: str) -> Trials:
    """The trials of one sweep."""
    client = TrackingClient(source.path, read_only=True)
    sweep = read_sweep(client, client.get_run(run_id))
    records = read_trials(client, run_id, sweep.settings.metric)
    counted = progress(records, sweep.settings)
    try:
        shares = importances(sweep.space, sweep.settings, records)
    except TrackerError:  # Optuna is not installed.
        shares = {}
    return Trials(records, counted.done, counted.failed, counted.running, counted.best, shares)
