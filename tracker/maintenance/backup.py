"""A copy of a database with its files, made while others write to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker.database import Database
from tracker.entities import LifecycleStage, RunStatus
from tracker.exceptions import AbsentFilesError, AlreadyExistsError, TrackerError
from tracker.files import open_artifacts
from tracker.files.atomic import settle
from tracker.files.local import LocalArtifacts
from tracker.files.paths import is_inside
from tracker.files.store import explained, is_about_the_disk
from tracker.journal.file import live_folder, write_abandoned
from tracker.journal.records import pack_start
from tracker.journal.recovery import found
from tracker.maintenance.run_files import Copied, copy_files
from tracker.numbers import now_ms
from tracker.store import Store, upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.client import TrackingClient
    from tracker.entities import RunInfo


# Appended to the name of the copied database until everything is copied.
INCOMPLETE: Final = ".incomplete"


@dataclass(slots=True)
class BackedUp:
    """What a backup holds.

    Args:
        runs: How many.
        copied: Their files.
        elsewhere: Runs whose files lie outside the database's folder, and are not copied.
        absent: Runs whose files are not on this machine.
        troubles: Sentences about what could not be copied.
    """

    runs: int = 0
    copied: Copied = field(default_factory=Copied)
    elsewhere: int = 0
    absent: int = 0
    troubles: list[str] = field(default_factory=list)

    def add(self, info: RunInfo, copied: Copied | None) -> None:
        """Count the files of one run; None if they lie elsewhere."""
        if copied is None:
            self.elsewhere += 1
            return
        self.copied.add(copied)
        self.troubles += [f"Files of run {info.run_id}: {error}" for error in copied.errors]


def back_up(
    client: TrackingClient, folder: Path, progress: Callable[[int], None] = lambda _: None
) -> BackedUp:
    """Copy the database, then the files of the runs in the copy.

    In this order every run of the copy has all files that it had when the database was copied.
    The copied database gets its name last: a folder without it is not a whole backup.

    Args:
        client: The database; it may be in use.
        folder: Where to; created if it does not exist.
        progress: Called after each run with the number of runs done.

    Raises:
        AlreadyExistsError: The folder is not empty.
        ArtifactError: It cannot be created, or the database in it not be named.
        DatabaseError: The copy cannot be written.
    """
    _make_empty(folder)
    database = client.store.database
    target = folder / database.path.name
    unfinished = target.with_name(f"{target.name}{INCOMPLETE}")
    database.fold()
    upkeep.copy_database(database, unfinished)
    infos = _complete(unfinished, database.path)
    _leave_unheld_journal(target, infos)
    result = BackedUp()
    for info in infos:
        try:
            copied = _copy_run(client, info, folder)
        except AbsentFilesError:
            result.absent += 1
        except TrackerError as error:
            if is_about_the_disk(error):
                raise
            result.troubles.append(f"Files of run {info.run_id}: {error}")
        else:
            result.add(info, copied)
        result.runs += 1
        progress(result.runs)
    with explained(f"complete the backup {str(target)!r}"):
        with unfinished.open("rb") as file:
            settle(file)
        unfinished.rename(target)
    return result


def _make_empty(folder: Path) -> None:
    with explained(f"make the folder {str(folder)!r}"):
        if folder.is_dir() and any(folder.glob(f"*{INCOMPLETE}")):
            raise AlreadyExistsError(
                f"{str(folder)!r} holds a backup that was interrupted: remove the folder, or name "
                f"another one."
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyExistsError(
                f"{str(folder)!r} is not an empty folder: name one that does not exist yet."
            )
        folder.mkdir(parents=True, exist_ok=True)


def _complete(copy_path: Path, original: Path) -> list[RunInfo]:
    """Add to a copy what only the journals of the original have; its runs."""
    copy = Store(Database(copy_path))
    for journal in found(original):
        for points in journal.points():
            copy.insert_points(points)
    with copy.database.read() as connection:
        infos = upkeep.all_runs(connection)
    upkeep.close_into_one_file(copy.database)
    copy.database.close()
    return infos


def _leave_unheld_journal(database: Path, infos: list[RunInfo]) -> None:
    """Leave a journal without a holder: in the copy, running runs are marked FAILED when read."""
    running = {
        info.run_id: now_ms()
        for info in infos
        if (info.status, info.lifecycle_stage) == (RunStatus.RUNNING, LifecycleStage.ACTIVE)
    }
    if running:
        process = "its process, at work when this copy was made,"
        write_abandoned(live_folder(database), pack_start(process, running))


def _copy_run(client: TrackingClient, info: RunInfo, folder: Path) -> Copied | None:
    """Copy the files of a run; None if they lie outside the database's folder."""
    store = client.open_location(info.artifact_uri)
    home = Path(os.path.realpath(client.store.database.folder))
    if not isinstance(store, LocalArtifacts) or not is_inside(store.root, home):
        return None
    place = store.root.relative_to(home).as_posix()
    return copy_files(store, open_artifacts(place, folder), overwrite=False)
