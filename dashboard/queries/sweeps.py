"""Sweeps, their trials, and what mattered, as the tracking database has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.source import Source  # noqa: TC001 -- hashed by the cache
from tracker import TrackingClient
from tracker.exceptions import TrackerError
from tracker.models import has_model
from tracker.sweep import (
    SweepSettings,
    TrialRecord,
    importances,
    progress,
    read_sweep,
    search_sweeps,
)
from tracker.tags import (
    TRACKER_FAILURE_REASON,
    TRACKER_HOST,
    TRACKER_PID,
    TRACKER_SWEEP_PAUSED,
    TRACKER_SWEEP_RESULT,
    TRACKER_SWEEP_RETRAIN,
    TRACKER_SWEEP_TRIALS,
)
from tracker.text import numbers

if TYPE_CHECKING:
    from collections.abc import Callable


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
        is_paused: No further trial is to begin until it goes on.
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
    is_paused: bool

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
        complete: Those with a value.
        done: Complete and pruned ones.
        running: At work.
        best: The best complete one.
        importance: Parameter -> share of what it explains; empty before there are enough.
        has_model: Whether the best one's run holds a model that can be registered.
        registered: As which versions it is, such as "digits version 3".
    """

    records: list[TrialRecord]
    complete: int
    done: int
    running: int
    best: TrialRecord | None
    importance: dict[str, float]
    has_model: bool
    registered: list[str]

    @property
    def failed(self) -> list[TrialRecord]:
        """Those whose objective raised an error, or whose process died."""
        return [trial for trial in self.records if has_failed(trial)]

    @property
    def write(self) -> Callable[[float | None], str]:
        """The format of the objective's values."""
        return numbers(trial.value for trial in self.records if trial.value is not None)


def has_failed(trial: TrialRecord) -> bool:
    """Whether its objective raised an error, or its process died."""
    return trial.state in {"FAILED", "DIED"}


def is_numeric(spec: object) -> bool:
    """Whether all values of a parameter are numbers; `spec` is its entry in the space.

    >>> is_numeric({"low": 1, "high": 2}), is_numeric({"choices": [64, None]})
    (True, False)
    """
    values = spec.get("choices", [0]) if isinstance(spec, dict) else []
    return bool(values) and all(type(value) in {int, float} for value in values)


def last_value(trial: TrialRecord) -> float | None:
    """The objective of a complete trial, or what another one reported last; None if nothing."""
    if trial.value is not None or not trial.intermediate_values:
        return trial.value
    return trial.intermediate_values[max(trial.intermediate_values)]


def to_come(sweep: Sweep, trials: Trials) -> int:
    """How many trials are still to begin."""
    return 0 if sweep.status == "FINISHED" else max(0, sweep.wanted - trials.done - trials.running)


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
                    TRACKER_SWEEP_PAUSED in tags,
                )
            )
    return sorted(found, key=lambda sweep: -sweep.started_ms)


@st.cache_data(show_spinner=False, max_entries=8)
def trials(source: Source, run_id: str) -> Trials:
    """The trials of one sweep."""
    client = TrackingClient(source.path, read_only=True)
    sweep = read_sweep(client, client.get_run(run_id))
    records = sweep.trials()
    counted = progress(records, sweep.settings)
    try:
        shares = importances(sweep.space, sweep.settings, records)
    except TrackerError:  # Optuna is not installed.
        shares = {}
    best = counted.best
    return Trials(
        records,
        counted.complete,
        counted.done,
        counted.running,
        best,
        shares,
        best is not None and _has_model(client, best.run_id),
        _registered(client, best.run_id) if best else [],
    )


def _has_model(client: TrackingClient, run_id: str) -> bool:
    try:
        return has_model(client, run_id)
    except TrackerError:  # Its files are elsewhere, or it is gone.
        return False


def _registered(client: TrackingClient, run_id: str) -> list[str]:
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return [f"{version.name} version {version.version}" for version in found]
