"""Temporary folders that go away, at the latest when the next one is made."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.files.store import explained

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "tracker-scratch-"
_LOCK: Final = ".lock"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that is removed at the end of the block.

    A process that is killed cannot remove its own. The operating system has then released the
    lock on a file in it, and whoever makes the next scratch folder removes the old one.

    Raises:
        ArtifactError: It cannot be created.
    """
    _remove_abandoned()
    with explained("make a temporary folder"):
        created = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with created as name, (Path(name) / _LOCK).open("wb") as lock:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # A file system without locks.
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _remove_abandoned() -> None:
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # Of another user, or gone by now.
            if folder.lstat().st_uid == os.getuid() and _is_abandoned(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
