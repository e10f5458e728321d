"""The errors a user of the trainer can meet.

* TrainingError              exit code 1
    * UsageError             wrong command line, exit code 2
    * ConfigError            the configuration breaks a rule
    * DataError              images cannot be read, made or written
    * DeviceError            the machine lacks what was asked for
    * CheckpointError        a checkpoint is missing, damaged or of another shape
    * NonFiniteLossError     the loss became NaN or infinite
    * RunFailedError         a run ended FAILED; says how far it came
    * ElsewhereError         another process met an error, and tells it
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.outcome import Outcome


class TrainingError(Exception):
    """The root of every error the trainer raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(TrainingError):
    """The command line asks for something that does not exist."""

    exit_code: ClassVar[int] = 2


class ConfigError(TrainingError):
    """The configuration breaks a rule."""


class DataError(TrainingError):
    """Images cannot be read, made or written."""


class DeviceError(TrainingError):
    """The machine lacks the device or the library that was asked for."""


class CheckpointError(TrainingError):
    """A checkpoint is missing, damaged, of another shape, or cannot be written."""


class ElsewhereError(TrainingError):
    """Another process of those that train together met an error, and tells it."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite.

    Args:
        epoch: Counts from 1.
        step: Optimiser step within the whole training, counts from 1.
    """

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(epoch, step)
        self.epoch = epoch
        self.step = step

    def __str__(self) -> str:
        return (
            f"the loss is no longer finite at step {self.step} (epoch {self.epoch}); "
            "a smaller learning_rate usually helps"
        )


class RunFailedError(TrainingError):
    """A run ended FAILED, with its reason among its tags; others can go on.

    Args:
        outcome: How it ended.
        reason: Why, in a sentence.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A clause that names the closest known word, or all of them when none is close.

    Examples:
        >>> did_you_mean("defualt", ["default", "small_hidden"])
        "did you mean 'default'?"
        >>> did_you_mean("zebra", ["default", "small_hidden"])
        'known are: default, small_hidden'
    """
    words = list(known)
    close = get_close_matches(wrong, words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(words)}"
