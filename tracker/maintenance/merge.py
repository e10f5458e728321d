"""Brings experiments and runs from a source into a database.

Run ids stay, experiments are matched by name. Doing it twice changes nothing, and an interrupted
merge is completed by another one: a run that is here already gains the points, parameters, tags,
data sets and files it lacks, and where both sides have a value, the one here stays. Only a run
that says RUNNING here and has ended there takes everything from there. With the runs come the
registered versions of their models.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from tracker.client import ARTIFACT_ROOT
from tracker.entities import LifecycleStage, RunStatus
from tracker.exceptions import (
    DiskFullError,
    InvalidValueError,
    NotFoundError,
    OutsideRootsError,
    ReadOnlyError,
    ServerUnreachableError,
    TrackerError,
)
from tracker.maintenance.registered_models import LocalRegistry, copy_models
from tracker.maintenance.run_files import Copied, copy_files
from tracker.numbers import plain_int
from tracker.store import datasets, experiments, metrics, runs, transfer
from tracker.tags import MLFLOW_RUN_NAME
from tracker.validation import check_experiment_name, check_run_id, check_status

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator

    from tracker.client import TrackingClient
    from tracker.entities import Experiment, Run, RunInfo
    from tracker.maintenance.sources import Source
    from tracker.store.metrics import Point

POINTS_A_TRANSACTION: Final = 20_000


@dataclass(slots=True)
class Merged:
    """What a merge did.

    Args:
        experiments_new: Experiments that were not here.
        runs_new: Runs that were not here.
        runs_completed: Runs that were here and gained something.
        runs_unchanged: Runs that were here as they are there.
        runs_running: Those of them that have not ended.
        without_files: Runs whose files, if they had any, are not on this machine.
        outside_roots: Runs whose files lie in a folder that was not allowed.
        copied: Their files.
        versions_new: Versions of registered models that were not here.
        notes: Sentences about what is here in another form, and stays.
        troubles: Sentences about what had to be left behind.
        damaged: Sentences about what nobody can read.
    """

    experiments_new: int = 0
    runs_new: int = 0
    runs_completed: int = 0
    runs_unchanged: int = 0
    runs_running: int = 0
    without_files: int = 0
    outside_roots: int = 0
    copied: Copied = field(default_factory=Copied)
    versions_new: int = 0
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many runs were looked at."""
        return self.runs_new + self.runs_completed + self.runs_unchanged


