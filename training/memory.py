"""A lack of memory, told as a mistake of the configuration rather than of the program."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from training.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
