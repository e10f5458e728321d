"""Files of tensors and plain values: equal content gives equal bytes; reading runs no code."""

from __future__ import annotations

import errno
import io
import pickle
import struct
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

# What an unpickler raises for bytes that are not a pickle depends on the bytes.
_UNREADABLE = (
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)


class UnreadableFileError(Exception):
    """The file is damaged, of another kind, or holds more than tensors and plain values."""


def dump(content: dict[str, Any]) -> bytes:
    """The content of a file as bytes.

    Saved to memory, because torch would make the name of a file part of its bytes.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def load(path: Path) -> dict[str, Any]:
    """Read a file onto the CPU; nothing in it is executed.

    Raises:
        UnreadableFileError: The file holds anything but a dictionary of tensors and plain values.
        OSError: The file cannot be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:  # torch's own messages advise its developers
        raise UnreadableFileError("torch cannot read it") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a damaged file makes its reader seek to before its start
            raise UnreadableFileError("torch cannot read it") from error
        raise
    if not isinstance(content, dict):
        raise UnreadableFileError(f"it holds a {type(content).__name__}")
    return content
