"""What a training reports: the results of its epochs, and how its run ended."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import ModelConfig


@dataclass(frozen=True)
class EpochResult:
    """The results of one epoch.

    Args:
        epoch: Counts from 1.
        train_loss: Mean cross-entropy in nats, each image's from before its step's update.
        train_accuracy: Fraction of 1, of the same logits.
        val_loss: Mean cross-entropy in nats, after the epoch.
        val_accuracy: Fraction of 1, after the epoch.
        epoch_seconds: Wall time of the training steps.
        images_per_second: Of the training steps.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    epoch_seconds: float
    images_per_second: float

    def metrics(self) -> dict[str, float]:
        """The numbers under the names they are logged by."""
        return {key: value for key, value in asdict(self).items() if key != "epoch"}


def best_epoch(history: Sequence[EpochResult], config: ModelConfig) -> int:
    """The first epoch that no other beats in the configuration's `best_metric`."""
    sign = 1 if config.best_mode == "min" else -1
    return min(history, key=lambda result: sign * result.metrics()[config.best_metric]).epoch


def has_stalled(history: Sequence[EpochResult], config: ModelConfig) -> bool:
    """Whether early stopping applies: no better epoch for `patience` epochs."""
    if config.patience is None or not history:
        return False
    return len(history) - best_epoch(history, config) >= config.patience


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        name: The configuration.
        run_id: Of the run.
        run_name: Of the run.
        status: FINISHED or FAILED.
        metrics: Results on the test sets, by name; empty if the run failed. Accuracies are
            fractions of 1.
        spread: Standard deviations under the same names, if there are several seeds.
        seconds: Wall time.
    """

    name: str
    run_id: str
    run_name: str
    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def mean_and_spread(rows: list[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """The mean and the sample standard deviation (n - 1) of each metric.

    Examples:
        >>> mean_and_spread([{"a": 1.0}, {"a": 3.0}])
        ({'a': 2.0}, {'a': 1.4142135623730951})
    """
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    means = {key: statistics.fmean(values) for key, values in columns.items()}
    return means, {key: statistics.stdev(values) for key, values in columns.items()}
