"""The training loop: epochs as permutations of one tensor, nothing copied inside an epoch.

A DataLoader collates every batch from single images and hands it over through Python; here the
whole set is one uint8 tensor, put in a new order once an epoch, and a batch is a slice of it. The
logits of an epoch are looked at once, at its end, so that an accelerator is never waited for.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.errors import NonFiniteLossError
from training.evaluation import predict_logits, score
from training.outcome import EpochResult
from training.seeds import generator
from training.step import learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from training.config import ModelConfig
    from training.distributed import World
    from training.split import Examples
    from training.step import Step


VALIDATION_BATCH = 10_000


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and how.

    Args:
        on_batch: Called now and then within an epoch with (epoch, steps done, steps in all).
    """

    model: nn.Module
    step: Step
    train: Examples
    validation: Examples
    config: ModelConfig
    seed: int
    world: World
    on_batch: Callable[[int, int, int], None] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one epoch; the last batch may be smaller."""
        return -(-len(self.train) // self.config.batch_size)


def train_epochs(task: Task, after: int = 0) -> Iterator[EpochResult]:
    """Train epoch by epoch, from the one after `after`; the caller looks in between.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite.
    """
    for epoch in range(after + 1, task.config.max_epochs + 1):
        start = time.perf_counter()
        train_loss, train_accuracy = train_epoch(task, epoch)
        seconds = time.perf_counter() - start
        val_loss, val_accuracy = validate(task.model, task.validation)
        if not task.world.all(math.isfinite(val_loss)):  # the last steps may have broken it
            raise NonFiniteLossError(epoch, epoch * task.steps_per_epoch)
        speed = len(task.train) / seconds
        yield EpochResult(epoch, train_loss, train_accuracy, val_loss, val_accuracy, seconds, speed)


def train_epoch(task: Task, epoch: int) -> tuple[float, float]:
    """One pass over the training images in a new order; mean loss and accuracy on the way.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite.
    """
    order = torch.randperm(len(task.train), generator=generator(task.seed, "shuffle", epoch))
    order = order.to(task.train.labels.device)
    images, labels = task.train.images[order], task.train.labels[order]
    size, per_epoch = task.config.batch_size, task.steps_per_epoch
    task.model.train()
    logits, targets = [], []
    for done, (batch, answers) in enumerate(
        zip(torch.split(images, size), torch.split(labels, size), strict=True)
    ):
        step = (epoch - 1) * per_epoch + done
        rate = learning_rate(task.config, step, per_epoch * task.config.max_epochs)
        targets.append(task.world.share(answers))
        logits.append(task.step(task.world.share(batch), targets[-1], rate, len(answers)))
        if task.on_batch and done % 50 == 0:
            task.on_batch(epoch, done, per_epoch)
    return _judged(logits, targets, task, epoch)


def _judged(
    logits: list[Tensor], targets: list[Tensor], task: Task, epoch: int
) -> tuple[float, float]:
    """Mean loss and accuracy of an epoch's logits, each from before its step's update."""
    scores = score(torch.cat(logits).float(), torch.cat(targets))
    loss, accuracy = (task.world.sum(scores.sums()) / len(task.train)).tolist()
    if not math.isfinite(loss):
        steps = torch.repeat_interleave(torch.tensor([len(part) for part in targets]))
        raise NonFiniteLossError(epoch, _first_broken_step(scores.losses.cpu(), steps, task, epoch))
    return loss, accuracy


def _first_broken_step(losses: Tensor, steps: Tensor, task: Task, epoch: int) -> int:
    """The first step at which any process lost the loss; `steps` are those within the epoch."""
    never = torch.tensor([task.steps_per_epoch])
    within = int(task.world.minimum(torch.cat([steps[~losses.isfinite()], never]).min()))
    return (epoch - 1) * task.steps_per_epoch + within + 1


@torch.no_grad()
def validate(model: nn.Module, examples: Examples) -> tuple[float, float]:
    """Mean loss and accuracy on images that are not trained on."""
    scores = score(predict_logits(model, examples.images, VALIDATION_BATCH), examples.labels)
    _, accuracy = scores.means()
    # In float32, unlike other means: a resumed run compares it with those of its earlier epochs,
    # and has to find the same one the best.
    return scores.losses.mean().item(), accuracy
