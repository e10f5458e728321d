"""Going on with a run that was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tracker
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.lookup import find_run as find_in_store
from training.checkpoint import CheckpointKeeper, check_shapes, saved_in
from training.config import EFFECTIVE_CONFIG
from training.config_file import load_config
from training.device import shortage_told
from training.errors import CheckpointError, DataError, UsageError
from training.experiment import Training
from training.outcome import Outcome
from training.preflight import open_database
from training.records import used_sets
from training.run import NOT_TO_RESUME, recorded, train_and_record
from training.study import SEEDS_TAG, directed, new_child, sum_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.config import Config
    from training.experiment import Experiment, Surroundings
    from training.study import Work


FREE = {"download", "description", "on_request"}
"""What may change while a run is interrupted, beside the paths, the tracking and the testing."""


@dataclass(frozen=True)
class Begun:
    """A run that was interrupted, and what it began with, at today's paths."""

    run: tracker.Run
    name: str
    config: Config


def resume_run(
    config: Config, reference: str, overrides: Sequence[str], around: Surroundings
) -> tuple[list[Outcome], str]:
    """Go on with the run called `reference`, of several seeds with what is left of them.

    Everything but the paths is as it was when the run began; `overrides` may repeat it.

    Raises:
        UsageError: There is no such run, or it needs no resuming.
        TrainingError: Its checkpoint, its configuration or its images do not fit.
    """
    begun = around.world.told(lambda: _begun(config, reference, overrides))

    def train(experiment: Experiment) -> Outcome:
        if SEEDS_TAG in begun.run.data.tags:
            return resume_seeds(experiment, begun.run)
        return resume_experiment(continuation(experiment, begun.run))

    return directed(begun.config, [begun.name], around, train)


def _begun(config: Config, reference: str, overrides: Sequence[str]) -> Begun:
    if not Path(config.tracking.database).exists():
        raise UsageError(f"there is no database {config.tracking.database} to find the run in")
    open_database(config)
    run = find_run(reference)
    original = original_config(run, overrides)
    name = next(iter(original.model_configs))
    update = {"paths": config.paths, "tracking": config.tracking}
    return Begun(run, name, original.model_copy(update=update))


def find_run(reference: str) -> tracker.Run:
    """The unfinished run with this id or name, or with this start of one.

    Raises:
        UsageError: There is none, there are several, or it is finished or still running.
    """
    client = tracker.get_client()
    client.reap()  # a run whose process died no longer counts as running
    try:
        info = find_in_store(client.store, reference)
    except (NotFoundError, InvalidValueError) as error:
        message = str(error)
        raise UsageError(message[0].lower() + message[1:]) from error
    if info.lifecycle_stage == "deleted":
        raise UsageError(f"the run {reference!r} is deleted; restore it first")
    if info.status in NOT_TO_RESUME:
        state = NOT_TO_RESUME[info.status]
        raise UsageError(f"the run {reference!r} is {state}; nothing to resume")
    return client.get_run(info.run_id)


def original_config(run: tracker.Run, overrides: Sequence[str]) -> Config:
    """The configuration that a run began with, with the images that it found.

    Raises:
        CheckpointError: The run was not made by the trainer, or `overrides` say otherwise.
    """
    try:
        path = tracker.get_client().artifacts(run.info.run_id).local_path(EFFECTIVE_CONFIG)
    except tracker.TrackerError as error:
        message = f"the run {run.info.run_name!r} cannot be resumed: it holds no configuration"
        raise CheckpointError(message) from error
    original, asked = load_config(path), load_config(path, overrides)
    if original.data_prep.source == "auto":  # as in runs of earlier releases
        original = original.settled(run.data.params.get("data_source", "auto"))
    for key, begun, now in _differences(original, asked):
        raise CheckpointError(
            f"the run {run.info.run_name!r} began with {key} {begun}, which is now {now}; "
            "a run keeps its settings to the end: start a new one"
        )
    return asked.settled(original.data_prep.source)


