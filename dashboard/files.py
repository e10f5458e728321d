"""The artifacts of a run: listed, read, and offered for download."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

MAX_LISTED = 2000
MAX_READ_BYTES = 1_000_000


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


def read_bytes(store: ArtifactStore, path: str, limit: int = MAX_READ_BYTES) -> bytes | None:
    """The first bytes of an artifact, or None where there is none."""
    try:
        with store.open(path) as stream:
            return stream.read(limit)
    except TrackerError:
        return None


def read_json(store: ArtifactStore, path: str) -> Any:
    """A JSON artifact, or None where there is none or it cannot be read."""
    content = read_bytes(store, path)
    if content is None:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return None


def url(run_id: str, path: str) -> str:
    """Where the server offers an artifact for download."""
    return f"/artifact/{quote(run_id)}/{quote(path)}"


def points_url(run_ids: Iterable[str], keys: Iterable[str]) -> str:
    """Where the server offers every point of some metrics as CSV."""
    named = [("run", run_id) for run_id in run_ids] + [("key", key) for key in keys]
    return f"/metrics.csv?{urlencode(named)}"


def zip_url(run_id: str) -> str:
    """Where the server offers all artifacts of a run as one zip."""
    return f"/zip/{quote(run_id)}"
