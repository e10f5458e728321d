"""Runs as one zip file: a small tracking database with the artifacts beside it.

Unpacked, it is a folder like any other: the dashboard and MLflow open its `tracking.db`.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from tracker.client import ARTIFACT_ROOT, TrackingClient
from tracker.exceptions import (
    ArtifactError,
    DiskFullError,
    InvalidValueError,
    TrackerError,
)
from tracker.files.archives import DAMAGE, member_name, write_member
from tracker.files.atomic import BLOCK_BYTES, WRITABLE, make_folder, staged
from tracker.files.store import explained
from tracker.maintenance.merge import Merge, Merged
from tracker.maintenance.sources import DatabaseSource
from tracker.store import upkeep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tracker.files import ArtifactStore

DATABASE_NAME: Final = "tracking.db"
_FAST: Final = 1


def export_bundle(
    client: TrackingClient, run_ids: Collection[str], target: Path, now: int
) -> Merged:
    """Write runs with all that belongs to them into a zip file, which appears when it is complete.

    A run whose rows cannot be read is left out, and is one of the troubles of what is returned.

    Args:
        client: Where the runs are.
        run_ids: Which.
        target: The file to write; an older one is replaced.
        now: Milliseconds since the epoch.

    Raises:
        TrackerError: A file of a run cannot be read, or the zip file not be written.
    """
    with explained(f"write {str(target)!r}"):
        return _export(client, run_ids, target, now)


def _export(client: TrackingClient, run_ids: Collection[str], target: Path, now: int) -> Merged:
    make_folder(target.absolute().parent)
    with tempfile.TemporaryDirectory(prefix="tracker-") as folder:
        database = Path(folder, DATABASE_NAME)
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


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The database of a zip file from `export_bundle`, with its artifacts, until the end.

    Raises:
        InvalidValueError: The file is damaged or no export.
        UnsafePathError: A member has a name that leads elsewhere, or is a link.
        DiskFullError: It is larger than the room left on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="tracker-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, Path(folder), path)
        except DAMAGE as error:
            raise InvalidValueError(f"{str(path)!r} is a damaged zip file: {error}.") from error
        yield Path(folder, DATABASE_NAME)


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


def _unpack(archive: zipfile.ZipFile, folder: Path, path: Path) -> None:
    if DATABASE_NAME not in archive.namelist():
        raise InvalidValueError(
            f"{str(path)!r} holds no {DATABASE_NAME}: only zip files written by `export` can be "
            f"imported."
        )
    members = [member for member in archive.infolist() if not member.is_dir()]
    names = [_safe_member(member) for member in members]
    if sum(member.file_size for member in members) > shutil.disk_usage(folder).free:
        raise DiskFullError(
            f"There is no room to unpack {str(path)!r} in {str(folder.parent)!r}: free some "
            f"space, or let the environment variable TMPDIR name a folder with more."
        )
    for name, member in zip(names, members, strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, BLOCK_BYTES)


def _safe_member(member: zipfile.ZipInfo) -> str:
    name = member_name(member)
    if name != DATABASE_NAME and not name.startswith(f"{ARTIFACT_ROOT}/"):
        raise InvalidValueError(f"The archive holds {name!r}, which no export has.")
    return name
