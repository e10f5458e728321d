"""The artifacts of a run: listed, read, and offered for download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dashboard import untrusted
from tracker import TrackingClient
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL import Image

    from dashboard.source import Source
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

MAX_LISTED = 2000
MAX_READ_BYTES = 1_000_000
MAX_PICTURE_BYTES = 20_000_000


@dataclass(frozen=True)
class FileKey:
    """One state of one file: the key under which what was parsed is cached."""

    path: str
    modified: int


def open_store(source: Source, artifact_uri: str) -> ArtifactStore:
    """The artifacts of a run of a database.

    Raises:
        TrackerError: If they may not or cannot be read.
    """
    return _opened(source.path, artifact_uri)


@lru_cache(maxsize=256)
def _opened(database: str, artifact_uri: str) -> ArtifactStore:
    """One object for all sessions: what it downloads lies in one place until the server ends."""
    return TrackingClient(database, read_only=True).open_location(artifact_uri)


@untrusted.or_none
def file_key(store: ArtifactStore, path: str) -> FileKey:
    """The key of an artifact, or None where there is none."""
    found = store.local_path(path)
    return FileKey(str(found), found.stat().st_mtime_ns)


def listing(store: ArtifactStore) -> list[FileInfo]:
    """The files of a run, in order; the first 2,000.

    Raises:
        TrackerError: If they may not or cannot be read.
    """
    return list(islice((info for info in store.walk() if not info.is_dir), MAX_LISTED))


def kind(path: str) -> str:
    """The lower-case suffix of a path, without its dot.

    >>> kind("model/best.PT"), kind("LICENSE")
    ('pt', '')
    """
    return PurePosixPath(path).suffix.lower().removeprefix(".")


@untrusted.or_none
def read_bytes(store: ArtifactStore, path: str, limit: int = MAX_READ_BYTES) -> bytes:
    """The first bytes of an artifact, or None where there is none."""
    with store.open(path) as stream:
        return stream.read(limit)


def read_json(store: ArtifactStore, path: str) -> Any:
    """A JSON artifact, or None where there is none or it cannot be read."""
    content = read_bytes(store, path)
    try:
        return None if content is None else untrusted.parsed(content, path)
    except TrackerError:
        return None


@untrusted.or_none
def read_picture(store: ArtifactStore, path: str) -> Image.Image:
    """A picture among the artifacts, or None where there is none or it cannot be read."""
    with store.open(path) as stream:
        return untrusted.picture(stream.read(MAX_PICTURE_BYTES), path)


def url(run_id: str, path: str) -> str:
    """Where the server offers an artifact for download."""
    return f"/artifact/{quote(run_id)}/{quote(path)}"


def picture_url(run_id: str, path: str) -> str:
    """Where the server offers a picture, drawn anew; `?side=` asks for a smaller one."""
    return f"/picture/{quote(run_id)}/{quote(path)}"


def points_url(run_ids: Iterable[str], keys: Iterable[str]) -> str:
    """Where the server offers every point of some metrics as CSV."""
    named = [("run", run_id) for run_id in run_ids] + [("key", key) for key in keys]
    return f"/metrics.csv?{urlencode(named)}"


def zip_url(run_id: str) -> str:
    """Where the server offers all artifacts of a run as one zip."""
    return f"/zip/{quote(run_id)}"
