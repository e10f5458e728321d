"""The files of one run on a disk of this machine."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.entities import FileInfo
from tracker.exceptions import UnsafePathError
from tracker.files.atomic import Publish, Stream, copied, make_folder, open_regular, settle_all
from tracker.files.paths import check_run_root, resolve_inside
from tracker.files.store import ArtifactStore, FileInfos, explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from tracker.files.blobs import BlobStore


class LocalArtifacts(ArtifactStore):
    """The files of one run below a folder.

    Args:
        root: The run's root, every link resolved; it is made when the first file is written.
        blobs: Where equal files of several runs are shared; None for plain copies.
    """

    def __init__(self, root: Path, blobs: BlobStore | None = None) -> None:
        self.root = root
        self.blobs = blobs
        # By their artifact path: the folders that were made, or found, for the files of a batch.
        self._folders: dict[str, Path] = {}

    def list(self, path: str | None = None) -> FileInfos:
        """The entries of a folder, one level deep, sorted; none for a file or a missing folder.

        Links that lead out, links to folders (they could lead round in a circle) and names that
        could not be read back are left out.
        """
        folder = resolve_inside(self.root, path or None)
        prefix = f"{path}/" if path else ""
        with explained(f"list {path or str(self.root)!r}"):
            if not folder.is_dir():
                return []
            infos = [self._entry(prefix + entry.name) for entry in folder.iterdir()]
        return sorted((info for info in infos if info), key=lambda info: info.path)

    def _entry(self, path: str) -> FileInfo | None:
        try:
            if info := self._file_info(path):
                return info
        except UnsafePathError:
            return None
        is_folder = (self.root / path).is_dir() and not (self.root / path).is_symlink()
        return FileInfo(path, is_dir=True) if is_folder else None

    def open(self, path: str) -> io.BufferedIOBase:
        """A stored file for reading."""
        found = self.local_path(path)
        with explained(f"read {path!r}"):
            return io.BufferedReader(open_regular(found))

    def local_path(self, path: str | None = None) -> Path:
        """Where a stored file or folder lies. It is read-only: other runs may share it."""
        found = resolve_inside(self.root, path or None)
        with explained(f"read {path or str(self.root)!r}"):
            exists = found.exists()
        if not exists:
            raise self._not_found(path)
        return found

    def delete(self) -> int:
        """Deletes all files of the run and the blobs that no other run uses; bytes freed."""
        check_run_root(self.root.as_posix())
        resolve_inside(self.root, None)
        inodes: set[int] = set()
        with explained(f"delete {str(self.root)!r}"):
            freed = sum(_unlink(path, inodes) for path in _names_below(self.root))
            for folder, _, _ in os.walk(self.root, topdown=False):
                with suppress(FileNotFoundError):  # Another process may be deleting, too.
                    Path(folder).rmdir()
            with suppress(OSError):
                self.root.parent.rmdir()
            return freed + (self.blobs.discard(inodes) if self.blobs else 0)

    def _has_empty_folder(self, path: str | None) -> bool:
        return bool(path) and resolve_inside(self.root, path).is_dir()

    def _make_folder(self, name: str) -> bool:
        with explained(f"create {name!r}"):
            self._made_folder(name)
        return True

    def _copied(self, source: Stream, name: str) -> AbstractContextManager[Publish]:
        target = self._target(name)
        return copied(source, target) if self.blobs is None else self.blobs.copied(source, target)

    def _settled(self) -> bool:
        return settle_all(self.root)

    def _log_batch(self, sources: Iterable[tuple[str, Stream]]) -> int:
        self._folders.clear()
        return super()._log_batch(sources)

    def _target(self, name: str) -> Path:
        """The path to write to."""
        above, _, last = name.rpartition("/")
        folder = self._folders.get(above)
        if folder is None:
            folder = self._folders[above] = self._made_folder(above)
        target = folder / last
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        return target

    def _made_folder(self, path: str) -> Path:
        """A folder, made step by step, so that no link leads out."""
        make_folder(resolve_inside(self.root, None))
        folder = self.root
        segments = path.split("/") if path else []
        for depth, segment in enumerate(segments, 1):
            folder = folder / segment
            if folder.is_symlink():
                folder = resolve_inside(self.root, "/".join(segments[:depth]))
            make_folder(folder)
        return folder

    def _file_info(self, path: str | None) -> FileInfo | None:
        if not path:
            return None
        found = resolve_inside(self.root, path)
        with explained(f"read {path!r}"):
            if not found.is_file():
                return None
            return FileInfo(path, is_dir=False, file_size=found.stat().st_size)


def _names_below(root: Path) -> list[Path]:
    """Everything below a folder that is no folder itself; links to folders are not followed."""
    return [
        Path(parent, name)
        for parent, folders, files in os.walk(root)
        for name in [*folders, *files]
        if name in files or Path(parent, name).is_symlink()
    ]


def _unlink(path: Path, inodes: set[int]) -> int:
    """Removes one name of a file and notes its inode; bytes freed, 0 if it has other names."""
    try:
        status = path.lstat()
        path.unlink()
    except FileNotFoundError:  # Another process may be deleting, too.
        return 0
    inodes.add(status.st_ino)
    return status.st_size if status.st_nlink == 1 else 0
