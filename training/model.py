"""The networks that a configuration can name, and their export. Add one by a decorated function."""

from __future__ import annotations

import copy
import io
import warnings
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim

from tracker.text import did_you_mean
from training.errors import ConfigError
from training.image_sets import CLASSES, SIZE
from training.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config import ModelConfig

    Builder = Callable[[ModelConfig], nn.Module]


PIXELS = SIZE * SIZE

MODELS: dict[str, Builder] = {}
"""Builders by name. Networks map (N, 1, 28, 28) float32 in [0, 1] to (N, 10) logits."""
MODEL_KEYS: dict[str, set[str]] = {}
"""For each network, the keys of a configuration that only some networks use."""


def register(name: str, *keys: str) -> Callable[[Builder], Builder]:
    """Register a builder under `name`, with the keys of the configuration that it uses."""

    def add(builder: Builder) -> Builder:
        MODELS[name] = builder
        MODEL_KEYS[name] = set(keys)
        return builder

    return add


@register("mlp", "hidden_size")
def multilayer_perceptron(config: ModelConfig) -> nn.Module:
    """One hidden layer of `hidden_size` rectified linear units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(PIXELS, config.hidden_size),
        nn.ReLU(),
        nn.Linear(config.hidden_size, CLASSES),
    )


@register("cnn", "channels")
def convolutional_network(config: ModelConfig) -> nn.Module:
    """Strided convolutions of `channels`, each halving the image, then one linear layer.

    A stride costs a quarter of a full convolution followed by pooling.
    """
    layers: list[nn.Module] = []
    before, size = 1, SIZE
    for channels in config.channels:
        kernel = 5 if before == 1 else 3
        layers += [nn.Conv2d(before, channels, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        before, size = channels, (size + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * size * size, CLASSES))


def check_model(name: str) -> None:
    """Check that a network exists.

    Raises:
        ConfigError: No builder is registered under the name.
    """
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}{did_you_mean(name, MODELS, list_all=True)}")


def unused_keys(config: ModelConfig) -> dict[str, str]:
    """The keys that have no effect in a configuration, each with the choice that causes it."""
    model_keys = set().union(*MODEL_KEYS.values()) - MODEL_KEYS[config.model]
    unused = dict.fromkeys(sorted(model_keys), f"model: {config.model}")
    if config.optimizer != "sgd":
        unused["momentum"] = f"optimizer: {config.optimizer}"
    return unused


def check_model_config(name: str, config: ModelConfig) -> None:
    """Check that a configuration names a known network and sets no key that has no effect.

    Raises:
        ConfigError: It does not.
    """
    check_model(config.model)
    for key, reason in unused_keys(config).items():
        if (value := getattr(config, key)) != type(config).model_fields[key].default:
            message = f"model_configs.{name}.{key} is {value}, which has no effect with {reason}"
            raise ConfigError(message)


def build_model(config: ModelConfig, seed: int) -> nn.Module:
    """Build the network of a configuration on the CPU, initialized from the seed.

    Raises:
        ConfigError: The configuration names no known network.
    """
    check_model(config.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "initialisation"))
        return MODELS[config.model](config)


def parameter_count(model: nn.Module) -> int:
    """The number of values in all parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def exported_program(model: nn.Module) -> bytes:
    """The content of a .pt2 file that maps (N, 1, 28, 28) to (N, 10) logits for any N.

    It loads with torch alone, without this project's code.
    """
    network = copy.deepcopy(model).cpu().eval()
    example = (torch.zeros(2, 1, 28, 28),)
    program = torch.export.export(network, example, dynamic_shapes=({0: Dim("images")},))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about pytrees, from torch's own code
        torch.export.save(program, buffer)
    return buffer.getvalue()