def _differences(original: Config, asked: Config) -> Iterator[tuple[str, Any, Any]]:
    """Settings that are not what they were, with their old and new values."""
    if asked.data_prep.source == "auto":
        asked = asked.settled(original.data_prep.source)
    pairs = [
        (original.data_prep, asked.data_prep),
        *((model, asked.model_configs[name]) for name, model in original.model_configs.items()),
    ]
    for old, new in pairs:
        for key, begun in old:
            if key not in FREE and getattr(new, key) != begun:
                yield key, begun, getattr(new, key)


@dataclass(frozen=True)
class Continuation:
    """A run that can go on, with all that it goes on from."""

    run_id: str
    training: Training
    keeper: CheckpointKeeper


def continuation(experiment: Experiment, run: tracker.Run) -> Continuation:
    """What a run goes on from: its last checkpoint, or its beginning where it has none.

    Raises:
        DataError: The images are not those that it began with.
        CheckpointError: A checkpoint is damaged or of another training.
        DeviceError: There is not enough memory.
    """
    check_images(experiment, run)
    saved = saved_in(run.info.run_id)
    with shortage_told():
        training = Training(experiment, saved.last if saved else None)
    for state in (saved.last, saved.best) if saved else ():
        check_shapes(state.model_state, training.model)
        if state.seed != experiment.seed:
            raise CheckpointError(
                f"a checkpoint of the run {run.info.run_name!r} is of the seed {state.seed}, not "
                f"{experiment.seed}"
            )
    keeper = CheckpointKeeper(saved.best if saved else None)
    return Continuation(run.info.run_id, training, keeper)


def check_images(experiment: Experiment, run: tracker.Run) -> None:
    """Refuse to go on with other images than the run began with.

    Raises:
        DataError: The images differ.
    """
    used = used_sets(experiment.data, experiment.split(), experiment.settings)
    here = {(part.name, part.context): part.digest for part in used}
    for begun in run.inputs.dataset_inputs:
        name, context = begun.dataset.name, begun.tags[0].value if begun.tags else ""
        digest = here.get((name, context))
        if digest != begun.dataset.digest:
            raise DataError(
                f"the run {run.info.run_name!r} began with other images: its {name} for {context} "
                f"had the digest {begun.dataset.digest}, here it is {digest}"
            )


def resume_experiment(going_on: Continuation, *, nested: bool = False) -> Outcome:
    """Train the rest of a run.

    Raises:
        UsageError: The run is running or finished by now.
        RunFailedError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    training = going_on.training
    with recorded(training.experiment, run_id=going_on.run_id, nested=nested) as record:
        return train_and_record(training, going_on.keeper, record)


def resume_seeds(experiment: Experiment, parent: tracker.Run) -> Outcome:
    """Train what is left of a parent's seeds, the rest of an unfinished one included.

    Raises:
        UsageError: A child is running in another process.
        CheckpointError: A checkpoint does not fit; all runs stay as they were.
        RunFailedError: A training cannot go on; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    try:
        chosen = [int(seed) for seed in parent.data.tags[SEEDS_TAG].split()]
    except ValueError:
        chosen = []
    if len(chosen) < 2:  # noqa: PLR2004 -- of one there is no deviation
        raise CheckpointError(f"the tag {SEEDS_TAG!r} of the run does not name several seeds")
    work = {seed: _rest_of_child(experiment.with_seed(seed), parent) for seed in chosen}
    with recorded(experiment, run_id=parent.info.run_id) as record:
        return sum_up(experiment, work, record)


def _rest_of_child(experiment: Experiment, parent: tracker.Run) -> Work:
    """What is left to do for one seed: nothing, the rest of its run, or all of it."""
    found = tracker.get_client().search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' AND params.seed = '{experiment.seed}'",
    )
    for run in found:
        if run.info.status == "FINISHED":
            return partial(_finished, experiment, run)
        if run.info.status == "RUNNING":
            raise UsageError(f"the run {run.info.run_name!r} is still running in another process")
    if not found:
        return new_child(experiment)
    return partial(resume_experiment, continuation(experiment, found[0]), nested=True)


def _finished(experiment: Experiment, run: tracker.Run) -> Outcome:
    info = run.info
    tested = {key: value for key, value in run.data.metrics.items() if key.startswith("test_")}
    return Outcome(experiment.name, info.run_id, info.run_name, info.status, tested)
