"""Runs as one zip file: a small tracking database with the artifacts beside it.

Unpacked, it is a folder like any other: the dashboard and MLflow open its `tracking.db`.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from tracker.client import TrackingClient
from tracker.exceptions import (
    ArtifactError,
    TrackerError,
)
from tracker.files.archives import write_member
from tracker.files.atomic import WRITABLE, make_folder, staged
from tracker.files.store import explained
from tracker.maintenance.merge import Merge, Merged
from tracker.maintenance.scratch import scratch_folder
from tracker.maintenance.sources import DATABASE_NAME, DatabaseSource
from tracker.store import upkeep

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tracker.files import ArtifactStore

_FAST: Final = 1


def export_bundle(
    client: TrackingClient, run_ids: Collection[str], target: Path, now: int
) -> Merged:
    """Write runs with all that belongs to them into a zip file, which appears when it is complete.

    A run whose rows cannot be read is left out, and is one of the troubles of what is returned.

    Args:
        client: Where the runs are.
        run_ids: The runs to export.
        target: The file to write; an older one is replaced.
        now: Milliseconds since the epoch.

    Raises:
        TrackerError: A file of a run cannot be read, or the zip file not be written.
    """
    with explained(f"write {str(target)!r}"):
        return _export(client, run_ids, target, now)


def _export(client: TrackingClient, run_ids: Collection[str], target: Path, now: int) -> Merged:
    make_folder(target.absolute().parent)
    with scratch_folder() as folder:
        database = folder / DATABASE_NAME
        copy = TrackingClient(database)
        source = DatabaseSource(client.store.database)
        merged = Merge(
            source,
            copy,
            now=now,
            wanted=set(run_ids),
            with_artifacts=False,
        ).run()
        upkeep.close_into_one_file(copy.store.database)
        with staged(target.absolute().parent, WRITABLE) as new:
            _write(client, copy, database, cast("BinaryIO", new.file), merged)
            new.path.replace(target)
    return merged


def _write(
    client: TrackingClient, copy: TrackingClient, database: Path, target: BinaryIO, merged: Merged
) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        archive.write(database, DATABASE_NAME)
        with copy.store.database.read() as connection:
            found = upkeep.all_runs(connection)
        for info in found:
            try:
                store = client.artifacts(info.run_id)
            except TrackerError as error:
                raise ArtifactError(f"run {info.run_id}: {error}") from error
            _write_files(archive, store, info.artifact_uri, merged)
    copy.store.database.close()


def _write_files(
    archive: zipfile.ZipFile, store: ArtifactStore, place: str, merged: Merged
) -> None:
    for info in store.walk():
        write_member(archive, store, info, f"{place}/{info.path}")
        merged.copied.files += 1
        merged.copied.size_bytes += info.file_size or 0
