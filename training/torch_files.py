"""Files of tensors and plain values: written from equal content as equal bytes, read safely."""

from __future__ import annotations

import errno
import io
import os
import pickle
import struct
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


# What an unpickler raises for bytes that are no pickle depends on the bytes.
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
    """The content of a file.

    Through memory, because torch would make the name of a file part of its bytes.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def load(path: Path) -> dict[str, Any]:
    """What `path` holds, on the CPU; nothing in the file is executed.

    Raises:
        UnreadableFileError: The file holds anything but a dictionary of tensors and plain values.
        OSError: The file cannot be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:  # torch's own words are advice to its developers
        raise UnreadableFileError("torch cannot read it") from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a damaged file may send its reader to before its start
            raise UnreadableFileError("torch cannot read it") from error
        raise
    if not isinstance(content, dict):
        raise UnreadableFileError(f"it holds a {type(content).__name__}")
    return content


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends without an error.

    Raises:
        OSError: The folder cannot be written or the disk is full; `path` is untouched.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
