"""The device a study trains on, its memory, and the versions that results depend on."""

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

CPU_MEMORY_MESSAGES = (
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
)
"""torch has a class for a full GPU only; its CPU allocator raises RuntimeError with these texts."""


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; 'auto' takes the first accelerator that is there.

    Args:
        name: 'auto', 'cpu', 'cuda' or 'mps'.

    Raises:
        DeviceError: The machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, is_there in available.items() if is_there)
    if not available[name]:
        usable = " or ".join(device for device, is_there in available.items() if is_there)
        raise DeviceError(f"there is no {name} device here; use --device {usable}")
    return torch.device(name, int(os.environ.get("LOCAL_RANK", "0")) if name == "cuda" else 0)


def describe(device: torch.device) -> str:
    """The device in words, such as 'cpu' or 'cuda (NVIDIA A100)'."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


def versions() -> dict[str, str]:
    """The version of Python and of each package that results depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "ml-tracker": tracker.__version__,
    }


@contextmanager
def out_of_memory_as_error() -> Iterator[None]:
    """Turn a failed allocation within the block into an error of the configuration.

    Raises:
        DeviceError: The CPU or the GPU has not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            "there is not enough memory for it; a smaller network or a smaller batch takes less"
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a failed allocation of the CPU or the GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    is_plain = type(error) is RuntimeError  # the CPU allocator has no class of its own
    return is_plain and any(message in str(error) for message in CPU_MEMORY_MESSAGES)
