"""Whole folders and files at a URL that the user named: copied here, copied there, kept in step."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tracker.exceptions import AlreadyExistsError, NotFoundError
from tracker.files.atomic import make_folder
from tracker.files.cache import default_cache
from tracker.files.opening import open_artifacts
from tracker.files.paths import BLOB_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.files.remote import RemoteArtifacts

RECORD = ".remote.json"


def is_url(place: str) -> bool:
    """Whether a place is a URL rather than a path.

    Examples:
        >>> is_url("s3://bucket/study"), is_url("copies/monday")
        (True, False)
    """
    return "://" in place and not place.startswith("file:")


def upload_folder(folder: Path, url: str, last: str) -> None:
    """Copy a folder to a URL at which there is nothing yet.

    Args:
        folder: What to copy.
        url: Where to.
        last: The file that is uploaded after all others; a copy without it is not whole.

    Raises:
        AlreadyExistsError: There is something at the URL.
        ArtifactError: It cannot be written.
    """
    store = _open(url)
    if store.list():
        raise AlreadyExistsError(f"There is something at {url!r}: name a new folder.")
    # Below `.blobs` are second names of files that are copied under their own.
    files = [p for p in folder.rglob("*") if p.is_file() and BLOB_FOLDER not in p.parts]
    for path in sorted(files, key=lambda path: path == folder / last):
        parent = path.parent.relative_to(folder).as_posix()
        store.log_file(path, None if parent == "." else parent)


def upload_file(path: Path, url: str, *, replace: bool) -> None:
    """Copy a file to a URL.

    Raises:
        AlreadyExistsError: There is a file at the URL, and it may not be replaced.
        ArtifactError: It cannot be written.
    """
    parent, _, name = url.rpartition("/")
    store = _open(parent)
    if not replace and any(entry.path == name for entry in store.list()):
        raise AlreadyExistsError(f"There is a file at {url!r}: name another, or use --force.")
    with path.open("rb", buffering=0) as file:
        store.log_stream(file, name)


@contextmanager
def downloaded(url: str) -> Iterator[Path]:
    """A temporary copy of the file or folder at a URL.

    Raises:
        NotFoundError: There is nothing at the URL.
        ArtifactError: It cannot be read.
    """
    parent, _, name = url.rstrip("/").rpartition("/")
    with tempfile.TemporaryDirectory(prefix="tracker-") as folder:
        target = Path(folder, name)
        try:
            _open(parent).copy_to(name, target)
        except NotFoundError as error:
            raise NotFoundError(f"There is nothing at {url!r}.") from error
        yield target


@contextmanager
def mirrored(url: str) -> Iterator[Path]:
    """A local copy of the folder at a URL, brought up to date before and after the block.

    It lies in the download cache's folder and stays there: what did not change on either side is
    not copied again. What is deleted on one side stays on the other.

    Raises:
        ArtifactError: The URL cannot be read or written.
    """
    store = _open(url)
    name = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:24]
    folder = default_cache().folder.parent / "folders" / name
    make_folder(folder)
    _pull(store, folder)
    yield folder
    _push(store, folder)


def _pull(store: RemoteArtifacts, folder: Path) -> None:
    known = _read_record(folder)
    for info in store.walk():
        version = store.version(info.path)
        path = folder / info.path
        if known.get(info.path) != [version, *_state(path)]:
            store.copy_to(info.path, path)
            known[info.path] = [version, *_state(path)]
    _write_record(folder, known)


def _push(store: RemoteArtifacts, folder: Path) -> None:
    known = _read_record(folder)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.name.startswith("."):
            continue
        if known.get(name, [None, None])[1:] != _state(path):
            store.log_file(path, path.parent.relative_to(folder).as_posix().removeprefix("."))
            known[name] = [store.version(name), *_state(path)]
    _write_record(folder, known)


def _state(path: Path) -> list[int]:
    """What changes when a local file does."""
    if not path.is_file():
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _read_record(folder: Path) -> dict[str, list[Any]]:
    try:
        found: dict[str, list[Any]] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write_record(folder: Path, known: dict[str, list[Any]]) -> None:
    (folder / RECORD).write_text(json.dumps(known), encoding="utf-8")


def _open(url: str) -> RemoteArtifacts:
    """The folder at a URL.

    Raises:
        UnsupportedError: Its scheme is no storage.
        UnsafePathError: It carries a query or climbs.
        ArtifactError: A package is missing.
    """
    store = open_artifacts(url, Path.cwd(), allowed_roots=[url])
    return cast("RemoteArtifacts", store)
