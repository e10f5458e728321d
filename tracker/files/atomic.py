"""Files that appear under their name whole or not at all, and stay."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tracker.files.paths import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform != "win32":
    import fcntl

Stream: TypeAlias = io.RawIOBase | io.BufferedIOBase
# Gives a copy its name; True says that its bytes are on stable storage already.
Publish: TypeAlias = Callable[[bool], None]

BLOCK_BYTES = 1 << 20
WRITABLE = 0o666
# Windows refuses to replace or delete a read-only file.
STORED = WRITABLE if os.name == "nt" else 0o444

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
# linux/fs.h: let the target share the source's blocks until one of them is changed.
_FICLONE = 0x40049409
NO_LINK = {errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS}


@dataclass(frozen=True, slots=True)
class Staged:
    """A temporary file, open for reading and writing."""

    path: Path
    file: Stream


def temporary_name(folder: Path) -> Path:
    """A name in this folder that nobody else uses and that `leftovers` recognises."""
    return folder / f"{TEMPORARY_PREFIX}{os.getpid()}-{os.urandom(8).hex()}"


@contextmanager
def staged(folder: Path, mode: int) -> Iterator[Staged]:
    """A new file under a temporary name, which is gone at the end.

    Args:
        folder: Where to put it: on the file system of the final name.
        mode: Permissions before the umask.
    """
    path = temporary_name(folder)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | _BINARY
    try:
        with os.fdopen(os.open(path, flags, mode), "w+b") as file:
            yield Staged(path, file)
    finally:
        path.unlink(missing_ok=True)


def open_regular(path: str | os.PathLike[str], *, follow: bool = False) -> Stream:
    """A regular file for reading; a pipe or a device is refused instead of waited for.

    Args:
        path: The file.
        follow: Whether the last segment may be a link.

    Raises:
        OSError: It cannot be opened, or it is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY | (0 if follow else _NO_FOLLOW)
    descriptor = os.open(path, flags)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return io.FileIO(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def blocks(source: Stream) -> Iterator[memoryview]:
    """What is left to read, one block after the other in one buffer."""
    buffer = memoryview(bytearray(BLOCK_BYTES))
    while count := source.readinto(buffer):
        yield buffer[:count]


def digest_of(source: Stream) -> str:
    """SHA-256 of what is left to read, in hexadecimal."""
    digest = hashlib.sha256()
    for block in blocks(source):
        digest.update(block)
    return digest.hexdigest()


def copy(source: Stream, target: Stream) -> str:
    """Copies from the start of the source; SHA-256 of what was written. See `settle`."""
    source.seek(0)
    if _reflinked(source, target):
        # The copy is hashed, not the source: somebody may go on writing to that one.
        digest_text = digest_of(target)
    else:
        digest = hashlib.sha256()
        for block in blocks(source):
            target.write(block)
            digest.update(block)
        digest_text = digest.hexdigest()
    target.flush()
    _start_writing(target)
    return digest_text


def _start_writing(file: Stream) -> None:
    """Lets the disk begin with a small file, so that several are settled in half the time.

    The advice that its pages are not needed is what makes Linux write them (mm/fadvise.c); of a
    large file it would drop what was written already, and readers would fetch it back.
    """
    if hasattr(os, "posix_fadvise") and os.fstat(file.fileno()).st_size <= BLOCK_BYTES:
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def settle(file: Stream) -> None:
    """Waits until a copy is on stable storage."""
    os.fsync(file.fileno())


def settle_all(folder: Path) -> bool:
    """Waits until all that was written to a folder's file system is on stable storage.

    For a hundred small files it takes hardly longer than `settle` for one.

    Returns:
        False where the platform has no call for it.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415  Python has no syncfs of its own.

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    except AttributeError:  # A C library without it.
        return False
    finally:
        os.close(descriptor)


def _reflinked(source: Stream, target: Stream) -> bool:
    if sys.platform != "linux":
        return False
    with suppress(OSError):
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        return True
    return False


def same_content(source: Stream, path: Path) -> bool:
    """Whether a stored file holds exactly the bytes of the source, read from its start.

    Reading both costs a sixth of hashing one (18 against 114 ms for 188 MB), and ends at the first
    difference.
    """
    source.seek(0)
    with open_regular(path) as stored:
        while block := source.read(BLOCK_BYTES):
            if stored.read(len(block)) != block:
                return False
        return not stored.read(1)


def make_folder(folder: Path) -> None:
    """Creates a folder and its parents."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()


def link_over(existing: Path, target: Path) -> bool:
    """Makes `target` a second name of an existing file, replacing what was there in one step.

    Returns:
        False where the two cannot be one file: another file system, too many links, a file system
        without links, or an `existing` that has just been deleted.
    """
    try:
        with suppress(FileExistsError):
            os.link(existing, target)
            return True
        name = temporary_name(target.parent)
        try:
            os.link(existing, name)
            name.replace(target)
        finally:
            # Renaming one name of a file to another name of the same file does nothing at all.
            name.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in NO_LINK:
            return False
        raise
    return True


@contextmanager
def copied(source: Stream, target: Path, mode: int = STORED) -> Iterator[Publish]:
    """A copy of the source that nobody sees until what is yielded is called.

    It then has the name `target`, replacing what was there in one step.
    """
    with staged(target.parent, mode) as new:
        copy(source, new.file)

        def publish(is_settled: bool) -> None:  # noqa: FBT001
            if not is_settled:
                settle(new.file)
            new.path.replace(target)

        yield publish


def write_file(source: Stream, target: Path, mode: int = STORED) -> None:
    """A copy of the source under the name `target`, replacing what was there in one step."""
    with copied(source, target, mode) as publish:
        publish(False)  # noqa: FBT003


def leftovers(folder: Path, older_than_seconds: float, now: float | None = None) -> Iterator[Path]:
    """Temporary files below a folder that a killed process left behind.

    Args:
        folder: Walked with all its subfolders; links are not followed.
        older_than_seconds: Younger ones may belong to a process at work.
        now: Seconds since the epoch; the clock's by default.
    """
    limit = (time.time() if now is None else now) - older_than_seconds
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):  # Gone by now, or in a folder that may not be entered.
                # Linking and writing both move the change time; the modification time of a link
                # is that of the old file.
                if name.startswith(TEMPORARY_PREFIX) and path.lstat().st_ctime <= limit:
                    yield path
