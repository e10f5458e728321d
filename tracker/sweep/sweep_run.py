"""The run of a sweep and its trials: the search's only memory is the tracking database.

A sweep is a run, a trial is a child run. Every ask reads what has changed of the trials, asks a
sampler that knows them and creates the next trial's run, all under one lock, so that several
processes can work on one sweep and any of them may be killed at any time.
"""

from __future__ import annotations

import json
import math
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tracker import active_runs, context, current, file_locks, fluent
from tracker.entities import RunStatus
from tracker.exceptions import InvalidStateError, InvalidValueError, NotFoundError
from tracker.journal.file import live_folder
from tracker.sweep import proposals
from tracker.sweep.settings import SweepSettings, settings_from_json
from tracker.sweep.space import Space, difference, parse_space
from tracker.sweep.trials import (
    TrialReader,
    TrialRecord,
    best_trial,
    reason_to_stop,
    to_retry,
)
from tracker.tags import (
    TRACKER_SWEEP_BEST,
    TRACKER_SWEEP_PARAMS,
    TRACKER_SWEEP_PAUSED,
    TRACKER_SWEEP_RETRY_OF,
    TRACKER_SWEEP_SETTINGS,
    TRACKER_SWEEP_SPACE,
    TRACKER_SWEEP_STATE,
    TRACKER_SWEEP_TRIAL,
    TRACKER_SWEEP_TRIALS,
    TRACKER_SWEEP_VALUE,
)
from tracker.text import did_you_mean
from tracker.validation import MAX_TAG_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tracker.active_runs import ActiveRun
    from tracker.client import TrackingClient
    from tracker.entities import Run
    from tracker.sweep.space import Value

    Objective = Callable[["Trial"], float]


class TrialPruned(Exception):  # noqa: N818 -- not an error
    """The trial is worse than others were at this step, and is ended."""


class SweepStoppedError(InvalidStateError):
    """Trial after trial fails, so that the sweep should not go on."""


class SweepPausedError(InvalidStateError):
    """Somebody wants the sweep to begin no further trial for now."""


class NotFiniteError(InvalidValueError):
    """An objective returned something other than a finite number."""


class Trial:
    """A trial at work; its run is the active run.

    Args:
        number: Counts from 0.
        params: The parameters to try.
        metric: What it reports.
        asked: Its counterpart in Optuna, which knows the trials before it.
        run: Its run.
    """

    def __init__(
        self, number: int, params: dict[str, Value], metric: str, asked: Any, run: ActiveRun
    ) -> None:
        self.number, self.params, self.run = number, params, run
        self.metric, self.asked = metric, asked
        self.reported: dict[int, float] = {}
        """What was reported so far, by step."""
        self.value: float | None = None
        """The objective, once the trial is complete."""

    def is_best(self, value: float) -> bool:
        """Whether a value is no worse than those of all trials that were complete at the start."""
        study = self.asked.study
        try:
            best = float(study.best_value)
        except ValueError:  # none was complete
            return True
        return value <= best if study.direction.name == "MINIMIZE" else value >= best

    def report(self, value: float, step: int) -> None:
        """Log an intermediate value of the metric; end the trial if others were better.

        Args:
            value: The metric's value so far.
            step: Such as the epoch; one value per step.

        Raises:
            TrialPruned: The trial ends here. Let it pass.
            InvalidValueError: The step has a value already.
        """
        if step in self.reported:
            raise InvalidValueError(f"The trial has reported step {step} already.")
        self.reported[step] = value
        fluent.log_metric(self.metric, value, step=step)
        self.asked.report(value, step)
        if self.asked.should_prune():
            raise TrialPruned(f"worse than the median at step {step}")


