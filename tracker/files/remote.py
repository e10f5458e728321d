"""The files of one run in a bucket or on another machine, by fsspec."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tracker.entities import FileInfo
from tracker.exceptions import ArtifactError, UnsafePathError
from tracker.files.atomic import Publish, Stream, blocks, temporary_name
from tracker.files.paths import check_run_root, safe_path
from tracker.files.store import ArtifactStore, FileInfos, explained

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


def open_remote(artifact_uri: str, *, publishes_whole: bool) -> RemoteArtifacts:
    """The files of a run at a URL that was checked. Credentials are fsspec's business.

    Args:
        artifact_uri: As it stands in the database.
        publishes_whole: Whether a file appears there only when its upload is complete.

    Raises:
        UnsafePathError: The URL leads to local files.
        ArtifactError: fsspec, or the package it needs for this scheme, is missing.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415
    except ImportError as error:
        raise ArtifactError(
            f"cannot open {artifact_uri!r}: fsspec is missing; run "
            '`pip install "ml-tracker[remote]"`'
        ) from error
    try:
        filesystem, root = url_to_fs(artifact_uri)
    except (ImportError, ValueError) as error:
        raise ArtifactError(f"cannot open {artifact_uri!r}: {error}") from error
    if "file" in filesystem.protocol:
        raise UnsafePathError(f"unsafe artifact URI {artifact_uri!r}: it leads to local files")
    return RemoteArtifacts(filesystem, root, publishes_whole=publishes_whole)


class RemoteArtifacts(ArtifactStore):
    """The files of one run below a folder of an fsspec file system.

    Args:
        filesystem: An `fsspec.AbstractFileSystem`.
        root: The run's root in it, without a scheme.
        publishes_whole: Whether a file appears only when its upload is complete; otherwise it is
            uploaded under a temporary name and renamed.
    """

    _batch_size = 1  # A copy may wait in memory until it is published.

    def __init__(self, filesystem: Any, root: str, *, publishes_whole: bool) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")
        self.publishes_whole = publishes_whole
        self._downloads: Path | None = None

    def list(self, path: str | None = None) -> FileInfos:
        """The entries of a folder, one level deep, sorted; none for a file or a missing folder.

        Names that could not be read back, or that lie elsewhere, are left out.
        """
        key = self._key(path)
        with explained(f"list {path or self.root!r}"):
            self.filesystem.invalidate_cache()
            try:
                entries = self.filesystem.ls(key, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        infos = [_info(entry, key, path) for entry in entries]
        return sorted((info for info in infos if info), key=lambda info: info.path)

    def open(self, path: str) -> io.BufferedIOBase:
        """A stored file for reading."""
        key = self._key(path)
        with explained(f"read {path!r}"):
            if not self.filesystem.isfile(key):
                raise self._not_found(path)
            return cast("io.BufferedIOBase", self.filesystem.open(key, "rb"))

    def local_path(self, path: str | None = None) -> Path:
        """A downloaded copy, kept until the process ends."""
        if self._downloads is None:
            self._downloads = Path(tempfile.mkdtemp(prefix="tracker-"))
            atexit.register(_remove, self._downloads, os.getpid())
        return self.download(path, self._downloads)

    def delete(self) -> int:
        """Deletes all files of the run; bytes freed."""
        check_run_root(self.root)
        freed = sum(info.file_size or 0 for info in self.walk())
        with explained(f"delete {self.root!r}"):
            if self.filesystem.exists(self.root):
                self.filesystem.rm(self.root, recursive=True)
        return freed

    def _key(self, path: str | None) -> str:
        return f"{self.root}/{safe_path(path)}" if path else self.root

    def _copied(self, source: Stream, name: str) -> AbstractContextManager[Publish]:
        key = self._key(name)
        return self._uploaded(source, key) if self.publishes_whole else self._moved(source, key)

    @contextmanager
    def _moved(self, source: Stream, key: str) -> Iterator[Publish]:
        """An upload under a temporary name, which is gone at the end."""
        folder = key.rpartition("/")[0]
        self.filesystem.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/{temporary_name(Path()).name}"
        try:
            with self._uploaded(source, temporary) as publish:
                publish()
            yield lambda: self.filesystem.mv(temporary, key)
        except BaseException:
            if self.filesystem.exists(temporary):
                self.filesystem.rm_file(temporary)
            raise

    @contextmanager
    def _uploaded(self, source: Stream, key: str) -> Iterator[Publish]:
        source.seek(0)
        # Closing a file of fsspec publishes what was written so far, after an error too.
        target = self.filesystem.open(key, "wb", autocommit=False)
        try:
            for block in blocks(source):
                target.write(bytes(block))
            target.close()
            yield target.commit
        except BaseException:
            target.discard()
            raise

    def _file_info(self, path: str | None) -> FileInfo | None:
        if not path:
            return None
        key = self._key(path)
        with explained(f"read {path!r}"):
            if not self.filesystem.isfile(key):
                return None
            return FileInfo(path, is_dir=False, file_size=self.filesystem.size(key))


def _remove(folder: Path, owner: int) -> None:
    """Deletes the downloads of this process; a forked child leaves its parent's alone."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _info(entry: dict[str, Any], key: str, folder: str | None) -> FileInfo | None:
    """An entry of a listing; None for the folder itself, a foreign or an unsafe name."""
    name = str(entry["name"]).rstrip("/").removeprefix(f"{key}/")
    try:
        path = safe_path(f"{folder}/{name}" if folder else name)
    except UnsafePathError:
        return None
    if "/" in name or f"{key}/{name}" != str(entry["name"]).rstrip("/"):
        return None
    if entry["type"] == "directory":
        return FileInfo(path, is_dir=True)
    return FileInfo(path, is_dir=False, file_size=entry["size"])
