"""The training loop.

The whole training set is one uint8 tensor on the device. An epoch is a permutation of its rows and
a batch is a slice of it: no DataLoader collates single images, and nothing is copied to the host
inside an epoch.

Shapes: N images in the set, B in a batch, b of those in this process (B without torchrun).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.errors import NonFiniteLossError
from training.evaluation import predict_logits, score
from training.outcome import EpochResult, has_stalled
from training.seeds import GlobalGenerators, generator
from training.step import learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from training.config import ModelConfig
    from training.distributed import World
    from training.split import Examples
    from training.step import Step

VALIDATION_BATCH = 10_000
PROGRESS_EVERY = 50
"""Steps between two calls of `on_batch`."""


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and how.

    Args:
        generators: What the network draws from while it trains, with dropout for one.
        on_batch: Called every 50 steps with (epoch, steps done, steps per epoch).
    """

    model: nn.Module
    step: Step
    train: Examples
    validation: Examples
    config: ModelConfig
    seed: int
    world: World
    generators: GlobalGenerators
    on_batch: Callable[[int, int, int], None] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch; the last batch may be smaller, unless it is dropped."""
        whole, rest = divmod(len(self.train), self.config.batch_size)
        return whole if self.config.drop_last or not rest else whole + 1

    @property
    def images_per_epoch(self) -> int:
        """Images trained on in an epoch: all, unless the last batch is dropped."""
        return min(len(self.train), self.steps_per_epoch * self.config.batch_size)


def train_epochs(task: Task, history: list[EpochResult]) -> Iterator[EpochResult]:
    """Train one epoch per iteration; the caller records and saves between two of them.

    Args:
        task: What to train.
        history: The results of the epochs done already; those of new ones are appended.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite.
    """
    config, world, steps = task.config, task.world, task.steps_per_epoch
    while len(history) < config.max_epochs and not has_stalled(history, config):
        epoch = len(history) + 1
        task.generators.activate()  # whatever the caller drew since the last epoch
        start = time.perf_counter()

        # The order depends on the seed and the epoch alone, so that a resumed run draws the one it
        # would have drawn. It is drawn on the CPU: every device then sees the same order.
        order = torch.randperm(len(task.train), generator=generator(task.seed, "shuffle", epoch))
        order = order[: task.images_per_epoch].to(task.train.labels.device)  # (N,) int64
        # One gather for the whole epoch; a batch is then a view of its rows.
        images = task.train.images[order]  # (N, 28, 28) uint8
        labels = task.train.labels[order]  # (N,) int64

        task.model.train()
        epoch_logits: list[Tensor] = []  # of each step: (b, 10) float32
        epoch_labels: list[Tensor] = []  # of each step: (b,) int64
        image_batches = torch.split(images, config.batch_size)
        label_batches = torch.split(labels, config.batch_size)
        batches = zip(image_batches, label_batches, strict=True)
        for done, (batch_images, batch_labels) in enumerate(batches):
            # The rate is a function of the step: a resumed run has no scheduler to restore.
            lr = learning_rate(config, (epoch - 1) * steps + done, steps * config.max_epochs)
            shard_images = world.shard(batch_images)  # (b, 28, 28) uint8
            shard_labels = world.shard(batch_labels)  # (b,) int64
            logits = task.step(shard_images, shard_labels, lr, len(batch_labels))  # (b, 10) float32
            epoch_logits.append(logits)
            epoch_labels.append(shard_labels)
            if task.on_batch and done % PROGRESS_EVERY == 0:
                task.on_batch(epoch, done, steps)

        # The logits are looked at only here: reading a loss at every step would make the host wait
        # for an accelerator at every step.
        train_loss, train_accuracy = _epoch_metrics(epoch_logits, epoch_labels, task, epoch)
        seconds = time.perf_counter() - start
        val_loss, val_accuracy = validate(task.model, task.validation)
        # Each train logit is from before its step's update, so only validation sees the last one.
        if not world.all_true(math.isfinite(val_loss)):
            raise NonFiniteLossError(epoch, epoch * steps)
        task.generators.gather()
        speed = task.images_per_epoch / seconds
        losses = train_loss, train_accuracy, val_loss, val_accuracy
        history.append(EpochResult(epoch, *losses, seconds, speed))
        yield history[-1]


def _epoch_metrics(
    logits: list[Tensor], labels: list[Tensor], task: Task, epoch: int
) -> tuple[float, float]:
    """Mean loss and accuracy over an epoch, of all processes.

    Raises:
        NonFiniteLossError: A loss is NaN or infinite.
    """
    scores = score(torch.cat(logits).float(), torch.cat(labels))  # this process's N / size images
    loss, accuracy = (task.world.all_reduce(scores.sums()) / task.images_per_epoch).tolist()
    if not math.isfinite(loss):
        # (images,) int64: the step within the epoch that each image was in
        steps = torch.repeat_interleave(torch.tensor([len(part) for part in labels]))
        raise NonFiniteLossError(epoch, _first_broken_step(scores.losses.cpu(), steps, task, epoch))
    return loss, accuracy


def _first_broken_step(losses: Tensor, steps: Tensor, task: Task, epoch: int) -> int:
    """The first step, counted from 1 over all epochs, at which any process lost its loss."""
    none_here = torch.tensor([task.steps_per_epoch])
    within = int(task.world.minimum(torch.cat([steps[~losses.isfinite()], none_here]).min()))
    return (epoch - 1) * task.steps_per_epoch + within + 1


@torch.no_grad()
def validate(model: nn.Module, examples: Examples) -> tuple[float, float]:
    """Mean loss and accuracy on images that are not trained on."""
    logits = predict_logits(model, examples.images, VALIDATION_BATCH)  # (n, 10) float32
    scores = score(logits, examples.labels)
    _, accuracy = scores.means()
    # A float32 mean, unlike the others: a resumed run compares it with those of its earlier epochs
    # to find the best one, and those were computed this way.
    return scores.losses.mean().item(), accuracy
