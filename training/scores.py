"""How a network did on each of some images, and on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Scores:
    """What came of each image, (N,) each, on one device.

    Args:
        losses: Cross-entropy in nats, float32.
        right: Whether the image was read right, bool.
    """

    losses: Tensor
    right: Tensor

    def sums(self) -> Tensor:
        """(2,) float64 on the CPU: all losses, all right answers. Those of processes add up."""
        losses, right = self.losses.cpu(), self.right.cpu()  # Apple's GPU has no float64
        return torch.stack([losses.double().sum(), right.double().sum()])

    def means(self) -> tuple[float, float]:
        """The mean loss, and the share of images read right."""
        loss, accuracy = (self.sums() / len(self.right)).tolist()
        return loss, accuracy


def score(logits: Tensor, labels: Tensor) -> Scores:
    """What (N, 10) float32 logits are worth against (N,) labels."""
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return Scores(losses, logits.argmax(dim=1) == labels)
