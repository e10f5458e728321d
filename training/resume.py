"""Going on with a run that was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tracker
from tracker.cli.names import find_run as find_in_store
from tracker.exceptions import InvalidValueError, NotFoundError
from training.config_file import load_config
from training.continuation import continuation, resume_experiment
from training.errors import CheckpointError, UsageError
from training.run_files import EFFECTIVE_CONFIG
from training.seed_study import SEEDS_TAG, resume_seeds
from training.study import directed
from training.tracked_run import NOT_TO_RESUME
from training.tracking import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.config import Config
    from training.experiment import Experiment, Surroundings
    from training.outcome import Outcome

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
