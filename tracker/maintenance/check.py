"""Tests a database, what it says about itself, and the files beside it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.exceptions import AbsentFilesError, TrackerError
from tracker.files.local import LocalArtifacts
from tracker.files.store import reason_of
from tracker.journal.file import damaged_paths, live_folder
from tracker.maintenance.run_files import blob_stores
from tracker.store import upkeep
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.client import TrackingClient
    from tracker.entities import RunInfo


@dataclass(slots=True)
class Finding:
    """One test. `problems` is empty where it went well."""

    test: str
    looked_at: str = ""
    problems: list[str] = field(default_factory=list)


class Checkup:
    """One test of everything.

    Args:
        client: The database.
        reads_files: Whether every stored byte is compared with its digest.
    """

    def __init__(self, client: TrackingClient, *, reads_files: bool = True) -> None:
        self._client = client
        self._reads_files = reads_files

    def run(self) -> Iterator[Finding]:
        """One finding a test, as soon as it is there.

        Raises:
            DatabaseError: The database cannot be read at all.
        """
        database = self._client.store.database
        with database.read() as connection:
            yield Finding("database pages", problems=upkeep.damage(connection))
            yield _references(upkeep.broken_references(connection))
            yield _latest(upkeep.wrong_latest(connection))
            yield _types(upkeep.wrong_types(connection))
            yield _incomplete(upkeep.incomplete_runs(connection))
            infos = upkeep.all_runs(connection)
        yield self._journals()
        yield self._artifacts(infos)
        if self._reads_files:
            yield self._digests(infos)

    def _journals(self) -> Finding:
        path, points = self._client.store.database.path, self._client.waiting_points()
        problems = [
            f"{damaged!r} is damaged: points after the damage are not in the database; delete the "
            f"file if they do not matter"
            for damaged in damaged_paths(live_folder(path))
        ]
        looked_at = f"{points:,} points wait for a writer" if points else ""
        return Finding("journals of killed processes", looked_at, problems)

    def _artifacts(self, infos: list[RunInfo]) -> Finding:
        finding, absent = Finding("artifacts", plural(len(infos), "run")), 0
        for info in infos:
            errors: list[TrackerError] = []
            try:
                # All that counts is whether the files can be listed; a run may have none.
                deque(self._client.open_location(info.artifact_uri).walk(None, errors.append), 0)
            except AbsentFilesError:
                absent += 1
            except TrackerError as error:
                errors.append(error)
            finding.problems += [f"run {info.run_id}: {error}" for error in errors]
        if absent:
            finding.looked_at += f"; {plural(absent, 'run')} with files not on this machine"
        return finding

    def _digests(self, infos: list[RunInfo]) -> Finding:
        finding = Finding("file digests")
        number = 0
        damaged: set[int] = set()
        for blobs in blob_stores(self._client, [info.artifact_uri for info in infos]):
            number += sum(1 for _ in blobs)
            unreadable: list[OSError] = []
            for blob in blobs.damaged(unreadable.append):
                damaged.add(blob.inode)
                finding.problems.append(f"{str(blob.path)!r} does not match its digest")
            finding.problems += map(_unreadable, unreadable)
        finding.looked_at = f"{number:,} different files"
        if damaged:
            finding.problems += self._users(infos, damaged)
        return finding

    def _users(self, infos: list[RunInfo], inodes: set[int]) -> list[str]:
        """Which artifacts are names of these files."""
        found = []
        for info in infos:
            try:
                store = self._client.open_location(info.artifact_uri)
            except TrackerError:
                continue  # The test of the artifacts reports it.
            if isinstance(store, LocalArtifacts):
                found += [
                    f"damaged: artifact {file.path!r} of run {info.run_id}"
                    for file in store.walk(on_error=lambda _: None)
                    if store.local_path(file.path).stat().st_ino in inodes
                ]
        return found


def repair(client: TrackingClient) -> int:
    """Rebuild what can be rebuilt from the rest: the newest points; how many were wrong.

    Raises:
        DatabaseError: The database cannot be written.
    """
    with client.store.database.write() as connection:
        wrong = upkeep.wrong_latest(connection)
        for run_id, key in wrong:
            upkeep.rebuild_latest(connection, run_id, key)
    return len(wrong)


def _references(found: list[tuple[str, int, str]]) -> Finding:
    return Finding(
        "references between tables",
        problems=[f"{number:,} rows of {table} name no row of {to}" for table, number, to in found],
    )


def _latest(found: list[tuple[str, str]]) -> Finding:
    problems = [f"run {run_id}: the last value of {key!r} is wrong" for run_id, key in found]
    return Finding("last values of metrics", problems=problems)


def _types(found: list[tuple[str, int]]) -> Finding:
    problems = [f"{number:,} values of {column} are of a wrong type" for column, number in found]
    return Finding("types of values", problems=problems)


def _incomplete(found: list[str]) -> Finding:
    problems = [f"run {run_id} lacks a value that MLflow needs" for run_id in found]
    return Finding("rows of runs", problems=problems)


def _unreadable(error: OSError) -> str:
    return f"{str(error.filename or '')!r} cannot be read: {reason_of(error)}"
