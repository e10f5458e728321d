"""One seed, many independent streams of chance."""

from __future__ import annotations

import hashlib

import torch


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A seed in [0, 2**63) of its own for each purpose.

    Drawing everything from one generator would let a change of the batch size change the split.

    Examples:
        >>> derived_seed(42, "split") == derived_seed(42, "split")
        True
        >>> derived_seed(42, "shuffle", 1) == derived_seed(42, "shuffle", 2)
        False
    """
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose; the same on every device, so that a split is too."""
    return torch.Generator().manual_seed(derived_seed(seed, *purpose))
