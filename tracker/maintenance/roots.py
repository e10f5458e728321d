"""The folders in which the runs of a database share their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.exceptions import TrackerError
from tracker.files.local import LocalArtifacts
from tracker.store import upkeep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tracker.client import TrackingClient
    from tracker.files.blobs import BlobStore

_ANY_RUN: Final = "0" * 32


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