class SweepRun:
    """A sweep in the tracking database: its run, its trials, and who may create the next one.

    Args:
        client: Of the database.
        run: The sweep's run.
        space: What is searched.
        settings: How.
    """

    def __init__(
        self, client: TrackingClient, run: Run, space: Space, settings: SweepSettings
    ) -> None:
        self.client, self.run, self.space, self.settings = client, run, space, settings
        self._reader = TrialReader(client, run.info.run_id, settings.metric)
        self._proposer = proposals.Proposer(space, settings)

    @property
    def run_id(self) -> str:
        """The id of the sweep's run."""
        return self.run.info.run_id

    @property
    def name(self) -> str:
        """The name of the sweep's run."""
        return self.run.info.run_name

    def close(self) -> None:
        """Close what the sweep holds open besides the database: nothing here."""

    def trials(self) -> list[TrialRecord]:
        """All trials so far, by number."""
        return self._reader.read()

    def check_same(self, space: Space, settings: SweepSettings) -> None:
        """Check that a sweep is resumed as it began.

        Raises:
            InvalidStateError: The space or a setting differs; the message names the first.
        """
        differs = difference(self.space, space) or self.settings.difference(settings)
        if differs:
            raise InvalidStateError(
                f"The sweep {self.name!r} cannot be resumed with another search: {differs}. Start "
                "a new one, or resume it as it began."
            )

    @contextmanager
    def open(self, trials: int) -> Iterator[None]:
        """Make the sweep's run the active run of a block, which ends it as `start_run` does.

        Args:
            trials: How many complete or pruned trials it is to have in the end.
        """
        current.set_experiment(experiment_id=self.run.info.experiment_id)
        tags = {**context.run_tags(), TRACKER_SWEEP_TRIALS: str(trials)}  # of whoever leads it now
        with active_runs.start_run(run_id=self.run_id, tags=tags):
            try:
                yield
            except SweepPausedError:  # as after Ctrl-C, it can go on
                active_runs.end_run(RunStatus.KILLED)
                raise

    def check_not_paused(self) -> None:
        """Check that further trials may begin.

        Raises:
            SweepPausedError: They may not.
        """
        if TRACKER_SWEEP_PAUSED in self.client.get_run(self.run_id).data.tags:
            raise SweepPausedError(f"The sweep {self.name!r} is paused.")

    def try_next(
        self, objective: Objective, trials: int, catch: tuple[type[Exception], ...] = ()
    ) -> bool:
        """Try the next parameters, if any are due.

        Args:
            objective: Called with the trial.
            trials: How many complete or pruned trials are asked for.
            catch: Errors of the objective that fail its trial only.

        Returns:
            False if there is nothing to try now.

        Raises:
            SweepStoppedError: Trial after trial fails.
            SweepPausedError: No further trial is to begin.
        """
        trial = self.next_trial(trials)
        if trial is None:
            return False
        failures: tuple[type[Exception], ...] = (*catch, NotFiniteError)
        with suppress(*failures), self.settled(trial), trial.run:
            _measure(objective, trial)
        return True

    @contextmanager
    def settled(self, trial: Trial) -> Iterator[None]:  # noqa: ARG002 -- of other storages
        """A block in which a trial is measured; its run says how it ended."""
        yield

    def next_trial(self, trials: int) -> Trial | None:
        """Create the next trial's run and make it the active run; None if none is due now.

        Raises:
            SweepStoppedError: Trial after trial fails.
            SweepPausedError: No further trial is to begin.
        """
        with locked(self.client):
            known = self.trials()
            if reason := reason_to_stop(known):
                raise SweepStoppedError(f"The sweep {self.name!r} stopped: {reason}.")
            if sum(trial.is_settled or trial.state == "RUNNING" for trial in known) >= trials:
                return None
            self.check_not_paused()
            retried = to_retry(known)
            params = retried.params if retried else None
            asked = self._proposer.propose(known, params)
            if asked is None:
                return None
            number = known[-1].number + 1 if known else 0
            return self.start(asked, number, retried)

    def start(self, asked: Any, number: int, retried: TrialRecord | None) -> Trial:
        """Create a trial's run and make it the active run.

        Args:
            asked: The Optuna trial.
            number: Of the trial.
            retried: The trial whose parameters it tries again.
        """
        params = proposals.chosen(self.space, asked)
        tags = {
            TRACKER_SWEEP_TRIAL: str(number),
            TRACKER_SWEEP_PARAMS: json.dumps(params),
            TRACKER_SWEEP_STATE: "RUNNING",
        }
        if retried:
            tags[TRACKER_SWEEP_RETRY_OF] = str(retried.origin)
        run = active_runs.start_run(
            experiment_id=self.run.info.experiment_id,
            parent_run_id=self.run_id,
            nested=True,
            run_name=f"{self.name}_{number}",
            tags=tags,
        )
        return Trial(number, params, self.settings.metric, asked, run)

    def added_to(self, trial: TrialRecord) -> AbstractContextManager[ActiveRun]:
        """A block in which an ended trial's run is the active run, and stays as it ended."""
        return active_runs.added_to(trial.run_id)

    def finish(self) -> TrialRecord:
        """Record the best trial in the active run, and return it.

        Raises:
            InvalidStateError: There is none.
        """
        best = best_trial(self.trials(), self.settings)
        if best is None:
            raise InvalidStateError(f"No trial of the sweep {self.name!r} came to an end.")
        fluent.set_tag(TRACKER_SWEEP_BEST, best.run_id)
        return best


def _measure(objective: Objective, trial: Trial) -> None:
    """Call the objective and record what came of it in the active run."""
    fluent.log_params(trial.params)
    try:
        value = objective(trial)
    except TrialPruned:
        fluent.set_tag(TRACKER_SWEEP_STATE, "PRUNED")
        return
    number = value.item() if hasattr(value, "item") else value  # numpy's or torch's
    if not isinstance(number, int | float) or not math.isfinite(number):
        # Without the trial's number: equal failures in a row end the sweep.
        raise NotFiniteError(f"The objective returned {value!r}: it must be a finite number.")
    if not trial.reported:
        fluent.log_metric(trial.metric, number)
    trial.value = float(number)
    fluent.set_tags({TRACKER_SWEEP_STATE: "COMPLETE", TRACKER_SWEEP_VALUE: repr(trial.value)})


