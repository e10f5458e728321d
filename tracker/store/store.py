"""The store: one method, one transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tracker.connection import retry_if_interrupted
from tracker.entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    Run,
    RunInfo,
    RunStatus,
    ViewType,
)
from tracker.exceptions import (
    AlreadyExistsError,
    DeletedExperimentError,
    InvalidStateError,
    NotFoundError,
)
from tracker.numbers import stored_value
from tracker.store import datasets, experiments, metrics, run_search, runs
from tracker.store.registry import Registry
from tracker.tags import MLFLOW_RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tracker.database import Database
    from tracker.journal.folding import Journal
    from tracker.store.metrics import Point, Series


class Store:
    """Reads and writes entities. The client has checked the arguments and put them in stored form.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = Registry(database)
        # Names the runs that this process works on.
        self.journal = None if database.read_only else database.journal
        # The same where points need not be committed at the call.
        self._point_journal = None if database.synchronous == "FULL" else self.journal

    def fold(self) -> None:
        """Bring into the database what this process logged metric by metric.

        Raises:
            DatabaseError: The database cannot be written; the points stay in the journal.
        """
        self.database.fold()

    # Experiments

    @retry_if_interrupted
    def create_experiment(
        self,
        name: str,
        location: str | None,
        tags: Mapping[str, str],
        now: int,
        root: str = experiments.ARTIFACT_ROOT,
    ) -> str:
        """Add an experiment; without a location, a folder below `root` named by its id is it.

        Raises:
            AlreadyExistsError: The name is taken, by a deleted experiment too.
        """
        with self.database.write() as connection:
            self._refuse_taken_name(name)
            experiment_id = experiments.insert(connection, name, location, now)
            if location is None:
                experiments.set_location(connection, experiment_id, f"{root}/{experiment_id}")
            for key, value in tags.items():
                experiments.set_tag(connection, str(experiment_id), key, value)
        return str(experiment_id)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment with this id.

        Raises:
            NotFoundError: There is no such experiment.
        """
        with self.database.read() as connection:
            return experiments.get(connection, experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment with this name, deleted ones included."""
        with self.database.read() as connection:
            return experiments.find_by_name(connection, name)

    def search_experiments(
        self,
        view: ViewType,
        filter_string: str | None,
        order_by: Sequence[str] | None,
        limit: int,
        offset: int,
    ) -> list[Experiment]:
        """The experiments that match, in order.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        from tracker.search import compile_experiment_search  # noqa: PLC0415

        found = compile_experiment_search(filter_string, order_by)
        with self.database.read() as connection:
            return experiments.search(connection, view, found, limit, offset)

    @retry_if_interrupted
    def rename_experiment(self, experiment_id: str, name: str, now: int) -> None:
        """Give an active experiment another name.

        Raises:
            AlreadyExistsError: The name is taken.
            DeletedExperimentError: The experiment is deleted.
        """
        with self.database.write() as connection:
            if self._active_experiment(experiment_id, DeletedExperimentError).name != name:
                self._refuse_taken_name(name)
            experiments.rename(connection, experiment_id, name, now)

    @retry_if_interrupted
    def set_experiment_stage(self, experiment_id: str, stage: LifecycleStage, now: int) -> None:
        """Delete or restore an experiment with its runs.

        Raises:
            NotFoundError: There is no such experiment, or it is at that stage already.
        """
        with self.database.write() as connection:
            experiment = experiments.get(connection, experiment_id)
            if experiment.lifecycle_stage == stage:
                raise NotFoundError(f"The experiment {experiment.name!r} is {stage} already.")
            experiments.set_stage(connection, experiment_id, stage, now)
        self._forget_active_runs()

    @retry_if_interrupted
    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag of an active experiment."""
        with self.database.write() as connection:
            self._active_experiment(experiment_id)
            experiments.set_tag(connection, experiment_id, key, value)

    @retry_if_interrupted
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment.

        Raises:
            NotFoundError: There is no such tag.
        """
        with self.database.write() as connection:
            self._active_experiment(experiment_id)
            if not experiments.delete_tag(connection, experiment_id, key):
                raise NotFoundError(f"Experiment {experiment_id} has no tag {key!r}.")

    # Runs

    @retry_if_interrupted
    def create_run(
        self,
        experiment_id: str,
        run_id: str,
        name: str,
        user_id: str,
        start_time: int,
        tags: Mapping[str, str],
    ) -> RunInfo:
        """Add a RUNNING run to an active experiment, below whose location its artifacts go.

        Raises:
            NotFoundError: There is no such experiment.
            InvalidStateError: It is deleted.
        """
        with self.database.write() as connection:
            location = experiments.active_location(connection, experiment_id)
            if location is None:
                location = self._active_experiment(experiment_id).artifact_location or ""
            created = RunInfo(
                run_id=run_id,
                run_name=name,
                experiment_id=experiment_id,
                user_id=user_id,
                status=RunStatus.RUNNING.value,
                start_time=start_time,
                end_time=None,
                lifecycle_stage=LifecycleStage.ACTIVE.value,
                artifact_uri=f"{location.rstrip('/')}/{run_id}/artifacts",
            )
            runs.insert(connection, created)
            runs.set_tags(connection, run_id, tags)
        return created

    def get_run(self, run_id: str) -> Run:
        """The whole run.

        Raises:
            NotFoundError: There is no such run.
        """
        with self.database.read() as connection:
            return runs.assemble(connection, [runs.get_info(connection, run_id)])[0]

    def get_run_info(self, run_id: str) -> RunInfo:
        """The run's row.

        Raises:
            NotFoundError: There is no such run.
        """
        with self.database.read() as connection:
            return runs.get_info(connection, run_id)

    @retry_if_interrupted
    def update_run(
        self,
        run_id: str,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
        stale_tags: Collection[str] = (),
        unless: Collection[str] = (),
    ) -> None:
        """Change an active run's status with its end time, its name, or both.

        `stale_tags` are removed: they described the previous status.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: It is deleted, or its status is one of `unless`.
        """
        with self.database.write() as connection:
            if unless and (status_now := runs.get_info(connection, run_id).status) in unless:
                raise InvalidStateError(f"The run {run_id!r} is {status_now}.")
            runs.update(connection, run_id, status, end_time, name, only_active=True)
            if name is not None:
                runs.set_tags(connection, run_id, {MLFLOW_RUN_NAME: name})
            for tag in stale_tags:
                runs.delete_tag(connection, run_id, tag)

    def end_run(self, run_id: str, status: str, end_time: int) -> None:
        """Set an active run's status and its end time.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: It is deleted.
        """
        change = (status, end_time, run_id)
        if self.database.in_transaction or self.database.execute(runs.END, change) == 0:
            self.update_run(run_id, status, end_time)

    @retry_if_interrupted
    def set_run_stage(self, run_id: str, stage: LifecycleStage, now: int) -> None:
        """Delete or restore a run."""
        with self.database.write() as connection:
            runs.get_info(connection, run_id)
            runs.set_stage(connection, run_id, stage, now)
        self._forget_active_runs()

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None,
        view: ViewType,
        limit: int,
        offset: int,
        order_by: Sequence[str] | None,
    ) -> list[Run]:
        """The runs that match, in order.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        with self.database.read() as connection:
            infos = self.search_run_infos(
                experiment_ids, filter_string, view, limit, offset, order_by
            )
            return runs.assemble(connection, infos)

    def search_run_infos(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None,
        view: ViewType,
        limit: int,
        offset: int,
        order_by: Sequence[str] | None,
    ) -> list[RunInfo]:
        """The rows of the runs that match, in order.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        from tracker.search import compile_run_search  # noqa: PLC0415

        found = compile_run_search(filter_string, order_by)
        with self.database.read() as connection:
            return run_search.search_infos(connection, experiment_ids, view, found, limit, offset)

    @retry_if_interrupted
    def fail_abandoned(
        self, run_id: str, reason: str, reason_tag: str, last_seen: int, now: int
    ) -> bool:
        """Mark a run FAILED if it still says RUNNING; whether it did.

        It ended with its last sign of life: when it was `last_seen`, or logged its newest point.
        """
        with self.database.write() as connection:
            info = runs.find_info(connection, run_id)
            if info is None or info.status != RunStatus.RUNNING:
                return False
            logged = metrics.last_timestamp(connection, run_id)
            last_sign = last_seen if logged is None else max(last_seen, logged)
            end_time = max(info.start_time or 0, min(last_sign, now))
            runs.update(connection, run_id, RunStatus.FAILED, end_time)
            runs.set_tags(connection, run_id, {reason_tag: reason})
        return True

    # What a run logs

    def log_points(
        self,
        run_id: str,
        keys: tuple[str, ...],
        values: Iterable[float],
        timestamp: int,
        step: int,
    ) -> None:
        """Add a point to the history of each of some metrics, through the journal if there is one.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
            DatabaseError: The disk is full, say.
        """
        journal = self._point_journal
        if journal is None or not journal.append((run_id, keys), step, timestamp, values):
            self._log_first_points(run_id, keys, list(values), timestamp, step)

    @retry_if_interrupted
    def insert_points(self, points: Sequence[Point]) -> Collection[str]:
        """Add points of several runs from a journal, those of unknown runs left out.

        Returns:
            The runs that are unknown or deleted.
        """
        with self.database.write(folds=False) as connection:
            stages = {run_id: runs.stage(connection, run_id) for run_id in {p[5] for p in points}}
            if None in stages.values():
                points = [point for point in points if stages[point[5]] is not None]
            metrics.insert(connection, points)
        return [run_id for run_id, stage in stages.items() if stage != LifecycleStage.ACTIVE]

    @retry_if_interrupted
    def log_series(self, run_id: str, series: Series) -> None:
        """Add many points to the history of one metric."""
        with self.database.write() as connection:
            runs.check_active(connection, run_id)
            metrics.insert_series(connection, run_id, series)

    @retry_if_interrupted
    def log_batch(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, parameters and tags together or not at all.

        Raises:
            ParamConflictError: A parameter was logged before with another value.
        """
        with self.database.write() as connection:
            runs.check_active(connection, run_id)
            if params:
                runs.insert_params(connection, run_id, params)
            if tags:
                runs.set_tags(connection, run_id, tags)
            metrics.insert(connection, points)
            if tags and MLFLOW_RUN_NAME in tags:
                runs.update(connection, run_id, name=tags[MLFLOW_RUN_NAME])

    @retry_if_interrupted
    def append_to_tag(self, run_id: str, key: str, entry: Mapping[str, Any], longest: int) -> None:
        """Add an entry to the JSON list in a tag; the oldest go where it becomes too long."""
        with self.database.write() as connection:
            runs.check_active(connection, run_id)
            entries = [*runs.list_in_tag(connection, run_id, key), entry]
            while len(text := json.dumps(entries)) > longest:
                del entries[0]
            runs.set_tags(connection, run_id, {key: text})

    @retry_if_interrupted
    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: There is no such tag.
        """
        with self.database.write() as connection:
            runs.require_active(connection, run_id)
            if not runs.delete_tag(connection, run_id, key):
                raise NotFoundError(f"Run {run_id!r} has no tag {key!r}.")

    @retry_if_interrupted
    def log_inputs(self, run_id: str, dataset_inputs: Sequence[DatasetInput]) -> None:
        """Say which data sets a run used."""
        with self.database.write() as connection:
            info = runs.require_active(connection, run_id)
            datasets.insert(connection, info.experiment_id, run_id, dataset_inputs)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric by (step, timestamp)."""
        with self.database.read() as connection:
            runs.get_info(connection, run_id)
            return metrics.history(connection, run_id, key)

    def best_step(self, run_id: str, key: str, mode: str) -> int | None:
        """The first step at which a metric was best."""
        with self.database.read() as connection:
            runs.get_info(connection, run_id)
            return metrics.best_step(connection, run_id, key, mode)

    def _log_first_points(
        self, run_id: str, keys: tuple[str, ...], values: list[float], timestamp: int, step: int
    ) -> None:
        """Have the journal take the row of an active run, or commit it where there is none."""
        journal = self._point_journal
        while keys and journal is not None and self._takes(journal, run_id, keys):
            if journal.append((run_id, keys), step, timestamp, values):
                return
        stored = map(stored_value, values)
        self.log_batch(
            run_id,
            [
                (key, value, timestamp, step, is_nan, run_id)
                for key, (value, is_nan) in zip(keys, stored, strict=True)
            ],
        )

    def _takes(self, journal: Journal, run_id: str, keys: tuple[str, ...]) -> bool:
        if journal.is_closed:
            return False
        if journal.must_fold:
            self.fold()
        self.database.refuse_removed_file()
        with self.database.read(folds=False) as connection:
            runs.check_active(connection, run_id)
        return journal.allow(self, (run_id, keys))

    def _forget_active_runs(self) -> None:
        """Let the journal notice at the next point that a run is deleted."""
        if self.journal is not None:
            self.journal.forget()

    def _active_experiment(
        self, experiment_id: str, refusal: type[InvalidStateError] = InvalidStateError
    ) -> Experiment:
        experiment = experiments.get(self.database.connection, experiment_id)
        if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
            raise refusal(
                f"The experiment {experiment.name!r} is deleted: restore it with "
                f"`restore_experiment({experiment_id!r})` first."
            )
        return experiment

    def _refuse_taken_name(self, name: str) -> None:
        taken = experiments.find_by_name(self.database.connection, name)
        if taken is None:
            return
        advice = "choose another name"
        if taken.lifecycle_stage == LifecycleStage.DELETED:
            advice = f"restore it with `restore_experiment({taken.experiment_id!r})` or {advice}"
        raise AlreadyExistsError(
            f"There is already an experiment named {name!r} ({taken.lifecycle_stage}, id "
            f"{taken.experiment_id}): {advice}."
        )
