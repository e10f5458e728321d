"""The rows a configuration is trained on, and those it is validated on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.errors import ConfigError
from training.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

    from training.config import ModelConfig
    from training.image_sets import ImageSet


@dataclass(frozen=True)
class Examples:
    """Images (N, 28, 28) uint8 and labels (N,) int64, together on one device."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> Examples:
        """The same examples on `device`."""
        return Examples(self.images.to(device), self.labels.to(device))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Split:
    """Rows of the training set, (n,) int64 each."""

    train: Tensor
    validation: Tensor


def split_indices(total: int, config: ModelConfig, seed: int) -> Split:
    """A random subset of `max_samples`, divided by `data_split_ratio`.

    Raises:
        ConfigError: One of the two parts would be empty.
    """
    cut, end = split_sizes(total, config)
    chosen = torch.randperm(total, generator=generator(seed, "subset and split"))[:end]
    return Split(chosen[:cut], chosen[cut:])


def split_sizes(total: int, config: ModelConfig) -> tuple[int, int]:
    """How many of `total` images are trained on, and how many are used in all.

    Raises:
        ConfigError: One of the two parts would be empty.
    """
    used = min(total, config.max_samples or total)
    cut = int(used * config.data_split_ratio)
    if not 0 < cut < used:
        raise ConfigError(
            f"data_split_ratio {config.data_split_ratio} leaves nothing to train on or to "
            f"validate with among {used} images"
        )
    return cut, used


def examples(sets: list[ImageSet], indices: Tensor) -> Examples:
    """The rows `indices` of every set, one set after the other."""
    return Examples(
        torch.cat([part.images[indices] for part in sets]),
        torch.cat([part.labels[indices] for part in sets]),
    )
