"""The files of runs: copied from one store to another, shared below the roots of a database."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tracker.exceptions import TrackerError
from tracker.files.local import LocalArtifacts
from tracker.store import upkeep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tracker.client import TrackingClient
    from tracker.files import ArtifactStore
    from tracker.files.blobs import BlobStore

_ANY_RUN: Final = "0" * 32


@dataclass(slots=True)
class Copied:
    """How many files, and their bytes before equal ones are stored once."""

    files: int = 0
    size_bytes: int = 0

    def add(self, other: Copied) -> None:
        """Count another copy in."""
        self.files += other.files
        self.size_bytes += other.size_bytes


def copy_files(source: ArtifactStore, target: ArtifactStore, *, overwrite: bool) -> Copied:
    """Copy every file; those that are there already only where `overwrite` says so.

    Raises:
        ArtifactError: A file cannot be read or written.
        UnsafePathError: A name or a link leads out of one of the two.
    """
    known = set() if overwrite else {info.path for info in target.walk()}
    copied = Copied()
    for info in source.walk():
        if info.path in known:
            continue
        with source.open(info.path) as file:
            target.log_stream(file if file.seekable() else io.BytesIO(file.read()), info.path)
        copied.add(Copied(1, info.file_size or 0))
    return copied


def blob_stores(client: TrackingClient, artifact_uris: Iterable[str] = ()) -> list[BlobStore]:
    """The blobs of every artifact root on this machine that the database may touch.

    Args:
        client: The database; its experiments name the roots.
        artifact_uris: Runs that may lie elsewhere.
    """
    with client.store.database.read() as connection:
        locations = upkeep.locations(connection)
    uris = [f"{location.rstrip('/')}/{_ANY_RUN}/artifacts" for location in locations]
    found: dict[Path, BlobStore] = {}
    for uri in (*uris, *artifact_uris):
        try:
            store = client.open_location(uri)
        except TrackerError:
            continue  # Out of bounds, or remote without its package: nothing of ours is there.
        if isinstance(store, LocalArtifacts) and store.blobs is not None:
            found[store.blobs.folder] = store.blobs
    return list(found.values())
