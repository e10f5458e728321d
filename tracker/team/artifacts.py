"""The files of one run behind an MLflow server's artifact proxy."""

from __future__ import annotations

import io
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from tracker.entities import FileInfo
from tracker.exceptions import ServerError, UnsafePathError, UnsupportedError
from tracker.files.paths import safe_path
from tracker.files.store import ArtifactStore, FileInfos
from tracker.team.rest import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracker.files.atomic import Publish, Stream
    from tracker.team.rest import RestClient

PROXY: Final = "/api/2.0/mlflow-artifacts/artifacts"
_NOT_FOUND: Final = 404


class ServerArtifacts(ArtifactStore):
    """The files of one run on a server.

    Args:
        rest: The way to the server.
        root: What follows `mlflow-artifacts:/` in the run's artifact URI.
    """

    _batch_size = 1

    def __init__(self, rest: RestClient, root: str) -> None:
        self._rest = rest
        self._root = root

    def list(self, path: str | None = None) -> FileInfos:
        """The entries of a folder, one level deep, sorted; none for a file or a missing folder."""
        try:
            answer = self._rest.get(PROXY, {"path": self._key(path)})
        except ServerError as error:
            if error.status == _NOT_FOUND and error.error_code != "INTERNAL_ERROR":
                return []
            raise
        found = answer.get("files")
        entries = found if isinstance(found, list) else []
        infos = [_info(entry, path) for entry in entries]
        return sorted((info for info in infos if info), key=lambda info: info.path)

    def open(self, path: str) -> io.BufferedIOBase:
        """A copy of a stored file for reading, which is gone when it is closed.

        Raises:
            NotFoundError: There is no such file.
        """
        target: Any = tempfile.TemporaryFile()  # noqa: SIM115  Whoever asked for it closes it.
        try:
            self._rest.download(f"{PROXY}/{quoted(self._key(path))}", target)
        except ServerError as error:
            target.close()
            if error.status == _NOT_FOUND:
                raise self._not_found(path) from error
            raise
        except BaseException:
            target.close()
            raise
        target.seek(0)
        return cast("io.BufferedIOBase", target)

    def local_path(self, path: str | None = None) -> Path:
        """Not available: name a destination to `download` instead.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError(f"{path or 'the folder'!r} is on a server: name a destination.")

    def delete(self) -> int:
        """Not available: the server deletes its files.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError("The files on a server are deleted there.")

    @contextmanager
    def _copied(self, source: Stream, name: str) -> Iterator[Publish]:
        size = source.seek(0, io.SEEK_END)

        def publish(_: bool) -> None:  # noqa: FBT001
            self._rest.upload(
                f"{PROXY}/{quoted(self._key(name))}", lambda: _FromStart(source), size
            )

        yield publish

    def _file_info(self, path: str | None) -> FileInfo | None:
        if not path:
            return None
        folder, _, _ = path.rpartition("/")
        infos = self.list(folder or None)
        return next((info for info in infos if info.path == path and not info.is_dir), None)

    def _key(self, path: str | None) -> str:
        return f"{self._root}/{safe_path(path)}" if path else self._root


class _FromStart(io.RawIOBase):
    """A stream from its start, which stays open when this is closed."""

    def __init__(self, stream: Stream) -> None:
        stream.seek(0)
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size) or b""


def _info(entry: Any, folder: str | None) -> FileInfo | None:
    """An entry of a listing; None for a name that may not be used."""
    if not isinstance(entry, dict):
        return None
    try:
        # Some stores answer with the whole path below the proxy, some with the name alone.
        name = safe_path(str(entry.get("path", "")).rstrip("/").rpartition("/")[2])
        path = safe_path(f"{folder}/{name}" if folder else name)
    except UnsafePathError:
        return None
    if entry.get("is_dir"):
        return FileInfo(path, is_dir=True)
    size = str(entry.get("file_size", 0))
    return FileInfo(path, is_dir=False, file_size=int(size) if size.isdecimal() else 0)
