"""One run: an experiment trained, evaluated and written into the tracking database."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tracker
from tracker.exceptions import InvalidStateError
from tracker.tags import TRACKER_FAILURE_REASON
from training.checkpoint import CheckpointKeeper
from training.config import EFFECTIVE_CONFIG
from training.device import shortage_told
from training.distributed import first_line
from training.errors import (
    ElsewhereError,
    NonFiniteLossError,
    RunFailedError,
    TrainingError,
    UsageError,
)
from training.experiment import Experiment, Training
from training.outcome import Outcome
from training.records import (
    record_datasets,
    record_evaluation,
    record_model,
    used_sets,
)
from training.report import Beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.checkpoint import Checkpoint
    from training.config import Config
    from training.data import StudyData
    from training.distributed import World
    from training.experiment import Surroundings
    from training.outcome import EpochResult


NOT_TO_RESUME = {"RUNNING": "still running in another process", "FINISHED": "finished"}


class Record:
    """What is written of one run while it is the active one.

    A run that goes on has some of it already, and every point of a metric is there once.
    """

    def __init__(self, run: tracker.ActiveRun) -> None:
        self.info = run.info
        client, run_id = tracker.get_client(), run.info.run_id
        self._points = {
            (key, point.step)
            for key in run.data.metrics
            for point in client.get_metric_history(run_id, key)
        }
        self._params = run.data.params.keys()

    def setup(self, experiment: Experiment) -> None:
        """Log the configuration, without which a run cannot be resumed, and the parameters.

        Raises:
            TrackerError: A parameter is not what it was when the run began.
        """
        tracker.log_text(experiment.effective_config(), EFFECTIVE_CONFIG)
        tracker.log_params(experiment.params())
        environment = experiment.environment()  # may be another one when a run goes on
        tracker.log_params({k: v for k, v in environment.items() if k not in self._params})

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics, but for those that have a point at this step."""
        new = {key: value for key, value in values.items() if (key, step) not in self._points}
        if new:
            tracker.log_metrics(new, step=step)


