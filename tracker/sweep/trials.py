"""The trials of a sweep, read from its child runs, and what is due next."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tracker.entities import RunStatus
from tracker.store import sweeps
from tracker.tags import (
    TRACKER_EXCEPTION_MESSAGE,
    TRACKER_EXCEPTION_TYPE,
    TRACKER_FAILURE_REASON,
    TRACKER_SWEEP_PARAMS,
    TRACKER_SWEEP_RETRY_OF,
    TRACKER_SWEEP_STATE,
    TRACKER_SWEEP_TRIAL,
    TRACKER_SWEEP_VALUE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.client import TrackingClient
    from tracker.sweep.settings import SweepSettings
    from tracker.sweep.space import Value

MAX_RETRIES: Final = 2
"""How often the parameters of a trial whose process died are tried again."""
EQUAL_FAILURES: Final = 3
"""So many failures in a row for the same reason end a sweep."""
FAILURES: Final = 10
"""So many failures in a row for any reason end a sweep."""

TrialState = Literal["RUNNING", "COMPLETE", "PRUNED", "FAILED", "DIED", "INTERRUPTED"]
"""FAILED: the objective raised an error. DIED: the process ended. INTERRUPTED: Ctrl-C."""

TAGS: Final = (
    TRACKER_EXCEPTION_MESSAGE,
    TRACKER_EXCEPTION_TYPE,
    TRACKER_FAILURE_REASON,
    TRACKER_SWEEP_PARAMS,
    TRACKER_SWEEP_RETRY_OF,
    TRACKER_SWEEP_STATE,
    TRACKER_SWEEP_TRIAL,
    TRACKER_SWEEP_VALUE,
)


@dataclass(frozen=True)
class TrialRecord:
    """A trial as its run describes it.

    Args:
        number: Counts from 0 in the order of the trials.
        run_id: Of the trial's run.
        run_name: Of the trial's run.
        state: How it stands, or ended.
        params: The parameters it tries.
        value: The objective of a complete trial.
        intermediate_values: What it reported, by step.
        retry_of: The number of the trial whose parameters it tries again.
        error: What the objective raised.
        start_time: Milliseconds since the epoch.
        end_time: Milliseconds since the epoch; None while it runs.
    """

    number: int
    run_id: str
    run_name: str
    state: TrialState
    params: dict[str, Value]
    value: float | None = None
    intermediate_values: dict[int, float] = field(default_factory=dict)
    retry_of: int | None = None
    error: str | None = None
    start_time: int = 0
    end_time: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it has a value."""
        return self.state == "COMPLETE"

    @property
    def origin(self) -> int:
        """The number of the trial that tried these parameters first."""
        return self.number if self.retry_of is None else self.retry_of

    @property
    def is_settled(self) -> bool:
        """Whether it counts as one of the trials asked for."""
        return self.state in {"COMPLETE", "PRUNED"}


@dataclass(frozen=True)
class Progress:
    """How far a sweep has come.

    Args:
        complete: Trials with a value.
        pruned: Trials stopped early because others were better.
        failed: Trials whose objective raised an error.
        running: Trials at work.
        best: The best complete trial.
    """

    complete: int
    pruned: int
    failed: int
    running: int
    best: TrialRecord | None

    @property
    def done(self) -> int:
        """Complete and pruned trials: what `trials` counts."""
        return self.complete + self.pruned


class TrialReader:
    """Reads the trials of a sweep; of those that had ended before, only what has changed.

    A run whose process is gone counts as ended: the tracker marks it first. An ended run is read
    again if its row is another one: it was resumed, or ended differently.

    Args:
        client: Of the sweep's database.
        sweep_run_id: The sweep's run.
        metric: What its trials report.
    """

    def __init__(self, client: TrackingClient, sweep_run_id: str, metric: str) -> None:
        self._client, self._sweep_run_id, self._metric = client, sweep_run_id, metric
        self._ended: dict[sweeps.ChildRun, TrialRecord] = {}

    def read(self) -> list[TrialRecord]:
        """All trials there are now, by number."""
        self._client.reap()
        with self._client.store.database.read() as connection:
            runs = sweeps.child_runs(connection, self._sweep_run_id)
            new = [run.run_id for run in runs if run not in self._ended]
            logged = sweeps.logged(connection, new, TAGS, self._metric)
        trials = {
            run: self._ended.get(run) or _record(run, logged[run.run_id])
            for run in runs
            if run in self._ended or TRACKER_SWEEP_TRIAL in logged[run.run_id].tags
        }
        self._ended = {run: trial for run, trial in trials.items() if _is_final(run, trial)}
        return sorted(trials.values(), key=lambda trial: trial.number)


