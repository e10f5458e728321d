"""Files whose shared `flock` says that a process works on something, until it ends.

A lock that its last process gives back is kept by it as a spare, and becomes its next one by being
renamed: making a file takes several times as long, on ext4 the longer the more were removed lately.

A file that is a link is not followed. Nothing here works on Windows, which has no `flock`. Paths
are texts: with pathlib a lock takes twice as long.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

SPARE_PREFIX: Final = ".spare-"
# Of the databases used last.
MOST_SPARES: Final = 8
SUPPORTED: Final = fcntl is not None

# Windows, which has no such flag, has no flock either.
_OPEN_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

# By folder: the path and the descriptor of this process's spare, which it holds.
_spares: dict[str, tuple[str, int]] = {}


def take(path: str, *, is_new: bool) -> int:
    """Hold a lock file until `give_back` or the end of the process.

    Args:
        path: The file, which is made where there is none.
        is_new: Nobody else can know of it.

    Returns:
        Its descriptor, open for writing.

    Raises:
        OSError: A read-only folder, or a file system without locks.
    """
    spare = _renamed_spare(path) if is_new else None
    return _shared_lock(path) if spare is None else spare


def give_back(path: str, descriptor: int) -> None:
    """Hold a lock file no longer; when the last one does, it is gone from there."""
    if not try_exclusive(descriptor):
        os.close(descriptor)
    elif _folder(path) in _spares or not _became_spare(path, descriptor):
        remove(path)
        os.close(descriptor)


def open_exclusive(path: str) -> int | None:
    """The descriptor of a lock file that nobody holds, to read and to keep others away."""
    # A pipe in a folder from elsewhere would wait for a writer.
    flags = os.O_NONBLOCK | _OPEN_FLAGS
    try:
        # NFS gives the exclusive lock to those only who may write.
        descriptor = os.open(path, flags | (os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY))
    except OSError:
        return None
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if is_file and try_exclusive(descriptor) and _is_at(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def is_held(path: str) -> bool:
    """Whether a process holds a lock file, this one included."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _OPEN_FLAGS)
    except OSError:
        return False
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return is_file and not try_exclusive(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove a lock file that is held exclusively, if this user may."""
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108


def remove_stale_spare(path: str) -> None:
    """Remove the spare of a process that has ended."""
    descriptor = open_exclusive(path)
    if descriptor is not None:
        remove(path)
        os.close(descriptor)


def try_exclusive(descriptor: int) -> bool:
    """Whether nobody else holds a lock file; if so, nobody else gets it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _shared_lock(path: str) -> int:
    while True:
        descriptor = _open_or_create(path)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)  # Removed or renamed between opening and locking: take the new file.


def _open_or_create(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | _OPEN_FLAGS
    try:
        return os.open(path, flags, 0o644)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        found = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _renamed_spare(path: str) -> int | None:
    spare, descriptor = _spares.pop(_folder(path), (None, -1))
    if spare is None:
        return None
    try:
        os.rename(spare, path)  # noqa: PTH104
        os.utime(descriptor)
    except OSError:  # Somebody removed it, with the folder perhaps.
        os.close(descriptor)
        return None
    return descriptor


def _became_spare(path: str, descriptor: int) -> bool:
    """Keep a lock that is held exclusively; whether it has left its place."""
    folder = _folder(path)
    spare = f"{folder}/{SPARE_PREFIX}{os.urandom(8).hex()}"
    try:
        if os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, 0)
        os.rename(path, spare)  # noqa: PTH104
        # Those who waited for the lock find that the file is no longer where it was.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        return False
    if _spares.setdefault(folder, (spare, descriptor))[1] != descriptor:
        remove(spare)
        os.close(descriptor)
    if len(_spares) > MOST_SPARES:
        _remove_spare(next(iter(_spares)))
    return True


def _forget_inherited() -> None:
    """A forked child must not keep its parent's locks; closing leaves them to the parent."""
    for _, descriptor in _spares.values():
        os.close(descriptor)
    _spares.clear()


def _remove_spare(folder: str) -> None:
    spare, descriptor = _spares.pop(folder, (None, -1))
    if spare is not None:
        remove(spare)
        os.close(descriptor)


def _remove_spares() -> None:
    for folder in list(_spares):
        _remove_spare(folder)


atexit.register(_remove_spares)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)
