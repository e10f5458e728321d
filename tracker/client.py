"""The client: every verb with an explicit run id; validates, takes the time, gives out ids."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeVar

from tracker import context, encoding, liveness, locations, names
from tracker import validation as check
from tracker.database import Database, Synchronous
from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunData,
    RunStatus,
    RunTag,
    ViewType,
)
from tracker.exceptions import (
    DatabaseError,
    InvalidValueError,
    NotFoundError,
    ReadOnlyError,
    TrackerError,
    UnsupportedError,
    warn,
)
from tracker.file_locks import exclusive
from tracker.liveness import lock_folder
from tracker.numbers import (
    now_ms,
    plain_float,
    plain_floats,
    plain_int,
    plain_ints,
    plain_timestamp,
    plain_timestamps,
    stored_value,
    stored_values,
)
from tracker.store import Store, experiments
from tracker.store.metrics import Series
from tracker.store.runs import require_active
from tracker.tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_LOGGED_IMAGES,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_USER,
    TRACKER_FAILURE_REASON,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

__all__ = [
    "MlflowClient",
    "PagedList",
    "TrackingClient",
]

ARTIFACT_ROOT: Final = experiments.ARTIFACT_ROOT
ROOTS_VARIABLE: Final = "TRACKER_ALLOWED_ROOTS"
REAP_SECONDS: Final = 5.0
# Beside the lock files of runs; with its dot, no run's id.
TABLES_LOCK: Final = "tables.lock"
SEARCH_LIMIT: Final = 1_000

Entity = TypeVar("Entity")


class PagedList(list[Entity]):
    """One page of a search, with the token of the next (None at the end)."""

    def __init__(self, items: Iterable[Entity], token: str | None) -> None:
        super().__init__(items)
        self.token = token


class RunOperations:
    """MLflow's handle on what is logged in the background; here it is in the file already."""

    def wait(self) -> None:
        """Return at once."""


DONE: Final = RunOperations()


