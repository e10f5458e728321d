"""A copy of a database with its files, made while others write to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.database import Database
from tracker.entities import LifecycleStage, RunStatus
from tracker.exceptions import AlreadyExistsError, TrackerError
from tracker.files import open_artifacts
from tracker.files.local import LocalArtifacts
from tracker.files.paths import is_inside
from tracker.files.store import explained
from tracker.liveness import lock_folder
from tracker.maintenance.run_files import Copied, copy_files
from tracker.store import upkeep
from tracker.validation import check_run_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.client import TrackingClient
    from tracker.entities import RunInfo


@dataclass(slots=True)
class BackedUp:
    """What a backup holds. `elsewhere` counts runs whose files lie outside the folder."""

    runs: int = 0
    copied: Copied = field(default_factory=Copied)
    elsewhere: int = 0
    troubles: list[str] = field(default_factory=list)


def back_up(
    client: TrackingClient, folder: Path, progress: Callable[[int], None] = lambda _: None
) -> BackedUp:
    """Copy the database, then the files of the runs in the copy.

    In this order every run of the copy has all files that it had when the database was copied.

    Args:
        client: The database; it may be in use.
        folder: Where to; made where it does not exist.
        progress: Told after each run how many were done.

    Raises:
        AlreadyExistsError: The folder is not empty.
        ArtifactError: It cannot be made.
        DatabaseError: The copy cannot be written.
    """
    _make_empty(folder)
    database = client.store.database
    target = folder / database.path.name
    upkeep.copy_database(database, target)
    result = BackedUp()
    copy = Database(target, read_only=True)
    with copy.read() as connection:
        infos = upkeep.all_runs(connection)
    copy.close()
    _say_that_nobody_works(target, infos)
    for info in infos:
        try:
            _copy_run(client, info, folder, result)
        except TrackerError as error:
            result.troubles.append(f"Files of run {info.run_id}: {error}")
        result.runs += 1
        progress(result.runs)
    return result


def _make_empty(folder: Path) -> None:
    with explained(f"make the folder {str(folder)!r}"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyExistsError(
                f"{str(folder)!r} is not an empty folder: name one that does not exist yet."
            )
        folder.mkdir(parents=True, exist_ok=True)


def _say_that_nobody_works(database: Path, infos: list[RunInfo]) -> None:
    """Leave lock files without a holder: in the copy, running runs are marked FAILED when read."""
    for info in infos:
        if info.status == RunStatus.RUNNING and info.lifecycle_stage == LifecycleStage.ACTIVE:
            lock = lock_folder(database) / check_run_id(info.run_id)
            lock.parent.mkdir(exist_ok=True)
            lock.write_text("its process, at work when this copy was made,", encoding="utf-8")


def _copy_run(client: TrackingClient, info: RunInfo, folder: Path, result: BackedUp) -> None:
    store = client.open_location(info.artifact_uri)
    home = Path(os.path.realpath(client.store.database.folder))
    if not isinstance(store, LocalArtifacts) or not is_inside(store.root, home):
        result.elsewhere += 1
        return
    place = store.root.relative_to(home).as_posix()
    result.copied.add(copy_files(store, open_artifacts(place, folder), overwrite=False))
