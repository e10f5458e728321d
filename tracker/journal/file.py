"""Journal files: made, locked, appended to, read, removed.

They lie in `<database>-live/`. Its process holds an exclusive `flock` on each, which the operating
system releases when it ends, however it ends. The folder may have come with a database from
elsewhere: links are not followed, and nothing but regular files of the right name is opened.
"""

from __future__ import annotations

import errno
import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.exceptions import DatabaseError, DiskFullError
from tracker.journal.records import MAX_FRAME_BYTES, Reader, is_torn

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.store.metrics import Point

SUPPORTED: Final = fcntl is not None
_DAMAGED_SUFFIX: Final = ".damaged"
PIECE_BYTES: Final = MAX_FRAME_BYTES

_NAME: Final = re.compile(r"[0-9a-f]{16}\.journal")
# Windows, which has neither flag, has no flock either.
_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
# To lock a new file before somebody takes it for an abandoned one.
_TRIES: Final = 10


def live_folder(database_path: Path) -> Path:
    """The folder of a database's journals: beside the file itself where the path is a link."""
    return Path(f"{os.path.realpath(database_path)}-live")


def journal_paths(folder: Path) -> Iterator[str]:
    """The journals in a folder that is no link, those included that come meanwhile."""
    seen: set[str] = set()
    while paths := _journal_paths(folder) - seen:
        seen |= paths
        yield from sorted(paths)


def damaged_paths(folder: Path) -> list[str]:
    """What was set aside in a folder that is no link."""
    if folder.is_symlink():
        return []
    return sorted(map(str, folder.glob(f"*{_DAMAGED_SUFFIX}")))


def write_abandoned(folder: Path, start: bytes) -> None:
    """Leave a journal as a process does that was killed.

    Args:
        folder: Where; made too.
        start: See `pack_start`.
    """
    folder.mkdir(exist_ok=True)
    Path(_new_path(folder)).write_bytes(start)


class JournalFile:
    """A journal that this process has open.

    Args:
        path: The file.
        flags: How to open it (default: to read).

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str, flags: int = os.O_RDONLY) -> None:
        self.path = path
        self.reader = Reader()
        self._descriptor = os.open(path, flags | _FLAGS, 0o644)

    @classmethod
    def create(cls, folder: Path, start: bytes) -> JournalFile:
        """A new one, locked, for this process to write.

        Raises:
            OSError: It cannot be made or locked.
            DatabaseError: The disk is full, say.
        """
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "the folder is a link", str(folder))
        for _ in range(_TRIES):
            file = cls(_new_path(folder), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
            try:
                if file.is_free(keep=True) and not file.is_removed():
                    file.append(start)
                    return file
            except DatabaseError:
                file.remove()
                raise
            file.remove()
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(folder))

    def append(self, frames: bytes) -> None:
        """Append whole frames, or nothing.

        Raises:
            DatabaseError: The disk is full, say.
        """
        try:
            written = os.write(self._descriptor, frames)
            if written != len(frames):
                os.ftruncate(self._descriptor, self.size() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFullError(
                    f"There is no room left on the disk of {self.path!r}: free some space."
                ) from error
            raise DatabaseError(
                f"The journal {self.path!r} cannot be written: {error.strerror}."
            ) from error

    def size(self) -> int:
        """How long it is in bytes. Not while another thread appends: it grows page by page."""
        return os.fstat(self._descriptor).st_size

    def is_removed(self) -> bool:
        """Whether it has no name any more."""
        return os.fstat(self._descriptor).st_nlink == 0

    def points(self, end: int | None = None) -> Iterator[list[Point]]:
        """The points that were not read yet, a piece at a time.

        A piece counts as read when the next one is asked for: what fails meanwhile comes again.

        Args:
            end: How many bytes of the file to read (default: all).
        """
        end, length = self.size() if end is None else end, 1
        while length and (start := self.reader.position) < end:
            piece = os.pread(self._descriptor, min(PIECE_BYTES, end - start), start)
            points, length = self.reader.feed(piece)
            if points:
                yield points
            self.reader.position += length

    def read(self) -> Reader:
        """What it says but for the points."""
        deque(self.points(), 0)
        return self.reader

    def dispose(self) -> None:
        """Remove the file after its points were read; rename it if more than a torn write is left.

        It stays where this user may not do that.
        """
        position = self.reader.position
        with suppress(OSError):
            if is_torn(os.pread(self._descriptor, PIECE_BYTES + 1, position), position):
                os.unlink(self.path)  # noqa: PTH108
            else:
                os.rename(self.path, f"{self.path}{_DAMAGED_SUFFIX}")  # noqa: PTH104

    def remove(self) -> None:
        """Remove the file and let go of the lock."""
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108
        self.close()

    def close(self) -> None:
        """Let go of the lock; what another process forked meanwhile holds, stays."""
        os.close(self._descriptor)

    def is_free(self, *, keep: bool = False) -> bool:
        """Whether no process holds it; this one does from now on where it is to `keep` it."""
        mode = fcntl.LOCK_EX if keep else fcntl.LOCK_SH
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except OSError:
            return False
        if not keep:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True


def _new_path(folder: Path) -> str:
    return f"{folder}/{os.urandom(8).hex()}.journal"


def _journal_paths(folder: Path) -> set[str]:
    if not SUPPORTED or folder.is_symlink():
        return set()
    with suppress(OSError), os.scandir(folder) as entries:
        named = [entry for entry in entries if _NAME.fullmatch(entry.name)]
        return {entry.path for entry in named if entry.is_file(follow_symlinks=False)}
    return set()
