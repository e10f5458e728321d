"""Frees the disk space of what was deleted."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.exceptions import AbsentFilesError, DatabaseLockedError, TrackerError, UnsafePathError
from tracker.files.atomic import leftovers
from tracker.files.local import LocalArtifacts
from tracker.files.store import reason_of
from tracker.maintenance.run_files import blob_stores
from tracker.store import models, upkeep
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.client import TrackingClient
    from tracker.entities import ModelVersion, RunInfo
    from tracker.files import ArtifactStore
    from tracker.files.blobs import Blob, BlobStore

# A younger temporary file may belong to a process that is writing it.
LEFTOVER_SECONDS: Final = 3_600.0
_RUNS_PER_TRANSACTION: Final = 50


@dataclass(slots=True)
class Garbage:
    """What can be, or was, freed. Sizes are in bytes.

    Args:
        runs: Deleted runs.
        experiments: Deleted experiments without other runs.
        files: Files that only deleted runs use, or nobody.
        file_bytes: Their size.
        files_before: Size of all files of runs, equal ones counted once.
        temporaries: Temporary files that a killed process left behind.
        temporary_bytes: Their size.
        database_before: Size of the database's files.
        database_after: Their size afterward; in a dry run, an upper bound.
        shrunk: Whether the database's file could be made smaller.
        troubles: Sentences about what stays, and why.
    """

    runs: int = 0
    experiments: int = 0
    files: int = 0
    file_bytes: int = 0
    files_before: int = 0
    temporaries: int = 0
    temporary_bytes: int = 0
    database_before: int = 0
    database_after: int = 0
    shrunk: bool = False
    troubles: list[str] = field(default_factory=list)


class Collector:
    """One collection of garbage.

    Args:
        client: The database.
        deleted_before: Only what was deleted up to this time, in ms since the epoch.
        dry_run: Only count.
        now: In seconds since the epoch, for the age of temporary files (default: the clock's).
    """

    def __init__(
        self,
        client: TrackingClient,
        *,
        deleted_before: int,
        dry_run: bool = False,
        now: float | None = None,
    ) -> None:
        self._client = client
        self._database = client.store.database
        self._deleted_before = deleted_before
        self._dry_run = dry_run
        self._now = now
        self._names: Counter[int] = Counter()
        self.garbage = Garbage()

    def run(self) -> Garbage:
        """Free what can be freed. An interrupted collection is completed by the next one.

        Raises:
            DatabaseError: The database cannot be read or written.
        """
        self.garbage.database_before = _size_on_disk(self._database.path)
        with self._database.read() as connection:
            found = upkeep.deleted_runs(connection, self._deleted_before)
            interrupted = upkeep.removed_runs(connection)
        uris = [*(info.artifact_uri for info in found), *(uri for _, uri in interrupted)]
        shared = blob_stores(self._client, uris)
        self.garbage.files_before = sum(_size_below(blobs.folder.parent) for blobs in shared)
        removable = [info for info in found if self._can_be_removed(info)]
        self.garbage.runs = len(removable) if self._dry_run else 0
        self._remove_all_files(interrupted)
        for start in range(0, len(removable), _RUNS_PER_TRANSACTION):
            self._remove(removable[start : start + _RUNS_PER_TRANSACTION])
        for blobs in shared:
            self._sweep(blobs)
        self._remove_experiments({info.run_id for info in removable})
        self._shrink()
        return self.garbage

    def _can_be_removed(self, info: RunInfo) -> bool:
        """Whether no model's version needs the run, and its files can be found and are its own.

        If not, its rows stay too.
        """
        with self._database.read() as connection:
            versions = models.versions_of_runs(connection, [info.run_id])
        if versions:
            self.garbage.troubles.append(_in_use(info, versions))
            return False
        try:
            self._store_of(info.run_id, info.artifact_uri)
        except AbsentFilesError:
            return True
        except TrackerError as error:
            self.garbage.troubles.append(f"Run {info.run_id} stays: {error}")
            return False
        return True

    def _remove(self, infos: list[RunInfo]) -> None:
        """Remove the rows of those that are still deleted; then the files, which nobody needs."""
        removed = infos
        if not self._dry_run:
            with self._database.write() as connection:
                removed = [
                    info
                    for info in infos
                    if upkeep.remove_run(connection, info, self._deleted_before)
                ]
            self.garbage.runs += len(removed)
        self._remove_all_files([(info.run_id, info.artifact_uri) for info in removed])

    def _remove_all_files(self, runs: list[tuple[str, str]]) -> None:
        gone = []
        for run_id, artifact_uri in runs:
            try:
                self._remove_files(self._store_of(run_id, artifact_uri))
            except AbsentFilesError:
                gone.append(run_id)
            except TrackerError as error:
                self.garbage.troubles.append(
                    f"Files of removed run {run_id}: {error}; the next gc tries again"
                )
            else:
                gone.append(run_id)
        if gone and not self._dry_run:
            with self._database.write() as connection:
                upkeep.files_are_removed(connection, gone)

    def _store_of(self, run_id: str, artifact_uri: str) -> ArtifactStore:
        """The run's files, if their folder is named after it: a URI may name another run's.

        Raises:
            TrackerError: It is not, or the files cannot be reached.
        """
        store = self._client.open_location(artifact_uri)
        root = store.root.as_posix() if isinstance(store, LocalArtifacts) else artifact_uri
        if not root.rstrip("/").endswith(f"/{run_id}/artifacts"):
            raise UnsafePathError(
                f"its files lie in {artifact_uri!r}, which may be another run's folder"
            )
        return store

    def _remove_files(self, store: ArtifactStore) -> None:
        if isinstance(store, LocalArtifacts):
            for path in _files_below(store.root):
                self._count_name(path)
            # Blobs are swept once at the end, not once per run.
            store = LocalArtifacts(store.root)
        else:
            sizes = [info.file_size or 0 for info in store.walk()]
            self.garbage.files += len(sizes)
            self.garbage.file_bytes += sum(sizes)
        if not self._dry_run:
            store.delete()

    def _count_name(self, path: Path) -> None:
        with suppress(OSError):  # Another collection may be at work.
            self._count(path.lstat())

    def _count(self, status: os.stat_result) -> None:
        self._names[status.st_ino] += 1
        # A blob has one name more than its artifacts, and is counted by `_sweep`.
        if status.st_nlink == (self._names[status.st_ino] if self._dry_run else 1):
            self.garbage.files += 1
            self.garbage.file_bytes += status.st_size

    def _sweep(self, blobs: BlobStore) -> None:
        unused = [blob for blob in blobs.each(self._tell_unreadable) if self._is_unused(blob)]
        self.garbage.files += len(unused)
        self.garbage.file_bytes += sum(blob.size for blob in unused)
        for path in leftovers(blobs.folder.parent, LEFTOVER_SECONDS, self._now):
            with suppress(OSError):  # Removed meanwhile, or in a folder that may not be written.
                self.garbage.temporary_bytes += path.lstat().st_size
                self.garbage.temporaries += 1
                if not self._dry_run:
                    path.unlink()
        if not self._dry_run:
            blobs.delete_unreferenced()

    def _tell_unreadable(self, error: OSError) -> None:
        self.garbage.troubles.append(
            f"{str(error.filename or '')!r} cannot be read: {reason_of(error)}"
        )

    def _is_unused(self, blob: Blob) -> bool:
        return blob.links == 1 + (self._names[blob.inode] if self._dry_run else 0)

    def _remove_experiments(self, removed: set[str]) -> None:
        if self._dry_run:
            with self._database.read() as connection:
                found = upkeep.empty_deleted_experiments(connection, self._deleted_before, removed)
            self.garbage.experiments = len(found)
            return
        with self._database.write() as connection:
            upkeep.remove_unused_datasets(connection)
            found = upkeep.empty_deleted_experiments(connection, self._deleted_before, set())
            for experiment_id, _ in found:
                self.garbage.experiments += upkeep.remove_experiment(connection, experiment_id)

    def _shrink(self) -> None:
        """Give the database's free pages back to the file system."""
        with self._database.read() as connection:
            free_bytes = upkeep.room(connection).free_bytes
        if self._dry_run:
            self.garbage.database_after = self.garbage.database_before - free_bytes
            return
        with suppress(DatabaseLockedError):
            self.garbage.shrunk = upkeep.shrink(self._database, vacuum=free_bytes > 0)
        self.garbage.database_after = _size_on_disk(self._database.path)


def _in_use(info: RunInfo, versions: list[ModelVersion]) -> str:
    first = versions[0]
    others = f" and {plural(len(versions) - 1, 'other')}" if len(versions) > 1 else ""
    return (
        f"Run {info.run_id} stays: version {first.version} of the registered model "
        f"{first.name!r}{others} would lose its files; delete the version first"
    )


def _files_below(root: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(root):
        yield from (Path(parent, name) for name in names)
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())


def _size_below(folder: Path) -> int:
    sizes = {}
    for path in _files_below(folder):
        with suppress(OSError):
            status = path.lstat()
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _size_on_disk(database: Path) -> int:
    total = 0
    for path in (database, Path(f"{database}-wal")):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
