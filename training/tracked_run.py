"""One run: an experiment trained, evaluated and written into the tracking database."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import tracker
from training.dataset_records import record_datasets, used_sets
from training.errors import NonFiniteLossError
from training.evaluation_records import record_evaluation
from training.experiment import Training
from training.model_records import CheckpointKeeper, Saved, record_model
from training.outcome import Outcome
from training.run_files import active_run_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.checkpoint import Checkpoint
    from training.experiment import Experiment

EFFECTIVE_CONFIG = "config/effective_config.yaml"
FAILURE_TAG = "tracker.failure_reason"
"""Where the tracker itself says why a run failed."""


def run_experiment(experiment: Experiment, *, nested: bool = False) -> Outcome:
    """Train one configuration in a run of its own.

    Raises:
        TrainingError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    training = Training(experiment)
    with tracker.start_run(
        run_name=new_run_name(experiment.name),
        nested=nested,
        tags={"configuration": experiment.name, "data_source": experiment.data.source},
        description=experiment.settings.description or None,
    ) as run:
        return _train_and_record(training, CheckpointKeeper(), run)


def resume_experiment(experiment: Experiment, run_id: str, saved: Saved | None) -> Outcome:
    """Go on with a run from its last checkpoint, or from its beginning where it has none.

    Raises:
        CheckpointError: The checkpoint is of another network; the run stays as it was.
        TrainingError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    training = Training(experiment, saved.last if saved else None)
    keeper = CheckpointKeeper(saved.best if saved else None)
    with tracker.start_run(run_id=run_id) as run:
        return _train_and_record(training, keeper, run, resumed=True)


def new_run_name(name: str) -> str:
    """The configuration's name and eight random digits."""
    return f"{name}_{secrets.token_hex(4)}"


def _train_and_record(
    training: Training, keeper: CheckpointKeeper, run: tracker.ActiveRun, *, resumed: bool = False
) -> Outcome:
    start = time.perf_counter()
    experiment, info = training.experiment, run.info
    settings = experiment.settings
    experiment.report.run_started(experiment.name, info.run_id, settings.max_epochs)
    record_setup(experiment, resumed=resumed)
    record_datasets(experiment.data, experiment.split(), settings)
    best = _train(training, keeper, resumed=resumed)
    best.restore(training.model)
    metrics = _record_best(training, best, resumed=resumed)
    seconds = time.perf_counter() - start
    return Outcome(experiment.name, info.run_id, info.run_name, "FINISHED", metrics, {}, seconds)


def _train(training: Training, keeper: CheckpointKeeper, *, resumed: bool) -> Checkpoint:
    """Train to the end, recording each epoch; the best state."""
    for result in training.history:  # a process killed after its checkpoint may not have got to it
        log_once(result.metrics(), result.epoch, resumed=True)
    try:
        for result in training.epochs():
            log_once(result.metrics(), result.epoch, resumed=resumed)
            keeper.note(training.state())
            training.experiment.report.epoch_done(result)
    except BaseException as error:
        if isinstance(error, NonFiniteLossError):
            tracker.set_tag(FAILURE_TAG, str(error))
        with suppress(tracker.TrackerError):  # the first error is the one to tell
            keeper.write()
        raise
    keeper.write()
    assert keeper.best is not None  # noqa: S101 -- there is at least one epoch
    return keeper.best


def record_setup(experiment: Experiment, *, resumed: bool = False) -> None:
    """Log the parameters and the configuration; a resumed run refuses other ones."""
    tracker.log_params(experiment.params())
    if not resumed:
        tracker.log_params(experiment.environment())
    tracker.log_text(experiment.effective_config(), EFFECTIVE_CONFIG)


def log_once(metrics: Mapping[str, float], step: int, *, resumed: bool) -> None:
    """Log metrics of the active run, in a resumed one only those without a point at this step."""
    if resumed:
        client, run_id = tracker.get_client(), active_run_id()
        metrics = {
            key: value
            for key, value in metrics.items()
            if step not in {point.step for point in client.get_metric_history(run_id, key)}
        }
    if metrics:
        tracker.log_metrics(dict(metrics), step=step)


def _record_best(training: Training, best: Checkpoint, *, resumed: bool) -> dict[str, float]:
    """Evaluate and keep the best network; the test metrics."""
    experiment, settings = training.experiment, training.experiment.settings
    batch_size = experiment.config.testing.batch_size
    metrics = record_evaluation(training.model, experiment.data, batch_size, experiment.device)
    final = {**metrics, "best_epoch": float(best.epoch)}
    log_once(final, settings.max_epochs, resumed=resumed)
    used = used_sets(experiment.data, experiment.split(), settings)
    record_model(training.model, best, used, metrics)
    return metrics
