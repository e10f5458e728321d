"""All runs of a study: which, on what, and in which order."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tracker
from training.data import StudyData, prepare, writable_folder
from training.errors import (
    ElsewhereError,
    NonFiniteLossError,
    TrainingError,
    UsageError,
    did_you_mean,
)
from training.experiment import Experiment, Training
from training.model import check_choice
from training.outcome import Outcome
from training.seed_study import run_seeds
from training.tracked_run import run_experiment
from training.tracking import check_tracking, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from training.checkpoint import Checkpoint
    from training.config import Config
    from training.report import Report
    from training.world import World


@dataclass(frozen=True)
class Surroundings:
    """Where a study runs."""

    device: torch.device
    world: World
    report: Report


def chosen_configurations(config: Config, only: Sequence[str]) -> list[str]:
    """The configurations to run: those named, else all that are not on request.

    Raises:
        UsageError: There is no configuration of a name.
    """
    for name in only:
        if name not in config.model_configs:
            hint = did_you_mean(name, config.model_configs)
            raise UsageError(f"there is no configuration {name!r}; {hint}")
    default = [name for name, model in config.model_configs.items() if not model.on_request]
    return list(dict.fromkeys(only)) or default


def run_study(
    config: Config, names: Sequence[str], around: Surroundings, seeds: int = 1
) -> tuple[list[Outcome], str]:
    """Train the configurations `names`; how each ended, and the source of the images.

    Raises:
        TrainingError: The images or the configuration are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    with prepared(config, names, around) as data:
        experiments = [
            Experiment(name, config, data, around.device, around.world, around.report)
            for name in names
        ]
        if not around.world.is_main:
            for experiment in experiments:
                for offset in range(seeds):
                    assist(experiment.with_seed(experiment.seed + offset))
            return [], data.source
        open_database(config)
        return [run_one(experiment, seeds) for experiment in experiments], data.source


@contextmanager
def prepared(config: Config, names: Sequence[str], around: Surroundings) -> Iterator[StudyData]:
    """The images of a study, after everything that can be checked before a run has been.

    The checks that need no images come first: making those takes a while.

    Raises:
        TrainingError: The images, the configuration or a folder are unfit.
        TrackerError: The database that is there cannot be used.
    """
    for name in names:
        check_choice(name, config.model_configs[name])
    if not around.world.is_main and not around.world.all(holds=True):
        raise ElsewhereError("another process tells why there are no images")
    with _told_to_the_others(around.world), ExitStack() as stack:
        if around.world.is_main:
            check_tracking(config, around.report.say)
        folder = stack.enter_context(writable_folder(config))
        data = prepare(config, folder, around.report.say)
        kept = stack.pop_all()
    with kept:
        data.check({name: config.model_configs[name] for name in names})
        yield data


@contextmanager
def _told_to_the_others(world: World) -> Iterator[None]:
    """The main process goes first; the others, which wait, learn whether they may follow."""
    try:
        yield
    except (TrainingError, tracker.TrackerError):
        if world.is_main:
            world.all(holds=False)
        raise
    if world.is_main:
        world.all(holds=True)


def run_one(experiment: Experiment, seeds: int) -> Outcome:
    """One configuration; a training that fails is reported and does not end the study."""
    try:
        return run_seeds(experiment, seeds) if seeds > 1 else run_experiment(experiment)
    except TrainingError as error:
        experiment.report.say(f"error: {experiment.name}: {error}")
        run = tracker.last_active_run()
        assert run is not None  # noqa: S101 -- the run that has just failed
        info = run.info
        return Outcome(experiment.name, info.run_id, info.run_name, "FAILED", {}, {}, 0.0)
    finally:
        experiment.report.run_ended()


def assist(experiment: Experiment, state: Checkpoint | None = None) -> None:
    """Train along with the process of rank 0, which does all the rest."""
    with suppress(NonFiniteLossError):  # rank 0 meets the same, and says so
        for _ in Training(experiment, state).epochs():
            pass