@contextmanager
def recorded(
    experiment: Experiment,
    *,
    run_id: str | None = None,
    nested: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Iterator[Record]:
    """A run around a block: a new one, or the one of `run_id`, which nobody else may work on.

    Raises:
        RunFailedError: The block cannot go on; the run is FAILED, says why and keeps what it had.
        UsageError: The run is running or finished by now.
        ElsewhereError: Another process is gone, so that other runs cannot go on either.
        TrackerError: Nothing can be recorded any more.
    """
    which = _claimed(run_id) if run_id else _new(experiment, tags or {})
    start = time.perf_counter()
    with tracker.start_run(**which, nested=nested) as run:
        try:
            with _reason_kept(run.info.run_id), shortage_told():
                record = Record(run)
                record.setup(experiment)
                yield record
        except ElsewhereError:
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


def _claimed(run_id: str) -> dict[str, Any]:
    """Set a run RUNNING unless another process did so since it was looked at."""
    try:
        run = tracker.get_client().resume_run(run_id, unless=NOT_TO_RESUME)
    except InvalidStateError as error:
        raise UsageError(f"{error} Another process was faster.") from error
    tracker.set_experiment(experiment_id=run.info.experiment_id)  # whatever is configured today
    return {"run_id": run_id}


@contextmanager
def _reason_kept(run_id: str) -> Iterator[None]:
    """Keep among a run's tags why it fails."""
    try:
        yield
    except (TrainingError, tracker.TrackerError) as error:
        with suppress(tracker.TrackerError):  # the first error is the one to tell
            tracker.get_client().set_tag(run_id, TRACKER_FAILURE_REASON, str(error))
        raise


def run_experiment(experiment: Experiment, *, nested: bool = False) -> Outcome:
    """Train one configuration in a run of its own.

    Raises:
        RunFailedError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    with recorded(experiment, nested=nested) as record:
        return train_and_record(Training(experiment), CheckpointKeeper(), record)


def train_and_record(training: Training, keeper: CheckpointKeeper, record: Record) -> Outcome:
    """Train what is left and evaluate it, all recorded in the active run."""
    start = time.perf_counter()
    experiment, info = training.experiment, record.info
    settings, done = experiment.settings, len(training.history)
    seed = experiment.seed if experiment.has_siblings else None
    beginning = Beginning(experiment.name, seed, info.run_name, settings.max_epochs, done)
    experiment.report.run_started(beginning)
    try:
        record_datasets(experiment.data, experiment.split(), settings)
        best = _train(training, keeper, record)
        best.restore(training.model)
        metrics = _record_best(training, best, record)
    finally:
        experiment.report.run_ended()
    seconds = time.perf_counter() - start
    return Outcome(experiment.name, info.run_id, info.run_name, "FINISHED", metrics, {}, seconds)


def _train(training: Training, keeper: CheckpointKeeper, record: Record) -> Checkpoint:
    """Train to the end, recording each epoch; the best state."""
    for result in training.history:  # a process killed after its checkpoint may not have got to it
        record.metrics(result.metrics(), result.epoch)
    try:
        for result in train_together(training):
            record.metrics(result.metrics(), result.epoch)
            keeper.note(training.state())
            training.experiment.report.epoch_done(result)
    except BaseException:
        with suppress(tracker.TrackerError):  # the first error is the one to tell
            keeper.write()
        raise
    keeper.write()
    assert keeper.best is not None  # noqa: S101 -- there is at least one epoch
    return keeper.best


def _record_best(training: Training, best: Checkpoint, record: Record) -> dict[str, float]:
    """Evaluate and keep the best network; the test metrics."""
    experiment, settings = training.experiment, training.experiment.settings
    batch_size = experiment.config.testing.batch_size
    metrics = record_evaluation(training.model, experiment.data, batch_size, experiment.device)
    final = {**metrics, "best_epoch": float(best.epoch)}
    record.metrics(final, settings.max_epochs)
    used = used_sets(experiment.data, experiment.split(), settings)
    record_model(training.model, best, used, metrics)
    return metrics


@dataclass(frozen=True)
class Order:
    """What is trained next: a configuration from a seed, from the beginning or from a state."""

    name: str
    seed: int
    state: Checkpoint | None


def train_together(training: Training) -> Iterator[EpochResult]:
    """Train what is left of the epochs, with all processes, as the one of rank 0.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite, as it did in the other processes.
        ElsewhereError: A process cannot go on, and those that wait for it can do nothing else.
    """
    experiment = training.experiment
    if experiment.world.size == 1:
        yield from training.epochs()
        return
    experiment.world.told(lambda: Order(experiment.name, experiment.seed, training.resumed))
    try:
        yield from training.epochs()
    except (MemoryError, RuntimeError) as error:
        raise ElsewhereError(
            f"the processes cannot train together any more: {first_line(error)}"
        ) from error


def follow(config: Config, data: StudyData, around: Surroundings) -> None:
    """Train along with the process of rank 0 until it has nothing left to train.

    Raises:
        ElsewhereError: Another process is gone.
        TrainingError: This process cannot go on.
    """
    while (order := around.world.told(no_order)) is not None:
        experiment = Experiment(order.name, config.with_seed(order.seed), data, around)
        try:
            with suppress(NonFiniteLossError), shortage_told():  # rank 0 meets it, and says so
                for _ in Training(experiment, order.state).epochs():
                    pass
        except RuntimeError as error:
            rank = around.world.rank
            message = f"process {rank} cannot train along: {first_line(error)}"
            raise TrainingError(message) from error


def dismiss(world: World) -> None:
    """Tell the other processes that there is nothing left to train."""
    world.told(no_order)


def no_order() -> Order | None:
    """Nothing."""
    return None
