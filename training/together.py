"""How several processes train one network after the other: one leads, the others follow.

The process of rank 0 alone decides what is trained, records it, and may give up on a run. It tells
the others of each training before it begins; they do the same steps and nothing else. So they never
have to come to the same decision on their own, which they could only while nothing fails.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.errors import ElsewhereError, NonFiniteLossError, TrainingError
from training.experiment import Experiment, Training
from training.memory import shortage_told
from training.world import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.checkpoint import Checkpoint
    from training.config import Config
    from training.data import StudyData
    from training.experiment import Surroundings
    from training.loop import EpochResult
    from training.world import World


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
