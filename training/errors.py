"""The errors that the trainer raises on purpose.

* TrainingError              exit code 1
    * UsageError             wrong command line, exit code 2
    * ConfigError            the configuration breaks a rule
    * DataError              images cannot be read, made or written
    * DeviceError            the machine lacks what was asked for
    * CheckpointError        a checkpoint is missing, damaged or of another shape
    * NonFiniteLossError     the loss became NaN or infinite
    * NetworkError           the code of a network raised an error
    * RunFailedError         a run ended FAILED; holds its outcome
    * PromotionError         the promotion rule does not fit a run
    * PeerFailedError        another process failed, and reports why
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
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


class PeerFailedError(TrainingError):
    """Another process of this training failed, and reports why."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite.

    Args:
        epoch: Counts from 1.
        step: Optimizer step over all epochs, counts from 1.
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


class NetworkError(TrainingError):
    """The code of a network raised an error while it was trained or evaluated."""


class PromotionError(TrainingError):
    """The promotion rule is not set, or names what a run lacks."""


class RunFailedError(TrainingError):
    """A run ended FAILED, with the reason among its tags; the study continues with the others.

    Args:
        outcome: How the run ended.
        reason: Why, in a sentence.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
