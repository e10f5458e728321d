"""The networks a configuration can name. Adding one is adding one decorated function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from training.errors import ConfigError, did_you_mean
from training.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config import ModelConfig

    Builder = Callable[[ModelConfig], nn.Module]

PIXELS = 28 * 28
CLASSES = 10

MODELS: dict[str, Builder] = {}
"""Builders by name. Networks take (N, 1, 28, 28) float32 in [0, 1] and give (N, 10) logits."""


def register(name: str) -> Callable[[Builder], Builder]:
    """Make a builder known under `name`."""

    def keep(builder: Builder) -> Builder:
        MODELS[name] = builder
        return builder

    return keep


@register("mlp")
def multilayer_perceptron(config: ModelConfig) -> nn.Module:
    """One hidden layer of `hidden_size` rectified units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(PIXELS, config.hidden_size),
        nn.ReLU(),
        nn.Linear(config.hidden_size, CLASSES),
    )


@register("cnn")
def convolutional_network(config: ModelConfig) -> nn.Module:
    """Strided convolutions of `channels`, each halving the image, then one linear layer.

    A stride costs a quarter of what pooling after a full convolution does.
    """
    layers: list[nn.Module] = []
    before, size = 1, 28
    for channels in config.channels:
        kernel = 5 if before == 1 else 3
        layers += [nn.Conv2d(before, channels, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        before, size = channels, (size + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * size * size, CLASSES))


def check_model(name: str) -> None:
    """Refuse a network that does not exist.

    Raises:
        ConfigError: No builder is registered under the name.
    """
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}; {did_you_mean(name, MODELS)}")


def build_model(config: ModelConfig, seed: int) -> nn.Module:
    """The network of a configuration, initialised from the seed, on the CPU.

    Raises:
        ConfigError: The configuration names no known network.
    """
    check_model(config.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "initialisation"))
        return MODELS[config.model](config)


def parameter_count(model: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in model.parameters())