class Merge:
    """One merge.

    Args:
        source: Where runs come from.
        client: The database they go to.
        wanted: Ids of the runs to take; by default all, and experiments without runs too.
        with_artifacts: Whether their files come along.
        now: Milliseconds since the epoch, for experiments without a creation time.
        progress: Called after each run with the number of runs done.
    """

    def __init__(
        self,
        source: Source,
        client: TrackingClient,
        *,
        now: int,
        wanted: Collection[str] | None = None,
        with_artifacts: bool = True,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._client = client
        self._database = client.store.database
        self._now = now
        self._wanted = wanted
        self._with_artifacts = with_artifacts
        self._progress = progress
        self._taken: list[str] = []
        self.merged = Merged()

    def run(self) -> Merged:
        """Merge everything that is wanted.

        Raises:
            DatabaseError: One of the databases cannot be read or written. What was merged so far
                stays.
        """
        for experiment in self._source.experiments():
            experiment_id = self._experiment(experiment) if self._wanted is None else None
            for run_id in self._source.run_ids(experiment.experiment_id):
                if self._wanted is None or run_id in self._wanted:
                    if experiment_id is None:
                        experiment_id = self._experiment(experiment)
                    self._run_or_trouble(run_id, experiment_id)
                    self._progress(self.merged.runs)
        self._copy_models()
        gaps = self._source.gaps
        self.merged.outside_roots += gaps.outside_roots
        self.merged.troubles += dict.fromkeys(gaps.left_out)
        self.merged.damaged += dict.fromkeys(gaps.damaged)
        return self.merged

    def _copy_models(self) -> None:
        """Copy the versions that the runs have made, once their files are here."""
        registry = self._source.registry()
        if registry is None:
            return
        run_ids = {self._source.id_there(run_id): run_id for run_id in self._taken}
        try:
            copied = copy_models(registry, LocalRegistry(self._client.store), run_ids)
        except (TypeError, ValueError) as error:  # As for runs: a column may hold anything.
            self.merged.troubles.append(f"Registered models: {error}")
            return
        self.merged.versions_new += copied.versions
        self.merged.notes += copied.notes
        self.merged.troubles += copied.troubles

    def _experiment(self, received: Experiment) -> int:
        check_experiment_name(received.name)
        with self._database.write() as connection:
            known = experiments.find_by_name(connection, received.name)
            if known is not None:
                experiment_id = int(known.experiment_id)
                self._tell_of_deleted(received, known)
            else:
                experiment_id = transfer.insert_experiment(connection, received, self._now)
                location = f"{ARTIFACT_ROOT}/{experiment_id}"
                experiments.set_location(connection, experiment_id, location)
                self.merged.experiments_new += 1
            transfer.add_experiment_tags(connection, experiment_id, _texts(received.tags))
        return experiment_id

    def _tell_of_deleted(self, received: Experiment, known: Experiment) -> None:
        if received.lifecycle_stage == LifecycleStage.ACTIVE != known.lifecycle_stage:
            self.merged.troubles.append(
                f"The experiment {known.name!r} is deleted here: its runs arrive deleted too, and "
                f"come back when it is restored."
            )

    def _run_or_trouble(self, run_id: str, experiment_id: int) -> None:
        try:
            self._one(self._source.get_run(run_id), experiment_id)
            self._taken.append(run_id)
        except (DiskFullError, ReadOnlyError, ServerUnreachableError):
            raise
        # In a received database any column may hold a value of any type.
        except (TrackerError, TypeError, ValueError) as error:
            self.merged.troubles.append(f"Run {run_id!r}: {error}")

    def _one(self, run: Run, experiment_id: int) -> None:
        info = _checked(run.info, experiment_id)
        points = self._source.points(info.run_id)
        first = list(islice(points, POINTS_A_TRANSACTION))
        with self._database.write() as connection:
            known = runs.find_info(connection, info.run_id)
            overtaken = known is not None and _has_overtaken(info, known)
            before = connection.total_changes
            if known is None:
                self._insert(connection, info)
            elif overtaken:
                runs.update(connection, info.run_id, info.status, info.end_time, info.run_name)
            self._add_texts(connection, run, info, overwrite=overtaken)
            metrics.insert(connection, first)
            changes = connection.total_changes - before
            used = run.inputs.dataset_inputs
            target = runs.get_info(connection, info.run_id)
            datasets.insert(connection, target.experiment_id, info.run_id, used)
        changes += self._add_points(points)
        files = self._copy_files(run, overwrite=overtaken) if self._with_artifacts else 0
        self._count(info, is_new=known is None, has_changed=bool(changes or files))

    def _insert(self, connection: sqlite3.Connection, info: RunInfo) -> None:
        experiment = experiments.get(connection, info.experiment_id)
        stored = experiment.artifact_location
        location = experiments.location_of(stored, experiment.experiment_id).rstrip("/")
        placed = replace(info, artifact_uri=f"{location}/{info.run_id}/artifacts")
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            placed = replace(placed, lifecycle_stage=LifecycleStage.DELETED)
        deleted = self._source.deleted_time(info.run_id)
        transfer.insert_run(connection, placed, self._now if deleted is None else deleted)

    def _add_texts(
        self, connection: sqlite3.Connection, run: Run, info: RunInfo, *, overwrite: bool
    ) -> None:
        tags = _texts(run.data.tags)
        if info.run_name:
            tags.setdefault(MLFLOW_RUN_NAME, info.run_name)
        if overwrite:
            runs.set_tags(connection, info.run_id, tags)
        transfer.add_texts(connection, info.run_id, _texts(run.data.params), tags)

    def _add_points(self, points: Iterator[Point]) -> int:
        """Add points in transactions that keep no other writer waiting; how many rows changed."""
        changes = 0
        while chunk := list(islice(points, POINTS_A_TRANSACTION)):
            with self._database.write() as connection:
                before = connection.total_changes
                metrics.insert(connection, chunk)
                changes += connection.total_changes - before
        return changes

    def _copy_files(self, run: Run, *, overwrite: bool) -> int:
        """Copy the run's files; how many. What cannot be copied does not keep the run away."""
        try:
            store = self._source.artifacts(run)
            if store is None:
                return 0
            target = self._client.artifacts(run.info.run_id)
            copied = copy_files(store, target, overwrite=overwrite)
        except NotFoundError:
            self.merged.without_files += 1
            return 0
        except ServerUnreachableError:
            raise
        except TrackerError as error:
            self.merged.outside_roots += isinstance(error, OutsideRootsError)
            self.merged.troubles.append(f"Files of run {run.info.run_id}: {error}")
            return 0
        self.merged.copied.add(copied)
        self.merged.troubles += [
            f"Files of run {run.info.run_id}: {error}" for error in copied.errors
        ]
        return copied.files

    def _count(self, info: RunInfo, *, is_new: bool, has_changed: bool) -> None:
        if is_new:
            self.merged.runs_new += 1
        elif has_changed:
            self.merged.runs_completed += 1
        else:
            self.merged.runs_unchanged += 1
        if info.status == RunStatus.RUNNING and info.lifecycle_stage == LifecycleStage.ACTIVE:
            self.merged.runs_running += 1


def _checked(info: RunInfo, experiment_id: int) -> RunInfo:
    """A received run's row with nothing in it that the database or MLflow would stumble over.

    Raises:
        InvalidValueError: A value cannot be what it should be.
    """
    if info.lifecycle_stage not in set(LifecycleStage):
        raise InvalidValueError(f"There is no lifecycle stage {info.lifecycle_stage!r}.")
    return replace(
        info,
        run_id=check_run_id(info.run_id),
        run_name=str(info.run_name or ""),
        experiment_id=str(experiment_id),
        user_id=str(info.user_id or "unknown"),
        status=check_status(info.status),
        start_time=plain_int("start time", info.start_time or 0),
        end_time=None if info.end_time is None else plain_int("end time", info.end_time),
        artifact_uri="",
    )


def _has_overtaken(received: RunInfo, known: RunInfo) -> bool:
    """Whether a run that says RUNNING here has ended there."""
    return known.status == RunStatus.RUNNING and RunStatus.is_terminated(received.status)


def _texts(received: dict[str, str]) -> dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in received.items()}
