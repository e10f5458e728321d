"""The files of runs: copied from one store to another, shared below the roots of a database."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tracker.exceptions import OutsideRootsError, TrackerError
from tracker.files.local import LocalArtifacts
from tracker.files.store import is_about_the_disk, reason_of
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
    """What was copied.

    Args:
        files: How many.
        size_bytes: Their size before equal files are stored once.
        errors: Why files and folders could not be copied.
    """

    files: int = 0
    size_bytes: int = 0
    errors: list[TrackerError] = field(default_factory=list)

    def add(self, other: Copied) -> None:
        """Add the counts of another copy."""
        self.files += other.files
        self.size_bytes += other.size_bytes
        self.errors += other.errors


@dataclass(slots=True)
class Gaps:
    """What a source of runs could not give.

    Args:
        damaged: What cannot be read by anyone, such as a torn line.
        left_out: What could be read, but may not be.
        outside_roots: How many of these lie outside the folders that were allowed.
    """

    damaged: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    outside_roots: int = 0

    def note(self, path: Path, error: OSError | TrackerError) -> None:
        """Note why a file or folder was not read."""
        if isinstance(error, FileNotFoundError):
            self.damaged.append(f"{path}: {reason_of(error)}")
        elif isinstance(error, OSError):
            self.left_out.append(f"{path}: {reason_of(error)}")
        else:
            self.left_out.append(f"{path}: {error}")
            self.outside_roots += isinstance(error, OutsideRootsError)


def copy_files(source: ArtifactStore, target: ArtifactStore, *, overwrite: bool) -> Copied:
    """Copy every file that can be copied.

    Args:
        source: The files of a run.
        target: Where to copy them.
        overwrite: Also copy files that are there already.

    Raises:
        ArtifactError: The disk takes nothing more, or the target cannot be listed.
    """
    known = set() if overwrite else {info.path for info in target.walk()}
    copied = Copied()
    for info in source.walk(on_error=copied.errors.append):
        if info.path in known:
            continue
        try:
            with source.open(info.path) as file:
                target.log_stream(file if file.seekable() else io.BytesIO(file.read()), info.path)
        except TrackerError as error:
            if is_about_the_disk(error):
                raise
            copied.errors.append(error)
        else:
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
