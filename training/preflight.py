"""Where runs are recorded: checked before any work, opened when it is to be recorded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from tracker.files import LocalArtifacts, open_artifacts
from training.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.files import ArtifactStore
    from training.config import Config, Tracking

ANY_RUN = f"{0:032x}/artifacts"


def check_tracking(config: Config, say: Callable[[str], None]) -> None:
    """Refuse a database or files that could not be written; nothing is left behind.

    Args:
        config: Names the database, the experiment and the place of its files.
        say: Told, in a sentence, what a user should know.

    Raises:
        ConfigError: The place of the files is none.
        TrainingError: A folder cannot be written.
        TrackerError: The database that is there cannot be used.
    """
    tracking, database = config.tracking, Path(config.tracking.database)
    _check_writable(database.parent, "the database's folder")
    _check_files_writable(database)
    files = _files_in_use(tracking, say) if database.exists() else None
    if files is None:
        files = _files_to_come(tracking, database)
    if isinstance(files, LocalArtifacts):
        _check_writable(files.root.parents[1], "the folder of the runs' files")


def open_database(config: Config) -> None:
    """Make the study's database and experiment the current ones.

    Raises:
        TrackerError: The database cannot be used.
    """
    _choose(config.tracking)
    tracker.set_experiment(config.tracking.experiment_name)


def _files_in_use(tracking: Tracking, say: Callable[[str], None]) -> ArtifactStore | None:
    """Where a run of the experiment would keep its files; None where there is no such experiment.

    An experiment keeps its place, whatever the configuration says later.
    """
    _choose(tracking)
    client = tracker.get_client()
    if client.get_experiment_by_name(tracking.experiment_name) is None:
        return None
    experiment = tracker.set_experiment(tracking.experiment_name)
    usual = f"{tracking.artifact_location.rstrip('/')}/{experiment.experiment_id}"
    location = experiment.artifact_location or usual
    if location != usual:
        say(
            f"The experiment {experiment.name!r} keeps its files in {location!r}, as it began; "
            f"tracking.artifact_location ({tracking.artifact_location!r}) is for new experiments."
        )
    return client.open_location(f"{location}/{ANY_RUN}")


def _files_to_come(tracking: Tracking, database: Path) -> ArtifactStore:
    """Where a run of a new experiment would keep its files."""
    location = tracking.artifact_location
    folder = next(place for place in database.parents if place.is_dir())
    try:
        return open_artifacts(f"{location}/{ANY_RUN}", folder, allowed_roots=_roots(tracking))
    except tracker.TrackerError as error:
        reason = str(error).replace(f"/{ANY_RUN}", "")
        raise ConfigError(f"tracking.artifact_location is {location!r}: {reason}") from error


def _choose(tracking: Tracking) -> None:
    tracker.set_tracking_uri(
        tracking.database,
        artifact_root=tracking.artifact_location,
        allowed_roots=_roots(tracking),
    )


def _roots(tracking: Tracking) -> list[str]:
    """The place of the files, where it may lie outside the database's folder."""
    location = tracking.artifact_location
    return [location] if Path(location).is_absolute() or ":/" in location else []


def _check_files_writable(database: Path) -> None:
    """Refuse a database that can only be read; SQLite would tell at the first write."""
    effective = os.access in os.supports_effective_ids
    for name in (str(database), f"{database}-wal", f"{database}-shm"):
        is_there = os.access(name, os.F_OK, effective_ids=effective)
        if is_there and not os.access(name, os.W_OK, effective_ids=effective):
            raise TrainingError(f"the database's file {name} cannot be written: Permission denied")


def _check_writable(folder: Path, what: str) -> None:
    """Refuse a folder that can be neither written nor made; nothing is left in it."""
    for place in (folder, *folder.parents):
        try:
            with tempfile.TemporaryFile(dir=place):
                return
        except FileNotFoundError:
            continue
        except OSError as error:
            message = f"{what}, {folder}, cannot be written: {error.strerror}"
            raise TrainingError(message) from error
