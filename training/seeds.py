"""One seed, many independent random generators.

What the trainer draws itself (split, order, initialization) comes from generators of its own, each
with a seed derived for its purpose. What a network draws while it trains, dropout for one, comes
from the global generators of torch, numpy and Python; `GlobalGenerators` seeds those.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.distributed import World

if TYPE_CHECKING:
    from collections.abc import Sequence

CPU = torch.device("cpu")

GeneratorState = dict[str, Any]
"""The states of one process's global generators, in tensors and plain values."""


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


class GlobalGenerators:
    """The global generators of torch, numpy and Python, as one training sees them.

    They are seeded from the run's seed, differently in each process. Between two epochs their
    states are kept aside, so that nothing else that draws in between changes the training, and
    saved with the checkpoint, so that a resumed training draws what it would have drawn.

    Args:
        seed: The run's seed.
        world: The processes that train together.
        device: The device whose generator is included.
    """

    def __init__(self, seed: int, world: World | None = None, device: torch.device = CPU) -> None:
        self._world, self._device = world or World(), device
        _seed_all(derived_seed(seed, "global generators", self._world.rank))
        self._kept = global_state(device)
        self.states: list[GeneratorState] = []
        """The states of all processes, by rank; empty before the first epoch."""

    def keep(self) -> None:
        """Keep the current state of this process."""
        self._kept = global_state(self._device)

    def activate(self) -> None:
        """Put the kept state of this process back."""
        set_global_state(self._kept, self._device)

    def gather(self) -> None:
        """Keep the current state, and collect those of all processes into `states`."""
        self.keep()
        self.states = self._world.all_gather(self._kept)

    def restore(self, states: Sequence[GeneratorState]) -> None:
        """Continue from the states of a checkpoint.

        A process that had no part in the saved training continues from its own seed.
        """
        self.states = list(states)
        if self._world.rank < len(states):
            self._kept = states[self._world.rank]


def _seed_all(seed: int) -> None:
    torch.manual_seed(seed)  # the CPU's generator and those of all accelerators
    np.random.seed(seed % 2**32)  # noqa: NPY002 -- the global generator is what networks use
    random.seed(seed)


def global_state(device: torch.device) -> GeneratorState:
    """The states of the global generators of torch, numpy and Python."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    state: GeneratorState = {
        "torch": torch.get_rng_state(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        "python": random.getstate(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_global_state(state: GeneratorState, device: torch.device) -> None:
    """Set the states that `global_state` returned, on this machine or another one."""
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    random.setstate(state["python"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
