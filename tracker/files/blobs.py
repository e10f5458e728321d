"""Equal files stored once: blobs under their digest, hard-linked to the artifacts' names.

    <artifact root>/.blobs/<first two digits>/<sha256>

A blob is a file like any other with one more name, so its link count says whether a run still uses
it, and no lock, counter or database is needed. Writers race without harm: whoever links a digest
first has made the blob, and a blob that is deleted under a writer's hands is written again.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tracker.exceptions import UnsafePathError
from tracker.files.atomic import (
    NO_LINK,
    STORED,
    Publish,
    Staged,
    Stream,
    copy,
    digest_of,
    link_over,
    make_folder,
    open_regular,
    same_content,
    settle,
    staged,
    write_file,
)
from tracker.files.paths import BLOB_FOLDER, RUN_ROOT, is_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}")
# From this size on, looking for an equal blob first is cheaper than writing a copy to throw away.
_LARGE_BYTES = 8 << 20
_MAX_CANDIDATES = 4
# File systems keep times in steps of some milliseconds (two seconds on FAT).
_RACY_NS = 2_000_000_000


class _Stored(NamedTuple):
    """A file that this process stored, as it was then, and the blob made of it."""

    source: tuple[int, ...]
    blob: Path
    content: tuple[int, ...]


OnError: TypeAlias = "Callable[[OSError], object]"

_stored: dict[tuple[Path, int, int], _Stored] = {}


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored content. `links` counts all its names, its own included; `size` is in bytes."""

    path: Path
    digest: str
    size: int
    links: int
    inode: int


def blob_root(run_root: Path, boundary: Path) -> Path | None:
    """The folder whose runs share their blobs, or None where the layout is not ours.

    Args:
        run_root: `<artifact root>/<experiment_id>/<run_id>/artifacts`, or
            `<artifact location>/<run_id>/artifacts` for an experiment with a location of its own.
        boundary: Nothing above this folder is touched.
    """
    if not RUN_ROOT.fullmatch(run_root.as_posix()):
        return None
    experiment = run_root.parent.parent
    candidates = [experiment.parent] if experiment.name.isdecimal() else []
    return next((root for root in [*candidates, experiment] if is_inside(root, boundary)), None)


def _ignore(_: OSError) -> None:
    """What is called by default where a file cannot be read."""


