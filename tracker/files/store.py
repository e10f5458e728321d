"""What can be done with the files of one run, wherever they lie."""

from __future__ import annotations

import errno
import io
import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from tracker.entities import FileInfo
from tracker.exceptions import (
    ArtifactError,
    InvalidValueError,
    MissingFileError,
    NotFoundError,
    TrackerError,
    UnsafePathError,
)
from tracker.files.atomic import (
    WRITABLE,
    Publish,
    Stream,
    make_folder,
    open_regular,
    write_file,
)
from tracker.files.paths import safe_path
from tracker.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

PathLike: TypeAlias = str | os.PathLike[str]
FileInfos: TypeAlias = list[FileInfo]

_REASONS = {
    errno.ENOSPC: "no room is left on the disk; free some and try again",
    errno.EDQUOT: "the disk quota is used up; free some room and try again",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "there is no such file",
    errno.EISDIR: "there is a folder of this name",
    errno.EEXIST: "there is a file where a folder is needed",
    errno.ENOTDIR: "there is a file where a folder is needed",
    errno.ELOOP: "it is a link, or one of its folders is",
    errno.EMFILE: "this process has too many files open",
    errno.ENFILE: "too many files are open on this machine",
    errno.EIO: "the disk reports an error",
    errno.ENAMETOOLONG: "its name is too long",
}
# From this number on, settling a whole file system takes less time than one file after the other.
_MANY = 8
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Says in one sentence what the operating system refused.

    Args:
        action: What is tried, such as "log 'model.pt'".

    Raises:
        ArtifactError: The operating system refused.
    """
    try:
        yield
    except MissingFileError:
        raise
    except OSError as error:
        place = str(error.filename or "")
        shown = f" ({place!r})" if place and repr(place) not in action else ""
        kind = MissingFileError if error.errno == errno.ENOENT else ArtifactError
        raise kind(f"cannot {action}: {reason_of(error)}{shown}") from error


def reason_of(error: OSError) -> str:
    """What the operating system refused, in words."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