class TrackingClient:
    """Reads and writes one tracking database; may be used from several threads.

    Args:
        tracking_uri: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path; by
            default what `set_tracking_uri` named, else the environment variable `TRACKER_URI`,
            else `tracking.db` in the working directory.
        registry_uri: For MLflow's sake; there is no model registry.
        synchronous: `FULL` makes every call survive a power loss too, at some five times the
            cost.
        read_only: Refuse every write.
        artifact_root: Where artifacts of new experiments go, relative to the database's folder.
        allowed_roots: Folders and URL prefixes outside the database's folder whose artifacts may
            be read and written; the environment variable `TRACKER_ALLOWED_ROOTS` adds more,
            separated as in `PATH`.

    Raises:
        DatabaseError: The database cannot be opened; the message says why.
        InvalidValueError: The URI names no local file.
    """

    def __init__(
        self,
        tracking_uri: str | os.PathLike[str] | None = None,
        registry_uri: str | None = None,  # noqa: ARG002
        *,
        synchronous: Synchronous = "NORMAL",
        read_only: bool = False,
        artifact_root: str = ARTIFACT_ROOT,
        allowed_roots: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self.tracking_uri = os.fspath(tracking_uri or locations.default_uri())
        path = locations.database_path(self.tracking_uri)
        self.store = Store(Database(path, synchronous=synchronous, read_only=read_only))
        self._artifact_root = artifact_root.rstrip("/") or ARTIFACT_ROOT
        # The colon of "s3://" separates nothing.
        extra = re.split(rf"{os.pathsep}(?!//)", os.environ.get(ROOTS_VARIABLE, ""))
        self.allowed_roots = [os.fspath(root) for root in (*allowed_roots, *filter(None, extra))]
        self._next_reap = 0.0

    def artifacts(self, run_id: str) -> ArtifactStore:
        """The files of one run.

        Raises:
            UnsafePathError: The run's location leads out of the database's folder.
        """
        return self.open_location(self.store.get_run_info(run_id).artifact_uri)

    def open_location(self, artifact_uri: str) -> ArtifactStore:
        """The files below an artifact location."""
        from tracker.files import open_artifacts  # noqa: PLC0415  Costs `import tracker` 8 ms.

        folder = self.store.database.folder
        return open_artifacts(artifact_uri, folder, allowed_roots=self.allowed_roots)

    def allow_root(self, location: str) -> None:
        """Let this client use artifacts at an absolute path or URL outside the folder."""
        if is_root(location):
            self.allowed_roots.append(location)

    def check_location(self, location: str) -> None:
        """See to it that the user's location can hold the artifacts of an experiment.

        Raises:
            InvalidValueError: It cannot; says why.
        """
        from tracker.files import check_location  # noqa: PLC0415

        roots = [*self.allowed_roots, *([location] if is_root(location) else [])]
        try:
            check_location(location, self.store.database.folder, allowed_roots=roots)
        except TrackerError as error:
            raise InvalidValueError(
                f"The artifact location {location!r} cannot be used: {error}."
            ) from error

    def _keep_long_texts(self, run_id: str, texts: Mapping[str, str]) -> None:
        if not texts:
            return
        try:
            contents = {name: encoding.from_text(text) for name, text in texts.items()}
            self.artifacts(run_id).log_contents(contents)
        except TrackerError as error:  # The run goes on without them.
            names = ", ".join(texts)
            warn(f"{names} cannot be kept: {error}")

    def reap(self) -> None:
        """Look for abandoned runs, at most once in a few seconds."""
        if time.monotonic() >= self._next_reap:
            # On a full disk, or beside a long transaction, reading goes on.
            with contextlib.suppress(DatabaseError):
                liveness.reap(self.store)
            self._next_reap = time.monotonic() + REAP_SECONDS

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"The tracker's client has no {name!r}: it keeps experiments, runs, metrics, "
            f"parameters, tags, data sets and artifacts, not models, traces or registries."
        )

    # Experiments

    def create_experiment(
        self,
        name: str,
        artifact_location: str | os.PathLike[str] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Args:
            name: Unique, deleted experiments included.
            artifact_location: Where its runs' artifacts go: relative to the database's folder, or
                an absolute path or URL, which is then an allowed root of this client. None and ""
                are the usual place.
            tags: Its first tags.

        Raises:
            AlreadyExistsError: The name is taken.
            InvalidValueError: The name, the location or a tag breaks a rule.
        """
        check.check_experiment_name(name)
        location = None
        if artifact_location:
            location = os.fspath(artifact_location)
            self.check_location(location)
            self.allow_root(location)
        texts = cut_all("tag", texts_of("tag", tags or {}), check.MAX_EXPERIMENT_TAG_VALUE)
        return self.store.create_experiment(name, location, texts, now_ms(), self._artifact_root)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment with this id.

        Raises:
            NotFoundError: There is none.
        """
        return self.store.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment with this name, deleted ones included, or None."""
        return self.store.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_LIMIT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of the experiments that match.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: The view, the limit or the token is none.
        """
        limit, offset = page(max_results, page_token)
        view = check.check_view(view_type)
        found = self.store.search_experiments(view, filter_string, order_by, limit + 1, offset)
        return paged(found, limit, offset)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name.

        Raises:
            AlreadyExistsError: The name is taken.
            DeletedExperimentError: The experiment is deleted.
        """
        self.store.rename_experiment(experiment_id, check.check_experiment_name(new_name), now_ms())

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs; `restore_experiment` brings them back.

        Raises:
            NotFoundError: There is no such experiment, or it is deleted already.
        """
        self.store.set_experiment_stage(experiment_id, LifecycleStage.DELETED, now_ms())

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back.

        Raises:
            NotFoundError: There is no such experiment, or it is not deleted.
        """
        self.store.set_experiment_stage(experiment_id, LifecycleStage.ACTIVE, now_ms())

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment."""
        check.check_key("tag", key)
        text = cut("tag", key, str(value), check.MAX_EXPERIMENT_TAG_VALUE)
        self.store.set_experiment_tag(experiment_id, key, text)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_experiment_tag(experiment_id, key)

    # Runs

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a RUNNING run.

        Args:
            experiment_id: Where it belongs.
            start_time: Milliseconds since the epoch; now by default.
            tags: Its first tags.
            run_name: Its name; the tag `mlflow.runName` or a random one by default.

        Raises:
            NotFoundError: There is no such experiment.
            InvalidStateError: The experiment is deleted.
            InvalidValueError: The key of a tag breaks a rule, or the tag says another name.
        """
        whole = texts_of("tag", tags or {})
        tagged = whole.get(MLFLOW_RUN_NAME)
        if run_name and tagged and str(run_name) != tagged:
            raise InvalidValueError(
                f"The run is given two names, {run_name!r} and {tagged!r} (the tag "
                f"{MLFLOW_RUN_NAME!r}): leave out one of them."
            )
        texts = cut_all("tag", whole, check.MAX_TAG_VALUE)
        name = str(run_name or tagged or names.random_name())
        texts[MLFLOW_RUN_NAME] = name = cut("run", "name", name, check.MAX_RUN_NAME)
        user = texts.get(MLFLOW_USER) or context.user_name()
        started = now_ms() if start_time is None else plain_int("start time", start_time)
        run_id = names.random_id()
        with liveness.Taken(self.store.database.path, run_id, is_new=True):
            info = self.store.create_run(str(experiment_id), run_id, name, user, started, texts)
        self._keep_long_texts(run_id, too_long("tags", whole, check.MAX_TAG_VALUE))
        return Run(info, RunData(tags=texts))

    def get_run(self, run_id: str) -> Run:
        """The whole run.

        Raises:
            NotFoundError: There is no such run.
        """
        self.reap()
        return self.store.get_run(check.check_run_id(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run under which this one was nested."""
        parent = self.get_run(run_id).data.tags.get(MLFLOW_PARENT_RUN_ID)
        return None if parent is None else self.get_run(parent)

    def resume_run(self, run_id: str, *, unless: Collection[str] = ()) -> Run:
        """Set a run RUNNING again and say that this process works on it.

        Args:
            run_id: Which.
            unless: Statuses in which it is left alone. Of several processes that ask at the same
                time for one that is not RUNNING, one gets it.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted, or its status is one of `unless`.
        """
        with liveness.Taken(self.store.database.path, run_id):
            self.store.update_run(
                run_id, RunStatus.RUNNING, stale_tag=TRACKER_FAILURE_REASON, unless=unless
            )
            liveness.sign(self.store.database.path, run_id)
        return self.store.get_run(run_id)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Set a run's status, its name, or both; a terminal status sets the end time.

        An empty name leaves the name as it is.
        """
        if name is not None:
            name = cut("run", "name", str(name), check.MAX_RUN_NAME) or None
        if status is not None:
            status = check.check_status(status)
        ended = status is not None and RunStatus.is_terminated(status)
        stale = None if status is None else TRACKER_FAILURE_REASON
        self.store.update_run(run_id, status, now_ms() if ended else None, name, stale)
        if ended:
            liveness.release(self.store.database.path, run_id)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run.

        Args:
            run_id: Which.
            status: FINISHED by default.
            end_time: Milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: There is no such status, or the end is no time.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        final = check.check_status(status or RunStatus.FINISHED)
        end = now_ms() if end_time is None else plain_int("end time", end_time)
        if liveness.is_held(self.store.database.path, run_id):  # Nobody can have marked it.
            self.store.end_run(run_id, final, end)
        else:
            self.store.update_run(run_id, final, end, stale_tag=TRACKER_FAILURE_REASON)
        liveness.release(self.store.database.path, run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete a run; `restore_run` brings it back."""
        self.store.set_run_stage(run_id, LifecycleStage.DELETED, now_ms())

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.set_run_stage(run_id, LifecycleStage.ACTIVE, now_ms())

    def search_runs(
        self,
        experiment_ids: Sequence[str] | int,
        filter_string: str = "",
        run_view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_LIMIT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of the runs that match.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: The ids, the view, the limit or the token are none.
        """
        self.reap()
        limit, offset = page(max_results, page_token)
        ids = check.check_experiment_ids(experiment_ids)
        view = check.check_view(run_view_type)
        found = self.store.search_runs(ids, filter_string, view, limit + 1, offset, order_by)
        return paged(found, limit, offset)

    # What a run records

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,  # noqa: FBT001
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Add one point to a metric's history; it survives a killed process when this returns.

        Args:
            run_id: Which run.
            key: The metric's name.
            value: A Python, numpy or one-element torch number; NaN and ±infinity are kept.
            timestamp: Milliseconds since the epoch; now by default.
            step: Any whole number; 0 by default.
            synchronous: False asks for an operation to wait for, which is done already: every
                verb that takes this argument is synchronous.
            dataset_name: Refused, as is
            dataset_digest: and
            model_id: points belong to runs only.

        Raises:
            InvalidValueError: The key or a number breaks a rule.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
            UnsupportedError: A model or a data set is named.
        """
        if model_id is not None or dataset_name is not None or dataset_digest is not None:
            check.refuse(
                model_id=model_id, dataset_name=dataset_name, dataset_digest=dataset_digest
            )
        if type(run_id) is not str:
            check.check_run_id(run_id)
        self.store.log_points(run_id, [_point(run_id, key, value, timestamp, step)])
        return DONE if synchronous is False else None

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write metrics, parameters and tags together or not at all.

        Raises:
            InvalidValueError: A key or value breaks a rule; nothing is written.
            ParamConflictError: A parameter was logged before with another value.
        """
        points = [_point(run_id, m.key, m.value, m.timestamp, m.step) for m in metrics]
        self._log(
            run_id,
            points,
            {param.key: param.value for param in _unique_params(params)},
            {tag.key: tag.value for tag in tags},
        )
        return DONE if synchronous is False else None

    def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, Any],
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Add one point to each of several metrics, in one transaction.

        Raises:
            InvalidValueError: A key or a number breaks a rule; nothing is written.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        if type(run_id) is not str:
            check.check_run_id(run_id)
        check.check_keys("metric", tuple(metrics))
        moment = now_ms() if timestamp is None else plain_timestamp(timestamp)
        counter = 0 if step is None else plain_int("step", step)
        points = [
            (key, value, moment, counter, 0, run_id)
            if type(value) is float and isfinite(value)
            else _point(run_id, key, value, moment, counter)
            for key, value in metrics.items()
        ]
        self.store.log_points(run_id, points)
        return DONE if synchronous is False else None

    def log_history(
        self,
        run_id: str,
        key: str,
        values: Sequence[Any],
        steps: Sequence[int] | None = None,
        timestamps: Sequence[int] | None = None,
    ) -> None:
        """Add many points of one metric in one transaction.

        Args:
            run_id: Which run.
            key: The metric's name.
            values: (N,) numbers; a list or a numpy array.
            steps: (N,) whole numbers; 0 … N-1 by default.
            timestamps: (N,) milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: The lengths differ, or an element is not a number.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        check.check_run_id(run_id)
        check.check_key("metric", key)
        numbers = plain_floats(key, values)
        counted = range(len(numbers)) if steps is None else plain_ints("step", steps)
        moments = now_ms() if timestamps is None else plain_timestamps(timestamps)
        given = len(numbers) if isinstance(moments, int) else len(moments)
        if not len(numbers) == len(counted) == given:
            raise InvalidValueError(
                f"The history of {key!r} has {len(numbers)} values, {len(counted)} steps and "
                f"{given} timestamps; give as many of each."
            )
        stored, is_nan = stored_values(numbers)
        self.store.log_series(run_id, Series(key, stored, moments, counted, is_nan))

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> Any:
        """Write a parameter once and return its value.

        Raises:
            ParamConflictError: It was logged before with another value.
        """
        self._log(run_id, (), {key: value}, {})
        return DONE if synchronous is False else value

    def log_params(
        self,
        run_id: str,
        params: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write several parameters once, all or none."""
        self._log(run_id, (), params, {})
        return DONE if synchronous is False else None

    def set_tag(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite a tag."""
        self._log(run_id, (), {}, {key: value})
        return DONE if synchronous is False else None

    def set_tags(
        self,
        run_id: str,
        tags: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite several tags, all or none."""
        self._log(run_id, (), {}, tags)
        return DONE if synchronous is False else None

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_tag(run_id, key)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Say which data sets a run used, all or none.

        Raises:
            InvalidValueError: One is no data set, or lacks a name, a digest or a source.
            UnsupportedError: Models are named.
        """
        check.refuse(models=models)
        check.check_run_id(run_id)
        self.store.log_inputs(run_id, [check.check_dataset_input(used) for used in datasets or ()])

    def log_input(
        self,
        run_id: str,
        dataset: Dataset,
        context: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Say that a run used a data set.

        Args:
            run_id: Which run.
            dataset: What it was.
            context: What for: "train", "validation", "test".
            tags: More about the use.

        Raises:
            InvalidValueError: It is no data set, or lacks a name, a digest or a source.
        """
        self.log_inputs(run_id, [dataset_input(dataset, context, tags)])

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric by (step, timestamp).

        Raises:
            NotFoundError: There is no such run.
        """
        return self.store.get_metric_history(run_id, key)

    def best_step(self, run_id: str, key: str, mode: Literal["min", "max"] = "min") -> int | None:
        """The first step at which a metric was lowest or highest; None without a number.

        Raises:
            InvalidValueError: `mode` is neither "min" nor "max".
        """
        if mode not in {"min", "max"}:
            raise InvalidValueError(f"best_step takes mode 'min' or 'max', not {mode!r}.")
        return self.store.best_step(run_id, key, mode)

    def _log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> None:
        check.check_run_id(run_id)
        param_texts, tag_texts = texts_of("parameter", params), texts_of("tag", tags)
        long = too_long("params", param_texts, check.MAX_PARAM_VALUE)
        long |= too_long("tags", tag_texts, check.MAX_TAG_VALUE)
        if MLFLOW_RUN_NAME in tag_texts:
            name = cut("run", "name", tag_texts.pop(MLFLOW_RUN_NAME), check.MAX_RUN_NAME)
            tag_texts |= {MLFLOW_RUN_NAME: name} if name else {}
        self.store.log_batch(
            run_id,
            points,
            cut_all("parameter", param_texts, check.MAX_PARAM_VALUE),
            cut_all("tag", tag_texts, check.MAX_TAG_VALUE),
        )
        self._keep_long_texts(run_id, long)

    # Artifacts

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep a file, or a folder with all it holds, below `artifact_path`."""
        self._writable(run_id).log_file(local_path, artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep all that a folder holds below `artifact_path`."""
        self._writable(run_id).log_folder(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a file.

        Raises:
            InvalidValueError: It is no text, or not valid Unicode.
        """
        self._writable(run_id).log_bytes(encoding.from_text(text), artifact_file)

    def log_stream(self, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
        """Keep what a binary stream still holds as a file."""
        self._writable(run_id).log_bytes(stream.read(), artifact_file)

    def log_dict(
        self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str
    ) -> None:
        """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
        content = encoding.from_dict(dictionary, artifact_file)
        self._writable(run_id).log_bytes(content, artifact_file)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
    ) -> None:
        """Keep an image under a name of its own, or as one of a series of `key` by step.

        Args:
            run_id: Which run.
            image: A PIL image or an array (H, W[, 1|3|4]): integers in [0, 255] or floats in
                [0, 1].
            artifact_file: Its name; or
            key: the name of the series, with `step` and `timestamp` (ms).
            step: The caller's counter.
            timestamp: Milliseconds since the epoch; now by default.
            synchronous: For MLflow's sake.

        Raises:
            InvalidValueError: Not exactly one of `artifact_file` and `key` is given.
        """
        if (artifact_file is None) == (key is None):
            raise InvalidValueError("log_image takes either artifact_file or key.")
        if key is not None:
            self._log_image_of_series(run_id, image, key, step or 0, timestamp)
            return
        name = str(artifact_file)
        self._writable(run_id).log_bytes(encoding.from_image(image, name), name)

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a matplotlib or plotly figure as a picture."""
        content = encoding.from_figure(figure, artifact_file, save_kwargs or {})
        self._writable(run_id).log_bytes(content, artifact_file)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON; rows logged again under the same name are appended.

        Of several processes and threads that log to one table, each row stays.

        Args:
            run_id: Which run.
            data: A dict of columns or a DataFrame.
            artifact_file: A name that ends in `.json`.

        Raises:
            InvalidValueError: Another ending, or the data or the file is no table.
        """
        if not artifact_file.endswith(".json"):
            raise InvalidValueError(f"A table is kept as JSON: end {artifact_file!r} with '.json'.")
        store = self._writable(run_id)
        with exclusive(lock_folder(self.store.database.path) / TABLES_LOCK):
            try:
                with store.open(artifact_file) as file:
                    earlier = file.read()
            except NotFoundError:
                earlier = None
            store.log_bytes(encoding.from_table(data, earlier), artifact_file)
            self._remember_table(run_id, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The rows that runs logged by `log_table` under one name, one below the other.

        Args:
            experiment_id: Whose active runs to look at, where no `run_ids` are given.
            artifact_file: The table's name.
            run_ids: Which runs; each must have the table.
            extra_columns: What to add of the run: "run_id", "status", "params.lr", …

        Raises:
            NotFoundError: There is no such table.
        """
        import pandas as pd  # noqa: PLC0415

        runs = [self.store.get_run(check.check_run_id(run_id)) for run_id in run_ids or ()]
        found = runs or self.store.search_runs(
            [experiment_id], None, ViewType.ACTIVE_ONLY, -1, 0, ["start_time"]
        )
        tables = []
        for run in found:
            try:
                path = self.artifacts(run.info.run_id).local_path(artifact_file)
            except NotFoundError:
                if runs:
                    raise
                continue
            columns = {name: _run_field(run, name) for name in extra_columns or ()}
            tables.append(encoding.read_table(path.read_bytes()).assign(**columns))
        if not tables:
            raise NotFoundError(f"No run of experiment {experiment_id} has {artifact_file!r}.")
        return pd.concat(tables, ignore_index=True)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below `path`, by name."""
        return self.artifacts(run_id).list(_named(path))

    def download_artifacts(
        self, run_id: str, path: str, dst_path: str | os.PathLike[str] | None = None
    ) -> str:
        """The path of an artifact, of all for "": where it lies, or of a copy below `dst_path`.

        Raises:
            NotFoundError: There is no such artifact.
        """
        return str(self.artifacts(run_id).download(_named(path), dst_path))

    def _writable(self, run_id: str) -> ArtifactStore:
        """The files of a run that may be written.

        Raises:
            ReadOnlyError: The database was opened read-only.
            NotFoundError: There is no such run.
            InvalidStateError: It is deleted.
        """
        database = self.store.database
        if database.read_only:
            raise ReadOnlyError(
                f"{str(database.path)!r} was opened read-only: open it without `read_only` to log "
                f"files."
            )
        with database.read() as connection:
            info = require_active(connection, check.check_run_id(run_id))
        return self.open_location(info.artifact_uri)

    def _log_image_of_series(
        self, run_id: str, image: Any, key: str, step: int, timestamp: int | None
    ) -> None:
        """The names and the tag by which MLflow's pages find the images of a series."""
        series = check.check_key("image", key).replace("/", "~")
        moment = now_ms() if timestamp is None else timestamp
        name = f"images/{series}+step+{step}+timestamp+{moment}+{names.random_id()}"
        picture = encoding.from_image(image, f"{name}.png")
        store = self._writable(run_id)
        thumbnail = encoding.thumbnail(picture)
        store.log_contents({f"{name}.png": picture, f"{name}+compressed.webp": thumbnail})
        self.store.log_batch(run_id, (), {}, {MLFLOW_LOGGED_IMAGES: "True"})

    def _remember_table(self, run_id: str, artifact_file: str) -> None:
        """MLflow's pages find tables through a tag; it has room for some two hundred."""
        try:
            known = json.loads(
                self.store.get_run(run_id).data.tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]")
            )
        except ValueError:  # Not for us to mend.
            return
        entry = {"path": artifact_file, "type": "table"}
        longer = json.dumps([*known, entry])
        if entry not in known and len(longer) <= check.MAX_TAG_VALUE:
            self.store.log_batch(run_id, (), {}, {MLFLOW_LOGGED_ARTIFACTS: longer})


# The name under which scripts written for MLflow know it.
MlflowClient = TrackingClient


def is_root(location: str) -> bool:
    """Whether a location is an absolute path or a URL."""
    return ":/" in location or Path(location).is_absolute()


def page(max_results: int | None, token: str | None) -> tuple[int, int]:
    """How many rows a page shows, and the first of them."""
    limit = SEARCH_LIMIT if max_results is None else check.check_max_results(max_results)
    offset = str(token or 0)  # MLflow takes an empty token for none.
    if not offset.isdecimal() or int(offset) > check.MAX_RESULTS:
        raise InvalidValueError(f"{token!r} is no page token: pass the `token` of the last page.")
    return limit, int(offset)


def paged(found: list[Entity], limit: int, offset: int) -> PagedList[Entity]:
    """A page of what was found with a limit one greater: whether more follows."""
    more = len(found) > limit
    return PagedList(found[:limit], str(offset + limit) if more else None)


def texts_of(kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters or tags as text.

    Raises:
        InvalidValueError: A key breaks a rule.
    """
    return {check.check_key(kind, key): str(value) for key, value in values.items()}


def too_long(folder: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    """The texts that are cut, by the names under which they are kept whole."""
    if max(map(len, texts.values()), default=0) <= limit:
        return {}
    return {
        f"long_values/{folder}/{key}.txt": text for key, text in texts.items() if len(text) > limit
    }


def cut_all(kind: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    """The texts, each cut to `limit` characters with a warning."""
    if max(map(len, texts.values()), default=0) <= limit:
        return dict(texts)
    return {key: cut(kind, key, text, limit) for key, text in texts.items()}


def cut(kind: str, key: str, text: str, limit: int) -> str:
    """The text, cut to `limit` characters with a warning."""
    if len(text) <= limit:
        return text
    warn(
        f"The {kind} {key!r} has {len(text)} characters and is cut to {limit}; where it belongs to "
        f"a run, the whole text is kept among its artifacts under long_values/.",
    )
    return text[:limit]


def dataset_input(
    dataset: Dataset, context: str | None, tags: Mapping[str, Any] | None
) -> DatasetInput:
    """A data set with the tags that say what it is used for."""
    marks = dict(tags or {})
    if context is not None:
        marks[MLFLOW_DATASET_CONTEXT] = context
    return DatasetInput(dataset, [InputTag(key, str(value)) for key, value in marks.items()])


def _point(run_id: str, key: str, value: Any, timestamp: int | None, step: int | None) -> Point:
    check.check_key("metric", key)
    number = value if type(value) is float else plain_float(key, value)
    stored, is_nan = stored_value(number)
    moment = now_ms() if timestamp is None else plain_timestamp(timestamp)
    counter = 0 if step is None else plain_int("step", step)
    return key, stored, moment, counter, is_nan, run_id


def _unique_params(params: Sequence[Param]) -> Sequence[Param]:
    seen: dict[str, str] = {}
    for param in params:
        if str(seen.setdefault(param.key, param.value)) != str(param.value):
            raise InvalidValueError(
                f"The batch gives the parameter {param.key!r} twice, as {seen[param.key]!r} and "
                f"{param.value!r}."
            )
    return params


def _named(path: str | None) -> str | None:
    """What a path names; MLflow lets that of a folder end in a slash."""
    return path and (path.rstrip("/") or path)


def _run_field(run: Run, name: str) -> Any:
    """What `search_runs` shows in the column of this name."""
    group, dot, key = name.partition(".")
    if dot and group in {"metrics", "params", "tags"}:
        return getattr(run.data, group).get(key)
    if not hasattr(run.info, name):
        raise InvalidValueError(f"A run has no {name!r}; take 'run_id', 'status', 'params.lr', …")
    return getattr(run.info, name)
