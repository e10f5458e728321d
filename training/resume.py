"""Resuming a run: what is left of an interrupted one, or more epochs of a finished one.

A run keeps its settings. Only more epochs, and with them another patience, may be asked for:

    python -m training --resume default_3f2a91bc --set model_configs.default.max_epochs=20

which trains as a run of 20 epochs would have from there on. A one-cycle schedule follows the
longer cycle from the epoch that was reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import tracker
from tracker import lookup
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.tags import MLFLOW_PARENT_RUN_ID
from training.checkpoint import CheckpointKeeper, check_shapes, saved_states
from training.config import EFFECTIVE_CONFIG
from training.config_file import load_config
from training.device import out_of_memory_as_error
from training.errors import CheckpointError, DataError, UsageError
from training.experiment import Training
from training.outcome import Outcome
from training.preflight import open_existing
from training.records import used_sets
from training.run import recorded, train_and_record
from training.study import SEEDS_TAG, new_child, run_all, summarize_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from training.config import Config
    from training.experiment import Experiment, RunEnvironment
    from training.study import Work

MAY_CHANGE = {"download", "description", "on_request", "patience"}
"""Keys that may differ when a run is resumed, besides the paths, the tracking and the testing."""


@dataclass(frozen=True)
class ResumableRun:
    """A run to resume, and the configuration to resume it with, at the paths of today."""

    run: tracker.Run
    name: str
    config: Config


@dataclass(frozen=True)
class Continuation:
    """A run that can be resumed, with everything it continues from."""

    run: tracker.Run
    training: Training
    keeper: CheckpointKeeper


def resume_run(
    config: Config, reference: str, overrides: Sequence[str], environment: RunEnvironment
) -> tuple[list[Outcome], str]:
    """Resume a run, or a run of several seeds.

    Everything but the paths and the number of epochs stays as it was when the run started.

    Args:
        config: Where the images and the database are now.
        reference: The run's id or name, or the start of either.
        overrides: `--set` arguments; besides more epochs, they may only repeat the run's values.
        environment: Where.

    Raises:
        UsageError: There is no such run, or it needs no resuming.
        TrainingError: Its checkpoint, its configuration or its images do not fit.
    """
    found = environment.world.broadcast(lambda: _resumable(config, reference, overrides))

    def train(experiment: Experiment) -> Outcome:
        if SEEDS_TAG in found.run.data.tags:
            return _resume_seeds(experiment, found.run)
        return _resume_experiment(continuation(experiment, found.run))

    return run_all(found.config, [found.name], environment, train)


def _resumable(config: Config, reference: str, overrides: Sequence[str]) -> ResumableRun:
    open_existing(config, f"the run {reference!r}")
    run = find_run(reference)
    original = original_config(run)
    resumed = _changed(original, run, overrides)
    name = next(iter(original.model_configs))
    if run.info.status == "FINISHED" and not _has_more_epochs(original, resumed, name):
        raise UsageError(
            f"the run {reference!r} is finished; nothing to resume. To train it further: "
            f"--set model_configs.{name}.max_epochs=N"
        )
    update = {"paths": config.paths, "tracking": config.tracking}
    return ResumableRun(run, name, resumed.model_copy(update=update))


def _has_more_epochs(original: Config, resumed: Config, name: str) -> bool:
    epochs = (config.model_configs[name].max_epochs for config in (original, resumed))
    return next(epochs) < next(epochs)


def find_run(reference: str) -> tracker.Run:
    """The run with this id or name, or the only one whose id or name starts with it.

    Raises:
        UsageError: There is none, there are several, or it is deleted or still running.
    """
    client = tracker.get_client()
    client.reap()  # a run whose process died no longer counts as running
    try:
        info = lookup.find_run(client.store, reference)
    except (NotFoundError, InvalidValueError) as error:
        message = str(error)
        raise UsageError(message[0].lower() + message[1:]) from error
    if info.lifecycle_stage == "deleted":
        raise UsageError(f"the run {reference!r} is deleted; restore it first")
    if info.status == "RUNNING":
        raise UsageError(
            f"the run {reference!r} is still running in another process; nothing to resume"
        )
    return client.get_run(info.run_id)


def original_config(run: tracker.Run) -> Config:
    """The configuration of a run, naming the images that were used.

    Raises:
        CheckpointError: The run was not made by the trainer.
    """
    try:
        original = load_config(_config_file(run))
    except tracker.TrackerError as error:
        message = f"the run {run.info.run_name!r} cannot be resumed: it holds no configuration"
        raise CheckpointError(message) from error
    if original.data_prep.source == "auto":  # in runs of earlier releases
        original = original.with_source(run.data.params.get("data_source", "auto"))
    return original


def _config_file(run: tracker.Run) -> Path:
    return tracker.get_client().artifacts(run.info.run_id).local_path(EFFECTIVE_CONFIG)


def _changed(original: Config, run: tracker.Run, overrides: Sequence[str]) -> Config:
    """A run's configuration with more epochs, if `overrides` ask for them.

    Raises:
        CheckpointError: They ask for something else.
    """
    asked = load_config(_config_file(run), overrides)
    for key, old, new in _differences(original, asked):
        raise CheckpointError(
            f"the run {run.info.run_name!r} started with {key} {old}, which is now {new}; "
            "a run keeps its settings: start a new one"
        )
    return asked.with_source(original.data_prep.source)


def _differences(original: Config, asked: Config) -> Iterator[tuple[str, Any, Any]]:
    """Keys whose values differ, with the old and the new value."""
    if asked.data_prep.source == "auto":
        asked = asked.with_source(original.data_prep.source)
    pairs = [
        (original.data_prep, asked.data_prep),
        *((model, asked.model_configs[name]) for name, model in original.model_configs.items()),
    ]
    for old, new in pairs:
        for key, value in old:
            may_change = key in MAY_CHANGE or (key == "max_epochs" and getattr(new, key) > value)
            if not may_change and getattr(new, key) != value:
                yield key, value, getattr(new, key)


def continuation(experiment: Experiment, run: tracker.Run) -> Continuation:
    """What a run continues from: its last checkpoint, or its beginning if it has none.

    Raises:
        DataError: The images are not those it started with.
        CheckpointError: A checkpoint is damaged or of another training.
        DeviceError: There is not enough memory.
    """
    _check_images(experiment, run)
    saved = saved_states(run.info.run_id)
    with out_of_memory_as_error():
        training = Training(experiment, saved.last if saved else None)
    for state in (saved.last, saved.best) if saved else ():
        check_shapes(state.model_state, training.model)
        if state.seed != experiment.seed:
            raise CheckpointError(
                f"a checkpoint of the run {run.info.run_name!r} is of the seed {state.seed}, not "
                f"{experiment.seed}"
            )
    keeper = CheckpointKeeper(run.info.run_id, saved.best if saved else None)
    return Continuation(run, training, keeper)


def _check_images(experiment: Experiment, run: tracker.Run) -> None:
    """Check that the images are those a run started with.

    Raises:
        DataError: The images differ.
    """
    used = used_sets(experiment.data, experiment.split(), experiment.settings)
    digests = {(part.name, part.context): part.digest for part in used}
    for logged in run.inputs.dataset_inputs:
        name, context = logged.dataset.name, logged.tags[0].value if logged.tags else ""
        digest = digests.get((name, context))
        if digest != logged.dataset.digest:
            raise DataError(
                f"the run {run.info.run_name!r} started with other images: its {name} for "
                f"{context} had the digest {logged.dataset.digest}, here it is {digest}"
            )


def _resume_experiment(resumed: Continuation, *, nested: bool = False) -> Outcome:
    """Train the rest of a run.

    Raises:
        UsageError: Another process resumed the run since it was looked at.
        RunFailedError: The training cannot continue; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    training = resumed.training
    with recorded(training.experiment, resumed=resumed.run, nested=nested) as record:
        return train_and_record(training, resumed.keeper, record)