def is_about_the_disk(error: BaseException) -> bool:
    """Whether an error says that nothing more can be written, rather than that one file cannot."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _DISK_ERRORS


def joined(folder: str | None, name: str) -> str:
    """The safe path of a name in an artifact folder; None and "" are the run's root.

    Raises:
        UnsafePathError: The folder or the name breaks a rule of artifact names.
    """
    return safe_path(f"{safe_path(folder)}/{safe_path(name)}") if folder else safe_path(name)


def _given(local_path: PathLike) -> Path:
    """A path of the user's; an empty one would be the working directory with all it holds.

    Raises:
        InvalidValueError: It is empty.
    """
    if not os.fspath(local_path):
        raise InvalidValueError(
            "The path of what is to be logged is empty: name a file or a folder, '.' for the "
            "working directory."
        )
    return Path(local_path)


def _opened(files: Iterable[tuple[Path, str]]) -> Iterator[tuple[str, Stream]]:
    """Each file under its artifact name, open until the next one is asked for."""
    for source, name in files:
        with explained(f"log {str(source)!r}"):
            file = open_regular(source, follow=True)
        with file:
            yield name, file


class ArtifactStore(ABC):
    """The files of one run. Paths are relative to the run's root, POSIX style.

    Every method raises UnsafePathError for a path that leaves the run and ArtifactError, in one
    sentence, where the operating system refuses. Writing replaces an older file of the same name
    in one step: a reader or a crash finds the old one or the new one, whole.
    """

    _batch_size = 128  # Each copy of a batch is held open.

    def log_file(self, local_path: PathLike, artifact_path: str | None = None) -> None:
        """Stores a file, or a folder with all its files, under its own name.

        Args:
            local_path: The file; it is copied, and may be changed or deleted afterwards.
            artifact_path: The folder to put it in; the run's root by default.
        """
        source = _given(local_path)
        # Path.resolve would follow links: a link is logged under its own name.
        name = joined(artifact_path, Path(os.path.abspath(source)).name)  # noqa: PTH100
        if source.is_dir():
            self.log_folder(source, name)
        else:
            self._log_all(_opened([(source, name)]))

    def log_folder(self, local_dir: PathLike, artifact_path: str | None = None) -> None:
        """Stores everything in a folder; nothing is stored if one name in it is unsafe.

        Links are followed. Empty folders are kept where the storage has folders.
        """
        folder = safe_path(artifact_path) if artifact_path else None
        with explained(f"log {os.fspath(local_dir)!r}"):
            files, empty = files_to_upload(_given(local_dir))
        named = [(source, joined(folder, name)) for source, name in files]
        for name in empty:
            self._make_folder(joined(folder, name))
        self._log_all(_opened(named))

    def log_files(self, local_paths: Iterable[PathLike], artifact_path: str | None = None) -> None:
        """Stores several files under their own names in one folder; faster than one by one."""
        paths = [_given(path) for path in local_paths]
        self._log_all(_opened([(path, joined(artifact_path, path.name)) for path in paths]))

    def log_bytes(self, data: bytes, artifact_file: str) -> None:
        """Stores these bytes under this path."""
        self.log_contents({artifact_file: data})

    def log_contents(self, contents: Mapping[str, bytes]) -> None:
        """Stores several contents, each under its path; faster than one by one."""
        named = [(safe_path(name), io.BytesIO(data)) for name, data in contents.items()]
        self._log_all(iter(named))

    def log_stream(self, source: Stream, artifact_file: str) -> None:
        """Stores the whole of a seekable stream under this path."""
        self._log_all(iter([(safe_path(artifact_file), source)]))

    def _log_all(self, sources: Iterator[tuple[str, Stream]]) -> None:
        """Stores streams under safe names, a batch at a time.

        The disk works on a whole batch while the first of its files is waited for.
        """
        while self._log_batch(islice(sources, self._batch_size)):
            pass

    def _log_batch(self, sources: Iterable[tuple[str, Stream]]) -> int:
        """Copies some streams, then gives each copy its name; their number."""
        with ExitStack() as copies:
            waiting = []
            for name, source in sources:
                with explained(f"log {name!r}"):
                    waiting.append((name, copies.enter_context(self._copied(source, name))))
            is_settled = len(waiting) >= _MANY and self._settled()
            for name, publish in waiting:
                with explained(f"log {name!r}"):
                    publish(is_settled)
        return len(waiting)

    def _settled(self) -> bool:
        """Wait once until all copies are on stable storage; False where it must be file by file."""
        return False

    def walk(
        self, path: str | None = None, on_error: Callable[[TrackerError], object] | None = None
    ) -> Iterator[FileInfo]:
        """All files below a folder, sorted; the file itself for a file.

        Args:
            path: The folder or file; the run's root by default.
            on_error: Called for each folder that cannot be listed; the rest is walked all the same.
                By default the error is raised.
        """
        try:
            own, entries = self._file_info(path), self.list(path)
        except TrackerError as error:
            if on_error is None:
                raise
            on_error(error)
            return
        if own:
            yield own
        for info in entries:
            if info.is_dir:
                yield from self.walk(info.path, on_error)
            else:
                yield info

    def download(self, path: str | None = None, dst_path: PathLike | None = None) -> Path:
        """`local_path`, or a copy below `dst_path`, under the last part of the path's name.

        Raises:
            NotFoundError: There is no such file or folder.
        """
        if dst_path is None:
            return self.local_path(path)
        target = Path(dst_path, path.rpartition("/")[2] if path else "")
        self.copy_to(path, target)
        return target

    def copy_to(self, path: str | None, target: Path) -> None:
        """Copies a file to `target`, or everything in a folder into the folder `target`.

        Raises:
            NotFoundError: There is no such file or folder.
        """
        if self._file_info(path):
            self._copy_out(str(path), target)
            return
        entries = self.list(path)
        if not entries:
            if not self._has_empty_folder(path):
                raise self._not_found(path)
            with explained(f"create {str(target)!r}"):
                make_folder(target)
        for info in entries:
            self.copy_to(info.path, target / info.path.rpartition("/")[2])

    def _copy_out(self, path: str, target: Path) -> None:
        with explained(f"download {path!r} to {str(target)!r}"), self.open(path) as source:
            make_folder(target.parent)
            write_file(source, target, WRITABLE)

    def export_zip(self, target: BinaryIO, path: str | None = None) -> None:
        """Writes the files below `path` as a zip archive; the target need not be seekable.

        Raises:
            NotFoundError: There is no such file or folder.
        """
        from tracker.files.archives import export_zip  # noqa: PLC0415

        files = list(self.walk(path))
        if path and not files:
            raise self._not_found(path)
        export_zip(self, files, target)

    @abstractmethod
    def list(self, path: str | None = None) -> FileInfos:
        """The entries of a folder, one level deep, sorted; none for a file or a missing folder."""

    @abstractmethod
    def open(self, path: str) -> io.BufferedIOBase:
        """A stored file for reading.

        Raises:
            NotFoundError: There is no such file.
        """

    @abstractmethod
    def local_path(self, path: str | None = None) -> Path:
        """Where a file or folder, by default the root, can be read (not written) on this machine.

        Raises:
            NotFoundError: There is no such file or folder.
        """

    def _has_empty_folder(self, path: str | None) -> bool:
        """Whether there is a folder without entries; not where the storage has no folders."""
        del path
        return False

    def _make_folder(self, name: str) -> bool:
        """Creates an empty folder; False where the storage has no folders."""
        del name
        return False

    @abstractmethod
    def delete(self) -> int:
        """Deletes all files of the run; bytes freed."""

    @abstractmethod
    def _copied(self, source: Stream, name: str) -> AbstractContextManager[Publish]:
        """Copies a stream from its start; calling what it yields gives the copy a safe name."""

    @abstractmethod
    def _file_info(self, path: str | None) -> FileInfo | None:
        """What is known of a stored file; None where this is no file."""

    def _not_found(self, path: str | None) -> NotFoundError:
        if not path:
            return NotFoundError("the run has no artifacts")
        hint = did_you_mean(path, [info.path for info in self.walk()])
        return NotFoundError(f"the run has no artifact {path!r}{hint}")


def files_to_upload(folder: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Every file below a folder with its artifact name, sorted; and the names of empty folders.

    Links are followed, also out of the folder: it is the user's own.

    Raises:
        MissingFileError: There is no such folder, or a link leads to nothing.
        ArtifactError: It is not a folder.
        UnsafePathError: A link leads round in a circle, or a name breaks a rule of artifact names.
    """
    if not folder.exists():
        raise MissingFileError(f"cannot log {str(folder)!r}: there is no such folder")
    if not folder.is_dir():
        raise ArtifactError(f"cannot log {str(folder)!r}: it is not a folder")
    found = sorted(_entries_below(os.fspath(folder), "", (os.path.realpath(folder),)))
    files = [(Path(path), safe_path(name)) for name, path, is_file in found if is_file]
    return files, [safe_path(name) for name, _, is_file in found if not is_file]


def _entries_below(
    folder: str, prefix: str, above: tuple[str, ...]
) -> Iterator[tuple[str, str, bool]]:
    """Name, path, and whether it is a file, of the files and the empty folders below a folder.

    Args:
        folder: Where to look.
        prefix: What comes before its entries in their names.
        above: The real paths of the folders down to it.
    """
    with os.scandir(folder) as entries:
        found = list(entries)
    if not found and prefix:
        yield prefix.removesuffix("/"), folder, False
    for entry in found:
        name = f"{prefix}{entry.name}"
        if not entry.is_dir():
            yield name, entry.path, True
            continue
        real = os.path.realpath(entry.path)
        if real in above:
            raise UnsafePathError(f"cannot log {entry.path!r}: the link leads round in a circle")
        yield from _entries_below(entry.path, f"{name}/", (*above, real))
