"""All runs of a study: which, on what, and in which order."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import tracker
from training.data import prepare, writable_folder
from training.errors import (
    ElsewhereError,
    RunFailedError,
    TrainingError,
    UsageError,
    did_you_mean,
)
from training.experiment import Experiment
from training.model import check_choice
from training.seed_study import run_seeds, seeds_in_a_row
from training.together import dismiss, follow
from training.tracked_run import run_experiment
from training.tracking import check_tracking, open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from training.config import Config
    from training.data import StudyData
    from training.experiment import Surroundings
    from training.outcome import Outcome
    from training.world import World


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
        TrainingError: The images, the configuration or the seeds are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    chosen = seeds_in_a_row(config.data_prep.seed, seeds)

    def train(experiment: Experiment) -> Outcome:
        return run_seeds(experiment, chosen) if seeds > 1 else run_experiment(experiment)

    return directed(config, names, around, train)


def directed(
    config: Config,
    names: Sequence[str],
    around: Surroundings,
    train: Callable[[Experiment], Outcome],
) -> tuple[list[Outcome], str]:
    """Train configurations in the process of rank 0, the others following it.

    A training that fails is reported and does not end the study.

    Raises:
        TrainingError: The images or the configuration are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    with prepared(config, names, around) as data:
        if not around.world.is_main:
            follow(config, data, around)
            return [], data.source
        open_database(config)
        outcomes = _outcomes_of(train, [Experiment(name, config, data, around) for name in names])
        dismiss(around.world)
        return outcomes, data.source


def _outcomes_of(
    train: Callable[[Experiment], Outcome], experiments: list[Experiment]
) -> list[Outcome]:
    """How each ended; where Ctrl-C ends one, a person is told which are left."""
    outcomes, left = [], list(experiments)
    try:
        while left:
            outcomes.append(_outcome_of(train, left.pop(0)))
    except KeyboardInterrupt:
        if left:
            names = ", ".join(experiment.name for experiment in left)
            left[0].report.say(f"Did not begin: {names}. Train them with --only.")
        raise
    return outcomes


def _outcome_of(train: Callable[[Experiment], Outcome], experiment: Experiment) -> Outcome:
    try:
        return train(experiment)
    except RunFailedError as failure:
        experiment.report.say(f"error: {experiment.name}: {failure}")
        return failure.outcome


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