class BlobStore:
    """The blobs of one artifact root.

    Args:
        root: The artifact root, every link resolved.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / BLOB_FOLDER

    @contextmanager
    def copied(self, source: Stream, target: Path) -> Iterator[Publish]:
        """Copies the source; calling what is yielded gives the copy the name `target`.

        The bytes are shared with any equal file; one that this process stored before has the name
        at once. The source is copied, never linked: its owner may go on writing to it.

        Raises:
            OSError: The source cannot be read or the target not written.
            UnsafePathError: The blob folder is a link.
        """
        state = _state(source)
        twin = _unchanged(self.folder, state) or self._twin(source)
        if twin is not None and link_over(twin, target):
            _remember(self.folder, state, twin)
            yield _nothing_left
            return
        with staged(self._made(self.folder), STORED) as new:
            digest = copy(source, new.file)

            def publish(is_settled: bool) -> None:  # noqa: FBT001
                blob = self._adopted(new, digest, is_settled=is_settled)
                if not link_over(blob, target):
                    _move(new, target)
                _remember(self.folder, state, blob)

            yield publish

    def discard(self, inodes: Collection[int]) -> int:
        """Deletes those of the named blobs that no artifact uses any more; bytes freed."""
        return sum(self._delete(blob) for blob in self if blob.inode in inodes and blob.links == 1)

    def unreferenced(self) -> Iterator[Blob]:
        """The blobs that no artifact uses."""
        return (blob for blob in self if blob.links == 1)

    def delete_unreferenced(self) -> int:
        """Deletes the blobs that no artifact uses; bytes freed."""
        return sum(self._delete(blob) for blob in self.unreferenced())

    def damaged(self, on_error: OnError = _ignore) -> Iterator[Blob]:
        """The blobs whose bytes no longer match their digest. Reads everything.

        Args:
            on_error: Called for each folder or file that cannot be read.
        """
        for blob in self.each(on_error):
            try:
                with open_regular(blob.path) as file:
                    is_damaged = digest_of(file) != blob.digest
            except FileNotFoundError:
                continue
            except OSError as error:
                on_error(error)
                continue
            if is_damaged:
                yield blob

    def __iter__(self) -> Iterator[Blob]:
        """All blobs that can be read; foreign files and links are passed over."""
        return self.each()

    def each(self, on_error: OnError = _ignore) -> Iterator[Blob]:
        """All blobs; `on_error` is called for each folder that cannot be read."""
        for folder in _entries(self.folder, on_error):
            for path in _entries(folder, on_error):
                try:
                    blob = _blob_at(path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    on_error(error)
                    continue
                if blob:
                    yield blob

    def _delete(self, blob: Blob) -> int:
        blob.path.unlink(missing_ok=True)
        return blob.size

    def _twin(self, source: Stream) -> Path | None:
        """A large blob with the same bytes as the source, found without hashing."""
        size = source.seek(0, os.SEEK_END)
        if size < _LARGE_BYTES:
            return None
        candidates = islice((blob.path for blob in self if blob.size == size), _MAX_CANDIDATES)
        with suppress(FileNotFoundError):
            return next((path for path in candidates if same_content(source, path)), None)
        return None

    def _adopted(self, new: Staged, digest: str, *, is_settled: bool) -> Path:
        """Gives a new file its digest's name; the file to link to, older and equal or new."""
        blob = self._made(self.folder / digest[:2]) / digest
        if blob.exists() and _holds(blob, new.file):
            return blob
        if not is_settled:
            settle(new.file)
        try:
            os.link(new.path, blob)
        except FileExistsError:
            if _holds(blob, new.file):
                return blob
            with suppress(PermissionError):
                return blob if link_over(new.path, blob) else new.path
            return new.path
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            return new.path
        return blob

    def _made(self, folder: Path) -> Path:
        make_folder(folder)
        if folder.is_symlink():
            raise UnsafePathError(f"unsafe blob folder {str(folder)!r}: it is a link; remove it")
        return folder


def _nothing_left(_: bool) -> None:  # noqa: FBT001
    """What is left to do for a file that has its name already."""


def _state(source: Stream) -> os.stat_result | None:
    """What tells a file of the disk from any other and from its own earlier content."""
    try:
        return os.fstat(source.fileno())
    except OSError:  # Bytes in memory.
        return None


def _remember(folder: Path, state: os.stat_result | None, blob: Path) -> None:
    """Notes what a source holds, unless it was written so lately that a change might not show."""
    if state is None or time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) < _RACY_NS:
        return
    with suppress(OSError):
        _stored[folder, state.st_dev, state.st_ino] = _Stored(
            _source(state), blob, _content(blob.stat())
        )


def _unchanged(folder: Path, state: os.stat_result | None) -> Path | None:
    """The blob that this process made of a source, if neither has been written since."""
    known = state and _stored.get((folder, state.st_dev, state.st_ino))
    if not state or not known:
        return None
    with suppress(OSError):
        if known.source == _source(state) and known.content == _content(known.blob.stat()):
            return known.blob
    return None


def _source(state: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written; its owner can set back the second time only."""
    return state.st_size, state.st_ctime_ns, state.st_mtime_ns


def _content(state: os.stat_result) -> tuple[int, ...]:
    """What changes when a blob is written; a new link changes the time of the last change."""
    return state.st_ino, state.st_size, state.st_mtime_ns


def _holds(blob: Path, source: Stream) -> bool:
    """Whether a blob is a file with the bytes of the source; a link or a damaged one is not."""
    with suppress(OSError):
        return same_content(source, blob)
    return False


def _move(new: Staged, target: Path) -> None:
    try:
        new.path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_file(new.file, target)


def _blob_at(path: Path) -> Blob | None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or not _DIGEST.fullmatch(path.name):
        return None
    return Blob(path, path.name, status.st_size, status.st_nlink, status.st_ino)


def _entries(folder: Path, on_error: OnError) -> list[Path]:
    """A folder's entries in order; none where it is missing, a file, a link or unreadable."""
    try:
        if folder.is_symlink() or not folder.is_dir():
            return []
        return sorted(folder.iterdir())
    except OSError as error:
        on_error(error)
        return []
