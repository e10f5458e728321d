"""The device a study trains on."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

import tracker
from training.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator


def choose_device(name: str) -> torch.device:
    """The device called `name`; 'auto' takes the first accelerator there is.

    Raises:
        DeviceError: The machine has no such device.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in present.items() if there)
    if not present[name]:
        usable = " or ".join(device for device, there in present.items() if there)
        raise DeviceError(f"there is no {name} device here; use --device {usable}")
    return torch.device(name, int(os.environ.get("LOCAL_RANK", "0")) if name == "cuda" else 0)


def describe(device: torch.device) -> str:
    """The device in words, such as 'cpu' or 'cuda (NVIDIA A100)'."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


PHRASES = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
"""What torch says where the CPU's memory does not suffice; only that of a GPU has a class."""


@contextmanager
def shortage_told() -> Iterator[None]:
    """A block that may ask for more memory than there is.

    Raises:
        DeviceError: It has.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        raise DeviceError(
            "there is not enough memory for it; a smaller network or a smaller batch takes less"
        ) from error


def _is_shortage(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(phrase in str(error) for phrase in PHRASES)


def versions() -> dict[str, str]:
    """Package or interpreter -> version."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "ml-tracker": tracker.__version__,
    }
