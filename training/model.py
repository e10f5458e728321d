"""The networks a configuration can name. Adding one is adding one decorated function."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim

from training.errors import ConfigError, did_you_mean
from training.image_sets import CLASSES, SIZE
from training.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config import ModelConfig

    Builder = Callable[[ModelConfig], nn.Module]


PIXELS = SIZE * SIZE

MODELS: dict[str, Builder] = {}
"""Builders by name. Networks take (N, 1, 28, 28) float32 in [0, 1] and give (N, 10) logits."""
SHAPED_BY: dict[str, set[str]] = {}
"""The keys of a configuration that only some networks look at, by the name of the network."""


def register(name: str, *keys: str) -> Callable[[Builder], Builder]:
    """Make a builder known under `name`, and the keys that shape its network."""

    def keep(builder: Builder) -> Builder:
        MODELS[name] = builder
        SHAPED_BY[name] = set(keys)
        return builder

    return keep


@register("mlp", "hidden_size")
def multilayer_perceptron(config: ModelConfig) -> nn.Module:
    """One hidden layer of `hidden_size` rectified units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(PIXELS, config.hidden_size),
        nn.ReLU(),
        nn.Linear(config.hidden_size, CLASSES),
    )


@register("cnn", "channels")
def convolutional_network(config: ModelConfig) -> nn.Module:
    """Strided convolutions of `channels`, each halving the image, then one linear layer.

    A stride costs a quarter of what pooling after a full convolution does.
    """
    layers: list[nn.Module] = []
    before, size = 1, SIZE
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


def idle_keys(config: ModelConfig) -> dict[str, str]:
    """The keys that have no effect in a configuration, each with what takes it away."""
    shaping = set().union(*SHAPED_BY.values()) - SHAPED_BY[config.model]
    idle = dict.fromkeys(sorted(shaping), f"model: {config.model}")
    if config.optimizer != "sgd":
        idle["momentum"] = f"optimizer: {config.optimizer}"
    return idle


def check_choice(name: str, config: ModelConfig) -> None:
    """Refuse a configuration of an unknown network, or with a choice that has no effect.

    Raises:
        ConfigError: It is such a one.
    """
    check_model(config.model)
    for key, reason in idle_keys(config).items():
        if (value := getattr(config, key)) != type(config).model_fields[key].default:
            message = f"model_configs.{name}.{key} is {value}, which has no effect with {reason}"
            raise ConfigError(message)


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


def exported_program(model: nn.Module) -> bytes:
    """The content of a .pt2 file: (N, 1, 28, 28) float32 in [0, 1] -> (N, 10) logits, any N."""
    network = copy.deepcopy(model).cpu().eval()
    example = (torch.zeros(2, 1, 28, 28),)
    program = torch.export.export(network, example, dynamic_shapes=({0: Dim("images")},))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one about pytrees from torch's own code
        torch.export.save(program, buffer)
    return buffer.getvalue()
