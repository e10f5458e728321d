"""Checks of the database and the artifact store before any work is done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from tracker.exceptions import AbsentFilesError
from tracker.files import LocalArtifacts, open_artifacts
from training.errors import ConfigError, TrainingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.files import ArtifactStore
    from training.config import Config, Tracking

SAMPLE_RUN = f"{0:032x}/artifacts"
"""The artifact folder of some run, to check the location with."""


def check_tracking(config: Config, say: Callable[[str], None]) -> None:
    """Check that the database and the artifacts can be written; nothing is left behind.

    Args:
        config: Names the database, the experiment and the artifact location.
        say: Called with a sentence the user should read.

    Raises:
        ConfigError: The artifact location is not valid.
        TrainingError: A folder cannot be written.
        TrackerError: The existing database cannot be used.
    """
    tracking, database = config.tracking, Path(config.tracking.database)
    _check_writable(database.parent, "the database's folder")
    _check_database_writable(database)
    artifacts = _existing_store(tracking, say) if database.exists() else None
    if artifacts is None:
        artifacts = _future_store(tracking, database)
    if isinstance(artifacts, LocalArtifacts):
        _check_writable(artifacts.root.parents[1], "the artifact folder")


def open_database(config: Config) -> None:
    """Make the study's database and experiment the current ones.

    Raises:
        TrackerError: The database cannot be used.
    """
    _set_tracking_uri(config.tracking)
    tracker.set_experiment(config.tracking.experiment_name)


def open_existing(config: Config, wanted: str) -> tracker.TrackingClient:
    """Make the study's database the current one, to look something up; nothing is created.

    Args:
        config: Names it.
        wanted: What is looked up, for the message.

    Raises:
        UsageError: There is no such database.
        TrackerError: It cannot be used.
    """
    if not Path(config.tracking.database).exists():
        raise UsageError(f"there is no database {config.tracking.database} to find {wanted} in")
    _set_tracking_uri(config.tracking)
    return tracker.get_client()


def _existing_store(tracking: Tracking, say: Callable[[str], None]) -> ArtifactStore | None:
    """The artifact store of a run in the existing experiment; None if there is no such experiment.

    An experiment keeps its artifact location, whatever the configuration says later.
    """
    _set_tracking_uri(tracking)
    client = tracker.get_client()
    if client.get_experiment_by_name(tracking.experiment_name) is None:
        return None
    experiment = tracker.set_experiment(tracking.experiment_name)
    usual = client.absolute_location(
        f"{tracking.artifact_location.rstrip('/')}/{experiment.experiment_id}"
    )
    location = experiment.artifact_location or usual
    if location != usual:
        say(
            f"The experiment {experiment.name!r} keeps its artifacts in {location!r}; "
            f"tracking.artifact_location ({tracking.artifact_location!r}) is for new experiments."
        )
    try:
        return client.open_location(f"{location}/{SAMPLE_RUN}")
    except AbsentFilesError as error:  # the new run's folder is not there yet
        raise ConfigError(
            f"the experiment {experiment.name!r} keeps its artifacts in {location!r}, outside the "
            f"database's folder; allow it by TRACKER_ALLOWED_ROOTS={location}"
        ) from error


def _future_store(tracking: Tracking, database: Path) -> ArtifactStore:
    """The artifact store of a run in an experiment that does not exist yet."""
    location = tracking.artifact_location
    folder = next(place for place in database.parents if place.is_dir())
    try:
        return open_artifacts(
            f"{location}/{SAMPLE_RUN}", folder, allowed_roots=_allowed_roots(tracking)
        )
    except tracker.TrackerError as error:
        reason = str(error).replace(f"/{SAMPLE_RUN}", "")
        raise ConfigError(f"tracking.artifact_location is {location!r}: {reason}") from error


def _set_tracking_uri(tracking: Tracking) -> None:
    tracker.set_tracking_uri(
        tracking.database,
        artifact_root=tracking.artifact_location,
        allowed_roots=_allowed_roots(tracking),
    )


def _allowed_roots(tracking: Tracking) -> list[str]:
    """The artifact location, if it may lie outside the database's folder."""
    location = tracking.artifact_location
    return [location] if Path(location).is_absolute() or ":/" in location else []


def _check_database_writable(database: Path) -> None:
    """Check a database's permissions; SQLite would fail only at the first write."""
    effective = os.access in os.supports_effective_ids
    for name in (str(database), f"{database}-wal", f"{database}-shm"):
        is_there = os.access(name, os.F_OK, effective_ids=effective)
        if is_there and not os.access(name, os.W_OK, effective_ids=effective):
            raise TrainingError(f"the database file {name} cannot be written: Permission denied")


def _check_writable(folder: Path, what: str) -> None:
    """Check that a folder can be written, or created; nothing is left in it."""
    for place in (folder, *folder.parents):
        try:
            with tempfile.TemporaryFile(dir=place):
                return
        except FileNotFoundError:
            continue
        except OSError as error:
            message = f"{what}, {folder}, cannot be written: {error.strerror}"
            raise TrainingError(message) from error
