"""One optimizer step: a batch in, its logits out, the weights updated.

There are two implementations of one interface. `autograd_step` serves every network and optimizer.
`two_layer_step` serves the study's own case, one hidden layer under plain SGD, with gradients
derived by hand: for 64 images and 128 units the matrix products take only half of an autograd step,
the rest is bookkeeping. A test shows that both give the same weights up to rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.model import network_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from training.config import ModelConfig
    from training.distributed import World

    Step = Callable[[Tensor, Tensor, float, int], Tensor]
    """(images (b, 28, 28) uint8, labels (b,) int64, lr, B) -> logits (b, 10) from before the update

    b images are this process's part of a batch of B.
    """

WARM_UP = 0.25
"""Fraction of all steps in which the one-cycle schedule rises."""
START_FRACTION = 1 / 25
"""Of the peak rate, at the first step."""
END_FRACTION = 1e-4
"""Of the peak rate, after the last step."""


def learning_rate(config: ModelConfig, step: int, total: int) -> float:
    """The learning rate of a step.

    One cycle: half a cosine up to `learning_rate`, then half a cosine down to almost nothing
    (L. Smith and N. Topin, Super-Convergence, 2018).

    Args:
        config: Its `schedule` and `learning_rate`.
        step: Counts from 0 over all epochs.
        total: Steps in all epochs.
    """
    # A pure function of the step: nothing to save, and a resumed run continues the same curve.
    peak = config.learning_rate
    if config.schedule == "constant":
        return peak
    top = max(1.0, WARM_UP * total)  # the first step at least
    if step < top:
        return _cosine(peak * START_FRACTION, peak, step / top)
    return _cosine(peak, peak * END_FRACTION, (step - top) / max(1.0, total - top))


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


def build_optimizer(model: nn.Module, config: ModelConfig) -> torch.optim.Optimizer:
    """The optimizer that a configuration names, over all of the model's weights."""
    weights = model.parameters()
    # The rate given here is only the first: every step sets its own.
    lr, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        # fused: one kernel updates all weights, where the default launches several for each.
        return torch.optim.Adam(weights, lr=lr, weight_decay=decay, fused=True)
    # PyTorch's SGD adds the decay to the gradient, which with momentum acts on later steps too.
    return torch.optim.SGD(weights, lr=lr, momentum=config.momentum, weight_decay=decay)


def to_input(images: Tensor) -> Tensor:
    """Convert (N, 28, 28) uint8 to (N, 1, 28, 28) float32 in [0, 1], which every network takes."""
    # The conversion makes a copy, so that scaling in place leaves the uint8 set as it is.
    return images.unsqueeze(1).float().mul_(1 / 255)


def build_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, config: ModelConfig, world: World
) -> Step:
    """The fastest step that computes what the configuration asks for."""
    if world.size > 1:
        # Gradients are averaged by hooks of the backward pass, which derived gradients do without.
        return autograd_step(DistributedDataParallel(model), optimizer, config, world.size)
    if is_two_layer_sgd(config):
        return two_layer_step(model)
    return autograd_step(model, optimizer, config)


def autograd_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, config: ModelConfig, processes: int = 1
) -> Step:
    """A step of any network with any optimizer."""
    device = next(network.parameters()).device.type

    def step(images: Tensor, labels: Tensor, lr: float, batch_size: int) -> Tensor:
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()  # to None: the backward pass writes gradients instead of adding them
        with network_errors(network, images):
            with torch.autocast(device, torch.bfloat16, enabled=config.mixed_precision):
                logits: Tensor = network(to_input(images))  # (b, 10), bfloat16 in mixed precision
            # In float32 whatever the network computed in: bfloat16 keeps 8 bits of a number, too
            # few for a sum of exponentials.
            loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
            # A sum over b images becomes the mean over all B: DistributedDataParallel divides the
            # gradients by the number of processes, which is undone here.
            torch.autograd.backward(loss * (processes / batch_size))
        optimizer.step()
        # The caller keeps the logits of an epoch; with their graphs they would fill the memory.
        return logits.detach()

    return step


def is_two_layer_sgd(config: ModelConfig) -> bool:
    """Whether a configuration is of the kind that `two_layer_step` computes."""
    plain = config.optimizer == "sgd" and not (config.momentum or config.weight_decay)
    return config.model == "mlp" and plain and not config.mixed_precision


def two_layer_step(model: nn.Module) -> Step:
    """A step of plain SGD on `Flatten, Linear, ReLU, Linear` under mean cross-entropy.

    With logits z, p = softmax(z), one-hot labels y and B images in the batch, dL/dz = (p - y) / B;
    the chain rule gives the rest. H is the number of hidden units.
    """
    hidden, output = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    w1, b1 = hidden.weight, hidden.bias  # (H, 784), (H,)
    w2, b2 = output.weight, output.bias  # (10, H), (10,)

    # Without gradients recorded, the loss itself is never needed: only its derivative is.
    @torch.no_grad()
    def step(images: Tensor, labels: Tensor, lr: float, batch_size: int) -> Tensor:
        inputs = images.flatten(1).float().mul_(1 / 255)  # (b, 784)
        activity = torch.addmm(b1, inputs, w1.t()).relu_()  # (b, H)
        logits = torch.addmm(b2, activity, w2.t())  # (b, 10)
        d_logits = logits.softmax(dim=1)  # p: (b, 10); 1 / B is left to the scale below
        d_logits.scatter_(1, labels[:, None], -1.0, reduce="add")  # p - y
        # The derivative of a rectifier is 1 where it lets something through, else 0.
        d_activity = (d_logits @ w2).mul_(activity > 0)  # (b, H), before w2 is updated
        # `addmm_` subtracts each weight's gradient while computing it: it is never stored.
        scale = -lr / batch_size  # minus: down the slope; B: the gradient is a mean
        w2.addmm_(d_logits.t(), activity, alpha=scale)
        b2.add_(d_logits.sum(0), alpha=scale)
        w1.addmm_(d_activity.t(), inputs, alpha=scale)
        b1.add_(d_activity.sum(0), alpha=scale)
        return logits

    return step