def progress(trials: Sequence[TrialRecord], settings: SweepSettings) -> Progress:
    """Count trials by state, and find the best."""
    states = [trial.state for trial in trials]
    return Progress(
        complete=states.count("COMPLETE"),
        pruned=states.count("PRUNED"),
        failed=states.count("FAILED"),
        running=states.count("RUNNING"),
        best=best_trial(trials, settings),
    )


def best_trial(trials: Sequence[TrialRecord], settings: SweepSettings) -> TrialRecord | None:
    """The complete trial with the best value, the first of equal ones; None without one."""
    complete = [trial for trial in trials if trial.is_complete]
    return min(complete, key=lambda trial: settings.sign * (trial.value or 0.0), default=None)


def to_retry(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The first trial whose process died or was interrupted, and that is due again.

    Parameters that were tried again twice and killed their process each time are given up.
    """
    latest: dict[int, TrialRecord] = {}
    deaths: dict[int, int] = {}
    for trial in trials:
        latest[trial.origin] = trial
        deaths[trial.origin] = deaths.get(trial.origin, 0) + (trial.state == "DIED")
    for origin, trial in latest.items():
        if trial.state in {"DIED", "INTERRUPTED"} and deaths[origin] <= MAX_RETRIES:
            return trial
    return None


def reason_to_stop(trials: Sequence[TrialRecord]) -> str | None:
    """Why the sweep should not go on; None if it should."""
    errors: list[str | None] = []
    for trial in reversed(trials):
        if trial.state == "FAILED":
            errors.append(trial.error)
        elif trial.state != "RUNNING":
            break
    last = str(errors[0]).rstrip(".") if errors else ""
    if len(errors) >= EQUAL_FAILURES and len(set(errors[:EQUAL_FAILURES])) == 1:
        return f"{EQUAL_FAILURES} trials in a row failed: {last}"
    if len(errors) >= FAILURES:
        return f"{len(errors)} trials in a row failed, the last one: {last}"
    return None


def _record(run: sweeps.ChildRun, logged: sweeps.Logged) -> TrialRecord:
    tags = logged.tags
    value, retry_of = tags.get(TRACKER_SWEEP_VALUE), tags.get(TRACKER_SWEEP_RETRY_OF)
    return TrialRecord(
        number=int(tags[TRACKER_SWEEP_TRIAL]),
        run_id=run.run_id,
        run_name=run.run_name,
        state=_state(run.status, tags),
        params=json.loads(tags.get(TRACKER_SWEEP_PARAMS, "{}")),
        value=None if value is None else float(value),
        intermediate_values=logged.history,
        retry_of=None if retry_of is None else int(retry_of),
        error=_error(tags),
        start_time=run.start_time,
        end_time=run.end_time,
    )


def _is_final(run: sweeps.ChildRun, trial: TrialRecord) -> bool:
    """Whether the trial stays as it is; its exception is recorded just after the end of its run."""
    is_told = trial.state != "FAILED" or trial.error is not None
    return RunStatus.is_terminated(run.status) and is_told


def _state(status: str, tags: Mapping[str, str]) -> TrialState:
    """What the objective said stands, even if its process died before it closed the run."""
    state = tags.get(TRACKER_SWEEP_STATE)
    if state == "PRUNED":
        return "PRUNED"
    if state == "COMPLETE" and TRACKER_SWEEP_VALUE in tags:
        return "COMPLETE"
    if status == RunStatus.RUNNING:
        return "RUNNING"
    if status == RunStatus.KILLED:
        return "INTERRUPTED"
    if status == RunStatus.FAILED:
        is_raised = TRACKER_EXCEPTION_TYPE in tags or TRACKER_FAILURE_REASON not in tags
        return "FAILED" if is_raised else "DIED"
    return "INTERRUPTED"  # or ended before its objective returned


def _error(tags: Mapping[str, str]) -> str | None:
    kind = tags.get(TRACKER_EXCEPTION_TYPE)
    return None if kind is None else f"{kind}: {tags.get(TRACKER_EXCEPTION_MESSAGE, '')}"
