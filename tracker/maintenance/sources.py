"""Runs from another tracking database, ours or MLflow's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tracker.entities import RunStatus
from tracker.exceptions import (
    NotFoundError,
    TrackerError,
    UnsafePathError,
    UnsupportedError,
)
from tracker.files import open_artifacts
from tracker.files.local import LocalArtifacts
from tracker.files.paths import path_of_uri
from tracker.liveness import REASON_TAG, is_abandoned
from tracker.store import runs, transfer
from tracker.validation import check_run_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.database import Database
    from tracker.entities import Experiment, Run
    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

# Beside a database that was moved, or that an MLflow server wrote, its artifacts lie in these.
_USUAL_FOLDERS: Final = ("artifacts", "mlruns", "mlartifacts")


class DatabaseSource:
    """A database opened read-only.

    Args:
        database: The other database.
        allowed_roots: Folders and URLs outside of its folder that its artifacts may lie in.
    """

    def __init__(self, database: Database, allowed_roots: Sequence[str] = ()) -> None:
        self.database = database
        self._allowed_roots = allowed_roots
        # A hostile schema may call functions from its views and expressions.
        database.connection.execute("PRAGMA trusted_schema = OFF")

    def experiments(self) -> list[Experiment]:
        """All experiments, deleted ones included."""
        with self.database.read() as connection:
            return transfer.all_experiments(connection)

    def run_ids(self, experiment_id: str) -> list[str]:
        """All runs of an experiment, deleted ones included."""
        with self.database.read() as connection:
            return transfer.run_ids(connection, experiment_id)

    def get_run(self, run_id: str) -> Run:
        """One of them."""
        with self.database.read() as connection:
            run = runs.assemble(connection, [runs.get_info(connection, run_id)])[0]
        if run.info.status != RunStatus.RUNNING or not is_abandoned(self.database.path, run_id):
            return run
        # The other database is not written to: what its next reader would do is done here.
        run.data.tags.setdefault(REASON_TAG, "its process ended without closing the run")
        return replace(run, info=replace(run.info, status=RunStatus.FAILED))

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""
        with self.database.read() as connection:
            return transfer.deleted_time(connection, run_id)

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run.

        Raises:
            InvalidValueError: A number of the other database is none.
        """
        with self.database.read() as connection:
            yield from transfer.points(connection, run_id)

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run, where its URI says or in the usual place beside the database."""
        folder = self.database.folder
        try:
            store = open_artifacts(run.info.artifact_uri, folder, allowed_roots=self._allowed_roots)
        except (UnsafePathError, UnsupportedError) as error:
            usual = self._in_usual_place(run)
            if usual is None:
                raise self._explained(run, error) from error
            return usual
        if isinstance(store, LocalArtifacts) and not store.root.exists():
            return self._in_usual_place(run)
        return store

    def _explained(self, run: Run, error: TrackerError) -> TrackerError:
        """Why the files of a run cannot be had, in words for somebody who imports it."""
        try:
            place = path_of_uri(run.info.artifact_uri, self.database.folder)
        except UnsafePathError:
            return error
        if "://" in run.info.artifact_uri:
            return error
        if not place.exists():
            return NotFoundError(f"{str(place)!r} is not on this machine.")
        return UnsafePathError(
            f"they lie in {str(place)!r}, outside the database's folder; if you trust this "
            f"database, allow that folder or one above it"
        )

    def _in_usual_place(self, run: Run) -> ArtifactStore | None:
        tail = f"{int(run.info.experiment_id)}/{check_run_id(run.info.run_id)}/artifacts"
        for name in _USUAL_FOLDERS:
            store = open_artifacts(f"{name}/{tail}", self.database.folder)
            if isinstance(store, LocalArtifacts) and store.root.is_dir():
                return store
        return None