def claim(
    name: str | None, space: Space, settings: SweepSettings, *, resume: bool | None = None
) -> SweepRun:
    """Create a sweep's run in the current experiment, or take an existing one that is not running.

    Of several processes that do so at once with one name, one succeeds.

    Args:
        name: Of the sweep; a random one by default.
        space: What to search.
        settings: How.
        resume: True for an existing sweep, False for a new one, None for either.

    Raises:
        NotFoundError: There is no sweep to resume.
        InvalidStateError: The sweep is running, exists already, or began with another space or
            other settings.
    """
    proposals.load_optuna()
    client, experiment_id = current.get_client(), current.current_experiment_id()
    name = name or f"sweep_{secrets.token_hex(4)}"
    with locked(client):
        found = (get_sweep if resume else find_sweep)(client, experiment_id, name)
        if found is None:
            run = _create(client, experiment_id, name, space, settings)
            return SweepRun(client, run, space, settings)
        if found.info.status == RunStatus.RUNNING:
            raise InvalidStateError(f"The sweep {name!r} is running already.")
        if resume is False:
            raise InvalidStateError(
                f"There is a sweep {name!r} already: resume it, or choose another name."
            )
        read_sweep(client, found).check_same(space, settings)
        if TRACKER_SWEEP_PAUSED in found.data.tags:
            client.delete_tag(found.info.run_id, TRACKER_SWEEP_PAUSED)
        run = client.resume_run(found.info.run_id, unless=["RUNNING"])
        return SweepRun(client, run, space, settings)


def pause(client: TrackingClient, run_id: str) -> None:
    """Let a running sweep begin no further trial: when those at work have ended, it ends KILLED.

    It goes on when it is claimed again.

    Args:
        client: Of the database.
        run_id: The sweep's run.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: It is not running.
    """
    with locked(client):
        info = client.get_run(run_id).info
        if info.status != RunStatus.RUNNING:
            raise InvalidStateError(f"The sweep {info.run_name!r} is not running.")
        client.set_tag(run_id, TRACKER_SWEEP_PAUSED, "true")


def read_sweep(client: TrackingClient, run: Run) -> SweepRun:
    """A sweep as its run describes it.

    Raises:
        InvalidStateError: The run is not a sweep.
    """
    tags = run.data.tags
    if TRACKER_SWEEP_SPACE not in tags:
        raise InvalidStateError(f"The run {run.info.run_name!r} is not a sweep.")
    space = parse_space(json.loads(tags[TRACKER_SWEEP_SPACE]))
    return SweepRun(client, run, space, settings_from_json(tags[TRACKER_SWEEP_SETTINGS]))


def find_sweep(client: TrackingClient, experiment_id: str, name: str) -> Run | None:
    """The newest sweep of an experiment with this name or run id; None if there is none."""
    client.reap()
    for run in search_sweeps(client, experiment_id):
        if name in {run.info.run_name, run.info.run_id}:
            return run
    return None


def get_sweep(client: TrackingClient, experiment_id: str, name: str) -> Run:
    """The newest sweep of an experiment with this name or run id.

    Raises:
        NotFoundError: There is none; the message names the nearest.
    """
    if found := find_sweep(client, experiment_id, name):
        return found
    names = [run.info.run_name for run in search_sweeps(client, experiment_id)]
    hint = did_you_mean(name, names, list_all=True) or "."
    raise NotFoundError(f"There is no sweep {name!r}{hint}")


def search_sweeps(client: TrackingClient, experiment_id: str) -> list[Run]:
    """The sweeps of an experiment, the newest first."""
    is_sweep = f"tags.`{TRACKER_SWEEP_SPACE}` IS NOT NULL"
    return list(client.search_runs([experiment_id], is_sweep))


def locked(client: TrackingClient) -> AbstractContextManager[None]:
    """Keep other processes from creating sweeps and trials in a database."""
    return file_locks.exclusive(live_folder(client.store.database.path) / "sweep.lock")


def _create(
    client: TrackingClient, experiment_id: str, name: str, space: Space, settings: SweepSettings
) -> Run:
    described = space.as_json()
    if len(described) > MAX_TAG_VALUE:
        raise InvalidValueError(f"The space takes more than {MAX_TAG_VALUE:,} characters as JSON.")
    tags = {TRACKER_SWEEP_SPACE: described, TRACKER_SWEEP_SETTINGS: settings.as_json()}
    run = client.create_run(experiment_id, tags=tags, run_name=name)
    content = {"space": space.as_dict(), "settings": json.loads(settings.as_json())}
    client.log_dict(run.info.run_id, content, "sweep/sweep.json")
    return run
