"""Journal files: made, locked, appended to, read, removed.

They lie in `<database>-live/`. Its process holds an exclusive `flock` on each, which the operating
system releases when it ends, however it ends. The folder may have come with a database from
elsewhere: links are not followed, and nothing but regular files of the right name is opened.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import stat
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.exceptions import DatabaseError, DiskFullError
from tracker.journal.records import MAX_FRAME_BYTES, Reader, is_torn, pack_layout, pack_start

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracker.journal.records import PackRow
    from tracker.store.metrics import Point

SUPPORTED: Final = fcntl is not None
DAMAGED_SUFFIX: Final = ".damaged"
PIECE_BYTES: Final = MAX_FRAME_BYTES

_NAME: Final = re.compile(r"[0-9a-f]{16}\.journal")
# Windows, which has neither flag, has no flock either.
_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def live_folder(database_path: Path) -> Path:
    """The folder of a database's journals: beside the file itself where the path is a link."""
    return Path(f"{os.path.realpath(database_path)}-live")


def journal_paths(folder: Path) -> list[str]:
    """What is named like a journal in a folder that is not a link."""
    if not SUPPORTED or folder.is_symlink():
        return []
    try:
        names = os.listdir(folder)  # noqa: PTH208  Needs no `Path` for each.
    except OSError:
        return []
    return [f"{folder}/{name}" for name in sorted(names) if _NAME.fullmatch(name)]


class JournalFile:
    """A journal that this process writes.

    Args:
        folder: Where to make it; made too.
        runs: What the process works on, and since when in ms since the epoch.

    Raises:
        OSError: It cannot be made or locked.
    """

    def __init__(self, folder: Path, runs: Mapping[str, int]) -> None:
        self.reader = Reader()
        # By run and keys. Rows of another file have other layouts: they go where the file goes.
        self.layouts: dict[tuple[str, tuple[str, ...]], PackRow] = {}
        self._numbers = count()
        self.path, self._descriptor = _create_locked(folder)
        self._write(pack_start(f"process {os.getpid()} on {platform.node()}", runs))
        self.start_bytes = self.size()

    def append(self, frames: bytes) -> None:
        """Append whole frames, or nothing.

        Raises:
            DatabaseError: The disk is full, say.
        """
        try:
            self._write(frames)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFullError(
                    f"There is no room left on the disk of {self.path!r}: free some space."
                ) from error
            raise DatabaseError(
                f"The journal {self.path!r} cannot be written: {error.strerror}."
            ) from error

    def define(self, run_id: str, keys: tuple[str, ...]) -> bool:
        """Define a layout for rows of a run and some of its metrics; False where that is no row.

        Raises:
            DatabaseError: The disk is full, say.
        """
        packed = pack_layout(next(self._numbers), run_id, keys)
        if packed is not None:
            frame, pack_row = packed
            self.append(frame)
            self.layouts[run_id, keys] = pack_row
        return packed is not None

    def size(self) -> int:
        """How long it is in bytes. Not while another thread appends: it grows page by page."""
        return os.fstat(self._descriptor).st_size

    def is_removed(self) -> bool:
        """Whether it has no name any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    def read(self, end: int) -> bytes:
        """The next piece for the reader, which ends before `end` bytes."""
        return _read(self._descriptor, self.reader, end)

    def remove(self) -> None:
        """Remove the file and let go of the lock."""
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108
        self.close()

    def close(self) -> None:
        """Let go of the lock; what another process forked meanwhile holds, stays."""
        os.close(self._descriptor)

    def _write(self, frames: bytes) -> None:
        written = os.write(self._descriptor, frames)
        if written != len(frames):
            os.ftruncate(self._descriptor, self.size() - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)


class FoundJournal:
    """A journal of another process, or of one that has ended, to read.

    Args:
        path: The file.
        exclusive: Keep its process and every other reader out; for one that nobody holds.

    Raises:
        FileNotFoundError: It is gone.
        OSError: It is no regular file, or is held where it is to be had exclusively.
    """

    def __init__(self, path: str, *, exclusive: bool = False) -> None:
        self.path = path
        self.reader = Reader()
        # Without O_NONBLOCK, a pipe in a received folder would wait for a writer.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
        try:
            self._size = _size_of_regular(self._descriptor, path)
            self.is_held = not _locked(self._descriptor, exclusive=exclusive)
            if exclusive and (self.is_held or not _is_at(path, self._descriptor)):
                raise BlockingIOError(errno.EAGAIN, "a process holds it", path)
        except OSError:
            os.close(self._descriptor)
            raise

    def points(self) -> Iterator[list[Point]]:
        """All its points, a piece at a time."""
        position = -1
        while position != self.reader.position:
            position = self.reader.position
            yield self.reader.feed(_read(self._descriptor, self.reader, self._size))

    def read(self) -> Reader:
        """What it says but for the points."""
        for _ in self.points():
            pass
        return self.reader

    def dispose(self) -> None:
        """Remove the file after its points were read; rename it if more than a torn write is left.

        It stays where this user may not do that.
        """
        position = self.reader.position
        tail = os.pread(self._descriptor, PIECE_BYTES + 1, position)
        with suppress(OSError):
            if position == self._size or is_torn(tail, position):
                os.unlink(self.path)  # noqa: PTH108
            else:
                os.rename(self.path, f"{self.path}{DAMAGED_SUFFIX}")  # noqa: PTH104

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)


def write_abandoned(folder: Path, process: str, runs: Mapping[str, int]) -> None:
    """Leave a journal as a process does that worked on some runs and was killed.

    Args:
        folder: Where; made too.
        process: Who it was, for people.
        runs: What it worked on, and since when in ms since the epoch.
    """
    folder.mkdir(exist_ok=True)
    Path(_new_path(folder)).write_bytes(pack_start(process, runs))


def _create_locked(folder: Path) -> tuple[str, int]:
    """The path and the descriptor of a new file that this process holds."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "the folder is a link", str(folder))
    while True:
        path = _new_path(folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | _FLAGS, 0o644)
        try:
            if _locked(descriptor, exclusive=True) and _is_at(path, descriptor):
                return path, descriptor
        except OSError:
            os.close(descriptor)
            os.unlink(path)  # noqa: PTH108
            raise
        os.close(descriptor)  # Somebody took it for an abandoned one between the two.


def _new_path(folder: Path) -> str:
    return f"{folder}/{os.urandom(8).hex()}.journal"


def _locked(descriptor: int, *, exclusive: bool) -> bool:
    """Whether nobody holds the lock; it is kept where it is exclusive."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if not exclusive:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _size_of_regular(descriptor: int, path: str) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return status.st_size


def _is_at(path: str, descriptor: int) -> bool:
    try:
        found = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _read(descriptor: int, reader: Reader, end: int) -> bytes:
    return os.pread(descriptor, min(PIECE_BYTES, end - reader.position), reader.position)
