"""One run: an experiment trained, evaluated and recorded in the tracking database.

Under torchrun only rank 0 does all of this. It alone decides what is trained, records it, and may
give up on a run; it broadcasts each training as a `Job` before it starts, and the other ranks make
the same steps and nothing else. So the processes never have to come to the same decision on their
own, which they could only while nothing fails.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tracker
from tracker.exceptions import InvalidStateError
from training.checkpoint import Checkpoint, CheckpointKeeper
from training.config import EFFECTIVE_CONFIG
from training.device import out_of_memory_as_error
from training.distributed import first_line
from training.errors import (
    NonFiniteLossError,
    PeerFailedError,
    RunFailedError,
    TrainingError,
    UsageError,
)
from training.experiment import Experiment, Training
from training.loop import train_epochs
from training.model import CODE_ERRORS
from training.outcome import Outcome
from training.records import record_datasets, record_evaluation, record_model, used_sets
from training.report import RunHeader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.config import Config
    from training.data import StudyData
    from training.experiment import RunEnvironment

EXTENSION_TAG = "extended"
"""The tag that names what a run was resumed with, such as 'max_epochs=20'."""
MAY_BE_EXTENDED = ("max_epochs", "patience")


class RunRecord:
    """What is written of the active run.

    A resumed run has some of it already; no point of a metric is logged twice.
    """

    def __init__(self, run: tracker.ActiveRun) -> None:
        self.info = run.info
        client, run_id = tracker.get_client(), run.info.run_id
        self._points = {
            (key, point.step)
            for key in run.data.metrics
            for point in client.get_metric_history(run_id, key)
        }
        self._params = run.data.params

    def log_setup(self, experiment: Experiment) -> None:
        """Log the configuration, without which a run cannot be resumed, and the parameters.

        Raises:
            TrackerError: A parameter is not what it was when the run started.
        """
        tracker.log_text(experiment.effective_config(), EFFECTIVE_CONFIG)
        params = experiment.params()
        extended = {
            key: params.pop(key)
            for key in MAY_BE_EXTENDED
            if self._params.get(key, str(params[key])) != str(params[key])
        }
        if extended:  # a parameter is written once
            words = " ".join(f"{key}={value}" for key, value in extended.items())
            tracker.set_tag(EXTENSION_TAG, words)
        tracker.log_params(params)
        environment = experiment.environment_params()  # may have changed since the run started
        tracker.log_params({k: v for k, v in environment.items() if k not in self._params})

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics, except those that have a point at this step."""
        new = {key: value for key, value in values.items() if (key, step) not in self._points}
        if new:
            tracker.log_metrics(new, step=step)


