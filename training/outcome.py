"""How a run of the study ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.config import ModelConfig


@dataclass(frozen=True)
class Outcome:
    """How a run ended. Accuracies are shares of 1; `metrics` is empty where it failed.

    `spread` holds standard deviations under the names of `metrics`, where there are several seeds.
    """

    name: str
    run_id: str
    run_name: str
    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class EpochResult:
    """What one epoch showed. Losses are means in nats, accuracies shares of 1."""

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


def best_epoch(history: list[EpochResult], config: ModelConfig) -> int:
    """The first epoch that no other beats in the metric that the configuration names."""
    sign = 1 if config.best_mode == "min" else -1
    return min(history, key=lambda result: sign * result.metrics()[config.best_metric]).epoch
