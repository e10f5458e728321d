"""The files of one run in a bucket or on another machine, by fsspec."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tracker.entities import FileInfo
from tracker.exceptions import UnsafePathError
from tracker.files.atomic import Publish, Stream, blocks, temporary_name
from tracker.files.cache import default_cache, link_or_copy
from tracker.files.filesystems import open_filesystem, persistently, remote_explained
from tracker.files.paths import check_run_root, safe_path
from tracker.files.store import ArtifactStore, FileInfos
from tracker.files.uploads import Uploader, version_of

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


def open_remote(artifact_uri: str, *, publishes_whole: bool) -> RemoteArtifacts:
    """The files of a run at a URL that was checked.

    Args:
        artifact_uri: As it stands in the database.
        publishes_whole: Whether a file appears there only when its upload is complete.

    Raises:
        UnsafePathError: The URL leads to local files.
        ArtifactError: fsspec, or the package it needs for this scheme, is missing.
    """
    filesystem, root = open_filesystem(artifact_uri)
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
        with remote_explained(f"list {path or self.root!r}"):
            self.filesystem.invalidate_cache()
            try:
                entries = persistently(lambda: self.filesystem.ls(key, detail=True))
            except (FileNotFoundError, NotADirectoryError):
                return []
        infos = [_info(entry, key, path) for entry in entries]
        return sorted((info for info in infos if info), key=lambda info: info.path)

    def open(self, path: str) -> io.BufferedIOBase:
        """A stored file for reading."""
        key = self._key(path)
        with remote_explained(f"read {path!r}"):
            cached = self._cached(key)
            if cached is not None:
                return cached.open("rb")
            if self._stored(key) is None:
                raise self._not_found(path)
            return cast("io.BufferedIOBase", self.filesystem.open(key, "rb"))

    def local_path(self, path: str | None = None) -> Path:
        """A downloaded copy, kept until the process ends."""
        if self._downloads is None:
            self._downloads = Path(tempfile.mkdtemp(prefix="tracker-"))
            atexit.register(_remove, self._downloads, os.getpid())
        target = self._downloads / (path or "")
        self.copy_to(path, target)
        return target

    def version(self, path: str) -> str | None:
        """What changes with a file's content; None where there is none, or the store keeps none."""
        with remote_explained(f"read {path!r}"):
            info = self._stored(self._key(path))
        return None if info is None else version_of(info)

    def _copy_out(self, path: str, target: Path) -> None:
        with remote_explained(f"download {path!r} to {str(target)!r}"):
            cached = self._cached(self._key(path))
        if cached is None:
            super()._copy_out(path, target)
        else:
            link_or_copy(cached, target)

    def _cached(self, key: str) -> Path | None:
        """The file in the download cache; None where it cannot be there, or is no file."""
        info = self._stored(key)
        version = info and version_of(info)
        if not info or version is None:
            return None
        identity = f"{self.filesystem.unstrip_protocol(key)} {version} {info['size']}"
        return default_cache().get(
            identity,
            info["size"],
            lambda path: persistently(lambda: self.filesystem.get_file(key, str(path))),
        )

    def _stored(self, key: str) -> dict[str, Any] | None:
        """What the store says of a file; None where there is none."""
        self.filesystem.invalidate_cache()
        try:
            info: dict[str, Any] = persistently(lambda: self.filesystem.info(key))
        except FileNotFoundError:
            return None
        return info if info["type"] == "file" else None

    def delete(self) -> int:
        """Deletes all files of the run; bytes freed."""
        check_run_root(self.root)
        freed = sum(info.file_size or 0 for info in self.walk())

        def attempt() -> None:
            self.filesystem.invalidate_cache()
            # An earlier attempt, whose answer was lost, may have deleted them.
            with suppress(FileNotFoundError):
                self.filesystem.rm(self.root, recursive=True)

        with remote_explained(f"delete {self.root!r}"):
            persistently(attempt)
        return freed

    def _key(self, path: str | None) -> str:
        return f"{self.root}/{safe_path(path)}" if path else self.root

    def _log_all(self, sources: Iterator[tuple[str, Stream]]) -> None:
        if not self.publishes_whole:
            super()._log_all(sources)
            return
        Uploader(self.filesystem, self.root, self._location()).send(sources)

    def _location(self) -> str | None:
        """The artifact location of the experiment; None if the root is not that of a run."""
        location, _, tail = self.root.rpartition("/")
        location = location.rpartition("/")[0]
        return location if tail == "artifacts" and location else None

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
                publish(False)  # noqa: FBT003
            yield lambda _: self.filesystem.mv(temporary, key)
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
            yield lambda _: target.commit()
        except BaseException:
            target.discard()
            raise

    def _file_info(self, path: str | None) -> FileInfo | None:
        if not path:
            return None
        key = self._key(path)
        with remote_explained(f"read {path!r}"):
            info = self._stored(key)
        return None if info is None else FileInfo(path, is_dir=False, file_size=info["size"])


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