def run_experiment(experiment: Experiment, *, nested: bool = False) -> Outcome:
    """Train one configuration in a new run.

    Raises:
        RunFailedError: The training cannot continue; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    with recorded(experiment, nested=nested) as record:
        return train_and_record(Training(experiment), CheckpointKeeper(record.info.run_id), record)


def train_and_record(training: Training, keeper: CheckpointKeeper, record: RunRecord) -> Outcome:
    """Train the epochs that are left and evaluate the best one, all in the active run."""
    start = time.perf_counter()
    experiment, info = training.experiment, record.info
    settings, done = experiment.settings, len(training.history)
    seed = experiment.seed if experiment.has_siblings else None
    header = RunHeader(experiment.name, seed, info.run_name, settings.max_epochs, done)
    experiment.report.run_started(header)
    try:
        record_datasets(experiment.data, experiment.split(), settings)
        for (
            result
        ) in training.history:  # a killed process may have saved an epoch but not logged it
            record.log_metrics(result.metrics(), result.epoch)
        with _job_broadcast(training), keeper.written_at_the_end():
            for result in train_epochs(training.task(), training.history):
                record.log_metrics(result.metrics(), result.epoch)
                keeper.note(training.state())
                experiment.report.epoch_done(result)
        metrics = _record_best(training, keeper.best_state(), record)
    finally:
        experiment.report.run_ended()
    seconds = time.perf_counter() - start
    return Outcome(experiment.name, info.run_id, info.run_name, "FINISHED", metrics, {}, seconds)


def _record_best(training: Training, best: Checkpoint, record: RunRecord) -> dict[str, float]:
    """Evaluate and keep the network of the best epoch; return its test metrics."""
    experiment, settings = training.experiment, training.experiment.settings
    best.restore(training.model)
    training.generators.activate()  # a resumed run evaluates with the same draws
    batch_size = experiment.config.testing.batch_size
    metrics = record_evaluation(training.model, experiment.data, batch_size, experiment.device)
    final = {**metrics, "best_epoch": float(best.epoch)}
    record.log_metrics(final, len(training.history))
    used = used_sets(experiment.data, experiment.split(), settings)
    record_model(training.model, best, used, metrics)
    return metrics


@contextmanager
def recorded(
    experiment: Experiment,
    *,
    resumed: tracker.Run | None = None,
    nested: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[RunRecord]:
    """A run around a block.

    Args:
        experiment: What is trained.
        resumed: The run to resume, as it was found; by default, a new one is created.
        nested: Make it a child of the active run.
        tags: Of a new run, beside the configuration's name and the source of its images.

    Raises:
        RunFailedError: The block cannot continue; the run is FAILED, says why and keeps what it
            had.
        UsageError: Another process resumed the run since it was found.
        PeerFailedError: Another process is gone, so other runs cannot be trained either.
        TrackerError: Nothing can be recorded any more.
    """
    which = _claimed(resumed) if resumed else _new(experiment, tags or {})
    start = time.perf_counter()
    try:
        with (
            tracker.start_run(**which, nested=nested) as run,
            tracker.capture_output(),
            out_of_memory_as_error(),
        ):
            record = RunRecord(run)
            record.log_setup(experiment)
            yield record
    except PeerFailedError:
        raise
    except TrainingError as error:
        info, seconds = run.info, time.perf_counter() - start
        failed = Outcome(experiment.name, info.run_id, info.run_name, "FAILED", seconds=seconds)
        raise RunFailedError(failed, str(error)) from error


def _new(experiment: Experiment, tags: Mapping[str, str]) -> dict[str, Any]:
    about = {"configuration": experiment.name, "data_source": experiment.data.source}
    return {
        "run_name": f"{experiment.name}_{secrets.token_hex(4)}",
        "tags": {**about, **tags},
        "description": experiment.settings.description or None,
    }


def _claimed(run: tracker.Run) -> dict[str, Any]:
    """Set a run RUNNING, unless another process resumed it since it was found."""
    others = {"RUNNING", "FINISHED"} - {run.info.status}
    try:
        tracker.get_client().resume_run(run.info.run_id, unless=others)
    except InvalidStateError as error:
        raise UsageError(f"{error} Another process was faster.") from error
    tracker.set_experiment(experiment_id=run.info.experiment_id)  # whatever is configured now
    return {"run_id": run.info.run_id}


@dataclass(frozen=True)
class Job:
    """A training that all processes do together: a configuration, a seed, a state to start from."""

    name: str
    seed: int
    state: Checkpoint | None


@contextmanager
def _job_broadcast(training: Training) -> Iterator[None]:
    """Have the other processes train along within the block.

    Raises:
        PeerFailedError: A process cannot continue; those that wait for it can do nothing else.
    """
    experiment = training.experiment
    if experiment.world.size == 1:
        yield
        return
    experiment.world.broadcast(lambda: Job(experiment.name, experiment.seed, training.resumed))
    try:
        yield
    except (*CODE_ERRORS, MemoryError) as error:
        raise PeerFailedError(
            f"the processes cannot train together any more: {first_line(error)}"
        ) from error


def follow_jobs(config: Config, data: StudyData, environment: RunEnvironment) -> None:
    """Train along with rank 0 until it has no job left.

    Raises:
        PeerFailedError: Another process is gone.
        TrainingError: This process cannot continue.
    """
    while (job := environment.world.broadcast(no_job)) is not None:
        training = Training(
            Experiment(job.name, config.with_seed(job.seed), data, environment), job.state
        )
        try:
            with suppress(NonFiniteLossError), out_of_memory_as_error():  # rank 0 reports it
                for _ in train_epochs(training.task(), training.history):
                    pass
        except CODE_ERRORS as error:
            rank = environment.world.rank
            message = f"process {rank} cannot train along: {first_line(error)}"
            raise TrainingError(message) from error


def no_job() -> Job | None:
    """What rank 0 broadcasts when there is nothing left to train."""
    return None