def _resume_seeds(experiment: Experiment, parent: tracker.Run) -> Outcome:
    """Train what is left of a parent's seeds, including the rest of an unfinished one.

    Raises:
        UsageError: A child is running in another process.
        CheckpointError: A checkpoint does not fit; all runs stay as they were.
        RunFailedError: A training cannot continue; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    try:
        seeds = [int(seed) for seed in parent.data.tags[SEEDS_TAG].split()]
    except ValueError:
        seeds = []
    if len(seeds) < 2:  # noqa: PLR2004 -- one seed has no deviation
        raise CheckpointError(f"the tag {SEEDS_TAG!r} of the run does not list several seeds")
    work = {seed: _rest_of_child(experiment.with_seed(seed), parent) for seed in seeds}
    with recorded(experiment, resumed=parent) as record:
        step = experiment.settings.max_epochs if parent.info.status == "FINISHED" else 0
        return summarize_seeds(experiment, work, record, step)


def _rest_of_child(experiment: Experiment, parent: tracker.Run) -> Work:
    """What is left to do for one seed: nothing, the rest of its run, or all of it."""
    is_child = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'"
    found = tracker.get_client().search_runs(
        [parent.info.experiment_id], f"{is_child} AND params.seed = '{experiment.seed}'"
    )
    for run in found:
        if run.info.status == "FINISHED" and not _has_more_epochs(
            original_config(run), experiment.config, experiment.name
        ):
            return partial(_finished, experiment, run)
        if run.info.status == "RUNNING":
            raise UsageError(f"the run {run.info.run_name!r} is still running in another process")
    if not found:
        return new_child(experiment)
    return partial(_resume_experiment, continuation(experiment, found[0]), nested=True)


def _finished(experiment: Experiment, run: tracker.Run) -> Outcome:
    info = run.info
    tested = {key: value for key, value in run.data.metrics.items() if key.startswith("test_")}
    return Outcome(experiment.name, info.run_id, info.run_name, info.status, tested)
