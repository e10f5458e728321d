"""One step of training: a batch in, its logits out, the weights a little better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from training.config import ModelConfig
    from training.distributed import World

    Step = Callable[[Tensor, Tensor, float, int], Tensor]
    """(images, labels, learning rate, images in the batch of all processes) -> logits"""
    from torch import Tensor


WARM_UP = 0.25
START_FRACTION = 1 / 25
END_FRACTION = 1e-4


def learning_rate(config: ModelConfig, step: int, total: int) -> float:
    """The learning rate of optimiser step `step` (from 0) of `total`.

    One cycle: half a cosine up to `learning_rate`, then half a cosine down to almost nothing
    (L. Smith and N. Topin, Super-Convergence, 2018). A function of the step alone, so that a
    resumed run needs no scheduler's memory.
    """
    peak = config.learning_rate
    if config.schedule == "constant":
        return peak
    top = max(1.0, WARM_UP * total)
    if step < top:
        return _cosine(peak * START_FRACTION, peak, step / top)
    return _cosine(peak, peak * END_FRACTION, (step - top) / max(1.0, total - top))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def build_optimizer(model: nn.Module, config: ModelConfig) -> torch.optim.Optimizer:
    """The optimiser a configuration names, over all of the model's weights."""
    weights = model.parameters()
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        return torch.optim.Adam(weights, lr=rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(weights, lr=rate, momentum=config.momentum, weight_decay=decay)


def to_input(images: Tensor) -> Tensor:
    """(N, 28, 28) uint8 -> (N, 1, 28, 28) float32 in [0, 1], what every network takes."""
    return images.unsqueeze(1).float().mul_(1 / 255)


def build_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, config: ModelConfig, world: World
) -> Step:
    """The fastest step that computes what the configuration asks for."""
    if world.size > 1:
        return autograd_step(DistributedDataParallel(model), optimizer, config, world.size)
    if applies_to(config):
        return two_layer_step(model)
    return autograd_step(model, optimizer, config)


def autograd_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, config: ModelConfig, processes: int = 1
) -> Step:
    """A step of any network with any optimiser."""
    device = next(network.parameters()).device.type

    def step(images: Tensor, labels: Tensor, rate: float, total: int) -> Tensor:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=config.mixed_precision):
            logits: Tensor = network(to_input(images))
        loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
        # DistributedDataParallel divides by the number of processes, the mean by the whole batch.
        torch.autograd.backward(loss * (processes / total))
        optimizer.step()
        return logits.detach()

    return step


def applies_to(config: ModelConfig) -> bool:
    """Whether a configuration is of the kind that this step computes."""
    plain = config.optimizer == "sgd" and not (config.momentum or config.weight_decay)
    return config.model == "mlp" and plain and not config.mixed_precision


def two_layer_step(model: nn.Module) -> Step:
    """The step for `Flatten, Linear, ReLU, Linear` under mean cross-entropy.

    With logits z, p = softmax(z), one-hot labels y and n images, dL/dz = (p - y) / n; the chain
    rule gives the rest.
    """
    hidden, output = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    w1, b1, w2, b2 = hidden.weight, hidden.bias, output.weight, output.bias

    @torch.no_grad()
    def step(images: Tensor, labels: Tensor, rate: float, total: int) -> Tensor:
        inputs = images.flatten(1).float().mul_(1 / 255)
        activity = torch.addmm(b1, inputs, w1.t()).relu_()
        logits = torch.addmm(b2, activity, w2.t())
        d_logits = logits.softmax(dim=1)
        d_logits.scatter_(1, labels[:, None], -1.0, reduce="add")
        d_activity = (d_logits @ w2).mul_(activity > 0)
        scale = -rate / total
        w2.addmm_(d_logits.t(), activity, alpha=scale)
        b2.add_(d_logits.sum(0), alpha=scale)
        w1.addmm_(d_activity.t(), inputs, alpha=scale)
        b1.add_(d_activity.sum(0), alpha=scale)
        return logits

    return step
