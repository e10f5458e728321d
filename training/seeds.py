"""One seed, many independent random generators."""

from __future__ import annotations

import hashlib

import torch


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Derive an independent seed in [0, 2**63) for each purpose.

    With one generator for everything, a change of the batch size would change the split.

    Examples:
        >>> derived_seed(42, "split") == derived_seed(42, "split")
        True
        >>> derived_seed(42, "shuffle", 1) == derived_seed(42, "shuffle", 2)
        False
    """
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose: on the CPU, so that every device draws the same."""
    return torch.Generator().manual_seed(derived_seed(seed, *purpose))
