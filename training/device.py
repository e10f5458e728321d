"""The device a study trains on."""

from __future__ import annotations

import os

import torch

from training.errors import DeviceError


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
