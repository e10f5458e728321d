"""The networks that a configuration can name, and their export.

A name registered here, or the dotted path of a function of one's own, `my_package.nets:make`.
Builders take the configuration and return a network that maps (N, 1, 28, 28) float32 in [0, 1] to
(N, 10) logits.
"""

from __future__ import annotations

import copy
import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim

from tracker.text import did_you_mean
from training.device import is_out_of_memory
from training.errors import ConfigError, NetworkError
from training.image_sets import CLASSES, SIZE
from training.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor
    from torch.export import ExportedProgram

    from training.config import ModelConfig

    Builder = Callable[[ModelConfig], nn.Module]

PIXELS = SIZE * SIZE
MODELS: dict[str, Builder] = {}
"""Builders by name."""
MODEL_KEYS: dict[str, set[str]] = {}
"""For each network, the keys of a configuration that only some networks use."""
CODE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a mistake in the code of a network raises."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


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
        nn.Flatten(),  # (N, 1, 28, 28) -> (N, 784)
        nn.Linear(PIXELS, config.hidden_size),  # -> (N, hidden_size)
        nn.ReLU(),
        nn.Linear(config.hidden_size, CLASSES),  # -> (N, 10) logits: the loss applies softmax
    )


@register("cnn", "channels")
def convolutional_network(config: ModelConfig) -> nn.Module:
    """Strided convolutions of `channels`, each halving the image, then one linear layer."""
    layers: list[nn.Module] = []
    before, size = 1, SIZE  # of the input: (N, 1, 28, 28)
    for channels in config.channels:
        # The first kernel sees raw strokes, which are 2 to 3 pixels wide; features need less.
        kernel = 5 if before == 1 else 3
        # A stride costs a quarter of a full convolution followed by pooling.
        layers += [nn.Conv2d(before, channels, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        # Padding by half a kernel and a stride of 2 halve an even side, and round up an odd one.
        before, size = channels, (size + 1) // 2  # (N, channels, size, size)
    # (N, channels * size * size) -> (N, 10)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * size * size, CLASSES))


def find_builder(name: str) -> Builder:
    """The builder of a registered network, or the function at a dotted path.

    Args:
        name: Such as 'mlp' or 'my_package.nets:make'; the package must be importable from the
            working directory or be installed.

    Raises:
        ConfigError: There is no such network.
    """
    if ":" not in name:
        if name not in MODELS:
            hint = did_you_mean(name, MODELS, list_all=True)
            raise ConfigError(f"there is no model {name!r}{hint}")
        return MODELS[name]
    module_name, _, attribute = name.partition(":")
    # Importing runs the user's code, which may fail in any way that code fails.
    try:
        module = importlib.import_module(module_name)
    except (*CODE_ERRORS, OSError, SyntaxError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the module of model {name!r} cannot be imported: {reason}") from error
    builder: Builder | None = getattr(module, attribute, None)
    if not callable(builder):
        hint = did_you_mean(attribute, [key for key in vars(module) if not key.startswith("_")])
        raise ConfigError(f"there is no function {attribute!r} in {module_name}{hint}")
    return builder


def unused_keys(config: ModelConfig) -> dict[str, str]:
    """The keys that have no effect in a configuration, each with the choice that causes it."""
    model_keys = set().union(*MODEL_KEYS.values()) | {"model_options"}
    used = MODEL_KEYS.get(config.model, model_keys)  # a builder of one's own may use any key
    unused = dict.fromkeys(sorted(model_keys - used), f"model: {config.model}")
    if config.optimizer != "sgd":
        unused["momentum"] = f"optimizer: {config.optimizer}"
    return unused


def check_model_config(name: str, config: ModelConfig) -> None:
    """Check that the network of a configuration can be built, and that every key has an effect.

    Raises:
        ConfigError: It cannot, or a key has no effect.
    """
    try:
        count = planned_parameter_count(config)
    except ConfigError as error:
        raise ConfigError(f"model_configs.{name}: {error}") from error
    if count == 0:
        raise ConfigError(f"model_configs.{name}: its network has no parameters to train")
    for key, reason in unused_keys(config).items():
        if (value := getattr(config, key)) != type(config).model_fields[key].default:
            message = f"model_configs.{name}.{key} is {value}, which has no effect with {reason}"
            raise ConfigError(message)


def build_model(config: ModelConfig, seed: int) -> nn.Module:
    """Build the network of a configuration on the CPU, initialized from the seed.

    Raises:
        ConfigError: There is no such network, or its builder fails.
    """
    builder = find_builder(config.model)
    # On the CPU, whose generator draws the same numbers everywhere, and in a fork of its state:
    # how many numbers a network draws must not shift what is drawn after it.
    with torch.random.fork_rng(devices=[]):
        # The purpose is spelled as it always was: it decides every network's first weights.
        torch.manual_seed(derived_seed(seed, "initialisation"))
        try:
            network = builder(config)
        except CODE_ERRORS as error:
            if is_out_of_memory(error):  # A larger machine could build it: no mistake in its code.
                raise
            reason = f"{type(error).__name__}: {error}"
            message = (
                f"the network {config.model!r} cannot be built: called with the configuration, "
                f"it raises {reason}"
            )
            raise ConfigError(message) from error
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise ConfigError(f"{config.model!r} returns a {kind} instead of a torch.nn.Module")
    return network


def parameter_count(model: nn.Module) -> int:
    """The number of values in all parameters of a network."""
    return sum(parameter.numel() for parameter in model.parameters())


def planned_parameter_count(config: ModelConfig) -> int:
    """The `parameter_count` of a configuration's network, without memory for its values.

    Raises:
        ConfigError: There is no such network, or its builder fails.
    """
    try:
        with torch.device("meta"):  # shapes without values
            return parameter_count(build_model(config, seed=0))
    except ConfigError:  # some builders compute with their first weights
        return parameter_count(build_model(config, seed=0))


@contextmanager
def network_errors(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Tell a mistake in the code of a network from one of the trainer.

    Args:
        network: What computes within the block.
        images: Its batch.

    Raises:
        NetworkError: The block raised what a mistake in code raises.
    """
    try:
        yield
    except CODE_ERRORS as error:
        if is_out_of_memory(error):
            raise
        # The variance of one value is 0 / 0: PyTorch refuses, by a message about its shape.
        is_batch_of_one = len(images) == 1 and network.training
        if is_batch_of_one and any(isinstance(part, BATCH_NORMS) for part in network.modules()):
            raise NetworkError(
                "BatchNorm cannot train on a batch of one image, which is what the last batch of "
                "an epoch is here; set drop_last: true or another batch_size"
            ) from error
        reason = f"{type(error).__name__}: {error}"
        raise NetworkError(
            f"the network failed on a batch of {len(images)} images: {reason}"
        ) from error


def exported_program(model: nn.Module) -> ExportedProgram:
    """A program that maps (N, 1, 28, 28) to (N, 10) logits for any N.

    Saved with `torch.export.save`, it loads with torch alone, without this project's code.
    """
    # A copy: the model goes on training, on its own device. Exported as it predicts, dropout off.
    network = copy.deepcopy(model).cpu().eval()
    # Two images, since an export takes a dimension of 1 for a constant, not for a batch.
    example = (torch.zeros(2, 1, 28, 28),)
    return torch.export.export(network, example, dynamic_shapes=({0: Dim("images")},))
