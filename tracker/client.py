"""The client: every verb with an explicit run id.

It checks what the caller passes, takes the time and makes the ids; the store underneath gets valid
arguments in stored form.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import time
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeVar

from tracker import context, encoding, environment, frames, images, liveness, locations, names
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
    PagedList,
    Param,
    Run,
    RunData,
    RunOperations,
    RunStatus,
    RunTag,
    ViewType,
)
from tracker.exceptions import (
    DatabaseError,
    InvalidStateError,
    InvalidTypeError,
    InvalidValueError,
    NotFoundError,
    ParamConflictError,
    TrackerError,
    warn,
)
from tracker.file_locks import exclusive
from tracker.journal.file import live_folder
from tracker.journal.recovery import waiting
from tracker.long_values import as_texts, experiment_texts, shorten, shorten_run_name
from tracker.numbers import (
    now_ms,
    plain_float,
    plain_floats,
    plain_int,
    plain_ints,
    plain_time,
    plain_timestamp,
    plain_timestamps,
    stored_value,
    stored_values,
)
from tracker.registry import ModelRegistry
from tracker.store import Store, experiments
from tracker.store.metrics import Series
from tracker.store.runs import require_active
from tracker.tags import (
    FAILURE_TAGS,
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_LOGGED_IMAGES,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_USER,
)
from tracker.unsupported import missing, public_names
from tracker.validation import check_experiment_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd

    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

__all__ = [
    "MlflowClient",
    "TrackingClient",
]

ARTIFACT_ROOT: Final = experiments.ARTIFACT_ROOT
REAP_SECONDS: Final = 5.0
# Beside the lock files of runs; because of its dot it cannot be a run's id.
TABLES_LOCK: Final = "tables.lock"
SEARCH_LIMIT: Final = 1_000
DONE: Final = RunOperations()

PathOrNone = TypeVar("PathOrNone", str, str | None)


class TrackingClient(ModelRegistry):
    """Reads and writes one tracking database; may be used from several threads.

    Args:
        tracking_uri: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path. Default:
            what `set_tracking_uri` named, else the environment variable `TRACKER_URI`, else
            `tracking.db` in the working directory.
        registry_uri: Accepted for MLflow's sake and ignored.
        synchronous: "FULL" makes every call survive a power loss too: each waits until its
            commit is on the disk, the logging of a metric included.
        read_only: Refuse every write.
        artifact_root: Where artifacts of new experiments go, relative to the database's folder.
        allowed_roots: Folders and URL prefixes outside the database's folder whose artifacts may
            be read and written; the environment variable `TRACKER_ALLOWED_ROOTS` adds more,
            separated as in `PATH`.

    Raises:
        DatabaseError: The database cannot be opened; the message says why.
        InvalidValueError: The URI does not name a local file, or `synchronous` is another word.

    Example::

        client = TrackingClient("tracking.db")
        run = client.create_run(experiment_id="0")
        client.log_metric(run.info.run_id, "loss", 0.3, step=1)
        client.set_terminated(run.info.run_id)
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
        self.allowed_roots = [
            os.fspath(root) for root in allowed_roots
        ] + environment.allowed_roots()
        self._next_reap = 0.0
        self.reap()

    def __repr__(self) -> str:
        return f"<TrackingClient {str(self.store.database.path)!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("TrackingClient", name, public_names(type(self)))

    def reap(self) -> None:
        """Fold what dead processes left in their journals, and mark their runs FAILED.

        Looks at most once every five seconds.
        """
        if time.monotonic() >= self._next_reap:
            # On a full disk, or beside a long transaction, reading goes on.
            with contextlib.suppress(DatabaseError):
                liveness.reap(self.store)
            self._next_reap = time.monotonic() + REAP_SECONDS

    def waiting_points(self) -> int:
        """How many points of dead processes are in their journals, but not in the database yet.

        They get there when somebody who may write the database opens it.
        """
        return waiting(self.store.database.path)

    # Experiments

    def create_experiment(
        self,
        name: str,
        artifact_location: str | os.PathLike[str] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Args:
            name: Unique among all experiments, deleted ones included.
            artifact_location: Where its runs' artifacts go: a path, relative to the working
                directory, or a URL. Outside the database's folder it becomes an allowed root of
                this client. Default: `<artifact_root>/<experiment_id>` in the database's folder.
            tags: Its first tags.

        Raises:
            AlreadyExistsError: The name is taken.
            InvalidValueError: The name, the location or a tag breaks a rule.
        """
        check.check_experiment_name(name)
        location = None
        if artifact_location:
            folder = self.store.database.folder
            location = locations.portable_location(os.fspath(artifact_location), folder)
            self.check_location(location)
            self.allow_root(location)
        texts = experiment_texts(tags or {})
        return self.store.create_experiment(name, location, texts, now_ms(), self._artifact_root)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment with this id.

        Raises:
            NotFoundError: There is no such experiment.
        """
        return self.located_experiment(
            self.store.get_experiment(check_experiment_id(experiment_id))
        )

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment with this name, also a deleted one; None if there is none."""
        found = self.store.get_experiment_by_name(name)
        return None if found is None else self.located_experiment(found)

    def search_experiments(
        self,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_LIMIT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of the experiments that match.

        Args:
            view_type: ACTIVE_ONLY, DELETED_ONLY or ALL.
            max_results: Length of a page, 1 to 50,000.
            filter_string: A filter in the search language, such as `"name LIKE 'mnist%'"`.
            order_by: Such as `["name DESC"]`. Default: the newest first.
            page_token: `token` of the page before; None for the first page.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: An argument is not a valid view, limit or token.
        """
        limit, offset = check.check_page(max_results, page_token, SEARCH_LIMIT)
        view = check.check_view(view_type)
        found = self.store.search_experiments(view, filter_string, order_by, limit + 1, offset)
        return PagedList.cut(list(map(self.located_experiment, found)), limit, offset)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name.

        Raises:
            AlreadyExistsError: The name is taken.
            DeletedExperimentError: The experiment is deleted.
            InvalidValueError: The name is empty or too long.
        """
        self.store.rename_experiment(
            check_experiment_id(experiment_id),
            check.check_experiment_name(new_name),
            now_ms(),
        )

    def delete_experiment(self, experiment_id: str, *, force: bool = True) -> None:
        """Delete an experiment and its runs; `restore_experiment` brings them back.

        Args:
            experiment_id: The experiment.
            force: As in `delete_run`, for all its runs.

        Raises:
            NotFoundError: There is no such experiment, or it is deleted already.
            InvalidStateError: A process is working on one of the runs, and `force` is False.
        """
        if not force:
            self.check_not_in_use(experiment_ids=[experiment_id])
        self.store.set_experiment_stage(
            check_experiment_id(experiment_id), LifecycleStage.DELETED, now_ms()
        )

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back.

        Raises:
            NotFoundError: There is no such experiment, or it is not deleted.
        """
        self.store.set_experiment_stage(
            check_experiment_id(experiment_id), LifecycleStage.ACTIVE, now_ms()
        )

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment.

        Args:
            experiment_id: The experiment to tag.
            key: The tag's name.
            value: Stored as `str(value)`, at most 20,000 characters.

        Raises:
            InvalidValueError: The key breaks a rule, or the value is too long.
            NotFoundError: There is no such experiment.
        """
        self.store.set_experiment_tag(
            check_experiment_id(experiment_id), key, experiment_texts({key: value})[key]
        )

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_experiment_tag(check_experiment_id(experiment_id), key)

    # Runs

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a run with the status RUNNING.

        Args:
            experiment_id: The experiment it belongs to.
            start_time: Milliseconds since the epoch; now by default.
            tags: Its first tags.
            run_name: Default: the tag `mlflow.runName`, else a random name.

        Raises:
            NotFoundError: There is no such experiment.
            InvalidStateError: The experiment is deleted.
            InvalidValueError: The key of a tag breaks a rule, or the name and the tag
                `mlflow.runName` differ.
        """
        given = as_texts("tag", tags or {})
        tagged = given.pop(MLFLOW_RUN_NAME, None)
        if run_name and tagged and str(run_name) != tagged:
            raise InvalidValueError(
                f"The run is given two names, {run_name!r} and {tagged!r} (the tag "
                f"{MLFLOW_RUN_NAME!r}): leave out one of them."
            )
        name = str(run_name or tagged or names.random_name())
        name, whole_name = shorten_run_name(name, check.MAX_RUN_NAME)
        texts, whole = shorten("tag", given, check.MAX_TAG_VALUE)
        texts[MLFLOW_RUN_NAME] = name
        user = texts.get(MLFLOW_USER) or context.user_name()
        started = now_ms() if start_time is None else plain_time("start time", start_time)
        home = check_experiment_id(experiment_id)
        run_id = names.random_id()
        with liveness.Held(self.store, run_id, is_new=True):
            info = self.store.create_run(home, run_id, name, user, started, texts)
        self._keep_whole(run_id, whole | whole_name)
        return self.located(Run(info, RunData(tags=texts)))

    def get_run(self, run_id: str) -> Run:
        """The run with its latest metrics, parameters, tags and data sets.

        Raises:
            InvalidValueError: It cannot be a run id.
            NotFoundError: There is no such run.
        """
        self.reap()
        return self.located(self.store.get_run(check.check_run_id(run_id)))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run under which this one was nested; None for a run that is not nested.

        Raises:
            NotFoundError: There is no such run.
        """
        parent = self.get_run(run_id).data.tags.get(MLFLOW_PARENT_RUN_ID)
        return None if parent is None else self.get_run(parent)

    def resume_run(self, run_id: str, *, unless: Collection[str] = ()) -> Run:
        """Set a run RUNNING again and record that this process works on it.

        Args:
            run_id: The run to resume.
            unless: Statuses in which the run is left alone. Of several processes that resume the
                same run at once with `unless=["RUNNING"]`, one succeeds.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted, or its status is one of `unless`.
        """
        with liveness.Held(self.store, run_id):
            self.store.update_run(run_id, RunStatus.RUNNING, stale_tags=FAILURE_TAGS, unless=unless)
        return self.located(self.store.get_run(run_id))

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Set a run's status, its name, or both; a terminal status sets the end time.

        Args:
            run_id: The run to change.
            status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED; None leaves it.
            name: None and "" leave it.

        Raises:
            InvalidValueError: There is no such status.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        whole: dict[str, str] = {}
        if name is not None:
            name, whole = shorten_run_name(str(name), check.MAX_RUN_NAME)
        if status is not None:
            status = check.check_status(status)
        ended = status is not None and RunStatus.is_terminated(status)
        stale = () if status is None else FAILURE_TAGS
        self.store.update_run(run_id, status, now_ms() if ended else None, name or None, stale)
        self._keep_whole(run_id, whole)
        if ended:
            liveness.release(self.store, run_id)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run.

        Args:
            run_id: The run to end.
            status: FINISHED by default.
            end_time: Milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: There is no such status, or `end_time` is not an integer.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        final = check.check_status(status or RunStatus.FINISHED)
        end = now_ms() if end_time is None else plain_time("end time", end_time)
        if liveness.is_held(self.store, run_id):  # Nobody can have marked it.
            self.store.end_run(run_id, final, end)
        else:
            self.store.update_run(run_id, final, end, stale_tags=FAILURE_TAGS)
        liveness.release(self.store, run_id)

    def delete_run(self, run_id: str, *, force: bool = True) -> None:
        """Delete a run; `restore_run` brings it back.

        Args:
            run_id: The run.
            force: Also delete a run that a process is working on, which then cannot log to it any
                more. By default, as in MLflow.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: A process is working on the run, and `force` is False.
        """
        if not force:
            self.check_not_in_use([run_id])
        self.store.set_run_stage(run_id, LifecycleStage.DELETED, now_ms())

    def check_not_in_use(
        self, run_ids: Sequence[str] = (), experiment_ids: Sequence[str] = ()
    ) -> None:
        """Refuse runs, and runs of experiments, that a process is working on.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: A process is working on one of them; the message names it.
        """
        running = self.store.search_run_infos(
            experiment_ids, "status = 'RUNNING'", ViewType.ACTIVE_ONLY, check.MAX_RESULTS, 0, ()
        )
        for info in (*map(self.store.get_run_info, run_ids), *running):
            if owner := liveness.owner(self.store, info.run_id):
                raise InvalidStateError(
                    f"Run {info.run_name!r} ({info.run_id}) is in use by {owner}: stop that "
                    f"process first, or force the deletion."
                )

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back.

        Raises:
            NotFoundError: There is no such run.
        """
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

        Args:
            experiment_ids: The experiments to search, one id or several.
            filter_string: A filter in the search language, such as `"metrics.loss < 0.1"`.
            run_view_type: ACTIVE_ONLY, DELETED_ONLY or ALL.
            max_results: Length of a page, 1 to 50,000.
            order_by: Such as `["metrics.loss ASC"]`; runs without the value come last. Default:
                the newest first.
            page_token: `token` of the page before; None for the first page.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: An argument is not a valid id, view, limit or token.
        """
        self.reap()
        limit, offset = check.check_page(max_results, page_token, SEARCH_LIMIT)
        ids = check.check_experiment_ids(experiment_ids)
        view = check.check_view(run_view_type)
        found = self.store.search_runs(ids, filter_string, view, limit + 1, offset, order_by)
        return PagedList.cut(list(map(self.located, found)), limit, offset)

    # Metrics, parameters, tags

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
            run_id: The run to log to.
            key: The metric's name.
            value: A Python, numpy or one-element torch number; NaN and ±infinity are kept.
            timestamp: Milliseconds since the epoch; now by default.
            step: Any integer; 0 by default.
            synchronous: Every call is synchronous; False returns an already completed handle.
            dataset_name: Not supported; passing one raises.
            dataset_digest: Not supported; passing one raises.
            model_id: Not supported; passing one raises.

        Raises:
            InvalidValueError: The key breaks a rule, or a value is not a number.
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
        try:
            check.check_key("metric", key)
        except TypeError as error:  # It cannot be a key of a cache either.
            raise InvalidTypeError(f"A metric key is a string, not {key!r:.60}.") from error
        number = value if type(value) is float else plain_float(key, value)
        timestamp_ms = now_ms() if timestamp is None else plain_timestamp(timestamp)
        at_step = 0 if step is None else plain_int("step", step)
        self.store.log_points(run_id, (key,), (number,), timestamp_ms, at_step)
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

        Args:
            run_id: The run to log to.
            metrics: Metric name to number.
            step: Any integer; 0 by default.
            timestamp: Milliseconds since the epoch; now by default.
            synchronous: Every call is synchronous; False returns an already completed handle.

        Raises:
            InvalidValueError: A key breaks a rule, or a value is not a number; nothing is written.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        if type(run_id) is not str:
            check.check_run_id(run_id)
        if type(metrics) is not dict:
            check.check_mapping("metric", metrics)
        keys = check.check_keys("metric", tuple(metrics))
        timestamp_ms = now_ms() if timestamp is None else plain_timestamp(timestamp)
        at_step = 0 if step is None else plain_int("step", step)
        values = [
            value if type(value) is float else plain_float(key, value)
            for key, value in metrics.items()
        ]
        self.store.log_points(run_id, keys, values, timestamp_ms, at_step)
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
            run_id: The run to log to.
            key: The metric's name.
            values: (N,) numbers; a list or a numpy array.
            steps: (N,) integers; 0 … N-1 by default.
            timestamps: (N,) milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: The lengths differ, or an element is not a number.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        check.check_run_id(run_id)
        check.check_key("metric", key)
        numbers = plain_floats(key, values)
        at_steps = range(len(numbers)) if steps is None else plain_ints("step", steps)
        times = now_ms() if timestamps is None else plain_timestamps(timestamps)
        given = len(numbers) if isinstance(times, int) else len(times)
        if not len(numbers) == len(at_steps) == given:
            raise InvalidValueError(
                f"The history of {key!r} has {len(numbers)} values, {len(at_steps)} steps and "
                f"{given} timestamps; give as many of each."
            )
        stored, is_nan = stored_values(numbers)
        self.store.log_series(run_id, Series(key, stored, times, at_steps, is_nan))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write metrics, parameters and tags together or not at all; any number of them.

        Args:
            run_id: The run to log to.
            metrics: Points; the timestamp and step of each are its own.
            params: Each is written once.
            tags: Each is set or overwritten.
            synchronous: Every call is synchronous; False returns an already completed handle,
                whose `wait` raises a ParamConflictError instead of this call.

        Raises:
            InvalidTypeError: An element is of another kind; nothing is written.
            InvalidValueError: A key or value breaks a rule; nothing is written.
            ParamConflictError: A parameter was logged before with another value.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        try:
            points = [_point(run_id, m.key, m.value, m.timestamp, m.step) for m in metrics]
            texts = {param.key: param.value for param in _unique_params(params)}
            tag_texts = {tag.key: tag.value for tag in tags}
        except AttributeError as error:
            raise InvalidTypeError(
                f"log_batch takes lists of Metric, Param and RunTag ({error}): give dictionaries "
                f"to log_metrics, log_params and set_tags."
            ) from error
        return _completed(partial(self._log, run_id, points, texts, tag_texts), synchronous)

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> Any:
        """Write a parameter once and return its value; the same value again is accepted.

        Args:
            run_id: The run to log to.
            key: The parameter's name.
            value: Stored as `str(value)`; cut above 6,000 characters, with the whole kept as an
                artifact.
            synchronous: Every call is synchronous; False returns an already completed handle,
                whose `wait` raises a ParamConflictError instead of this call.

        Raises:
            ParamConflictError: It was logged before with another value.
            InvalidValueError: The key breaks a rule.
        """
        handle = _completed(partial(self._log, run_id, (), {key: value}, {}), synchronous)
        return value if handle is None else handle

    def log_params(
        self,
        run_id: str,
        params: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write several parameters once, all or none; see `log_param`.

        Raises:
            ParamConflictError: One was logged before with another value.
            InvalidValueError: A key breaks a rule.
        """
        return _completed(partial(self._log, run_id, (), params, {}), synchronous)

    def set_tag(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite a tag.

        Args:
            run_id: The run to tag.
            key: The tag's name.
            value: Stored as `str(value)`; cut above 8,000 characters, with the whole kept as an
                artifact.
            synchronous: Every call is synchronous; False returns an already completed handle.

        Raises:
            InvalidValueError: The key breaks a rule.
            NotFoundError: There is no such run.
        """
        self._log(run_id, (), {}, {key: value})
        return DONE if synchronous is False else None

    def set_tags(
        self,
        run_id: str,
        tags: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite several tags, all or none; see `set_tag`.

        Raises:
            InvalidValueError: A key breaks a rule.
            NotFoundError: There is no such run.
        """
        self._log(run_id, (), {}, tags)
        return DONE if synchronous is False else None

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_tag(run_id, key)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric by (step, timestamp); empty for a metric never logged.

        Raises:
            NotFoundError: There is no such run.
        """
        return self.store.get_metric_history(run_id, key)

    def best_step(self, run_id: str, key: str, mode: Literal["min", "max"] = "min") -> int | None:
        """The first step at which a metric was lowest or highest; None without a number.

        Args:
            run_id: The run to look at.
            key: The metric's name.
            mode: "min" for the lowest value, "max" for the highest; NaN never wins.

        Raises:
            InvalidValueError: `mode` is neither "min" nor "max".
            NotFoundError: There is no such run.
        """
        if mode not in {"min", "max"}:
            raise InvalidValueError(f"best_step takes mode 'min' or 'max', not {mode!r}.")
        return self.store.best_step(run_id, key, mode)

    # Data sets

    def log_input(
        self,
        run_id: str,
        dataset: Dataset,
        context: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record that a run used a data set.

        Args:
            run_id: The run that used it.
            dataset: See `tracker.data.from_numpy` and `from_pandas`.
            context: What for: "train", "validation", "test".
            tags: More about the use.

        Raises:
            InvalidValueError: It is not a data set, or lacks a name, a digest or a source.
            NotFoundError: There is no such run.
        """
        self.log_inputs(run_id, [dataset_input(dataset, context, tags)])

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Record which data sets a run used, all or none.

        Args:
            run_id: The run that used them.
            datasets: Data sets with their tags.
            models: Not supported; passing one raises.

        Raises:
            InvalidValueError: One is not a data set, or lacks a name, a digest or a source.
            UnsupportedError: Models are named.
        """
        check.refuse(models=models)
        check.check_run_id(run_id)
        self.store.log_inputs(run_id, [check.check_dataset_input(used) for used in datasets or ()])

    # Artifacts

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store a file, or a folder with everything in it.

        Args:
            run_id: The run to log to.
            local_path: The file or folder.
            artifact_path: Folder below the run's artifact root; the root itself by default.

        Raises:
            ArtifactError: It cannot be read or written.
            UnsafePathError: `artifact_path` leads out of the run's artifacts.
        """
        self._writable(run_id).log_file(local_path, _normalized(artifact_path))

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store everything in a folder.

        Args:
            run_id: The run to log to.
            local_dir: The folder.
            artifact_path: Folder below the run's artifact root; the root itself by default.

        Raises:
            ArtifactError: It cannot be read or written.
            UnsafePathError: `artifact_path` leads out of the run's artifacts.
        """
        self._writable(run_id).log_folder(local_dir, _normalized(artifact_path))

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Store a text as a UTF-8 file.

        Raises:
            InvalidValueError: It is not a text, or not valid Unicode.
        """
        self._writable(run_id).log_bytes(encoding.from_text(text), _normalized(artifact_file))

    def log_stream(self, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
        """Store the rest of a binary stream as a file."""
        self._writable(run_id).log_bytes(stream.read(), _normalized(artifact_file))

    def log_dict(
        self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str
    ) -> None:
        """Store a dictionary or list as JSON, or as YAML if the name ends in `.yaml` or `.yml`.

        Raises:
            InvalidValueError: It holds something that JSON cannot express.
        """
        content = encoding.from_dict(dictionary, artifact_file)
        self._writable(run_id).log_bytes(content, _normalized(artifact_file))

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
        """Store an image as a file, or as one image of a series over steps.

        Args:
            run_id: The run to log to.
            image: A PIL image or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): integers in
                [0, 255] or floats in [0, 1].
            artifact_file: Its file name; give this or `key`.
            key: The name of the series.
            step: Position in the series; 0 by default.
            timestamp: Milliseconds since the epoch; now by default. For a series only.
            synchronous: Accepted for MLflow's sake; every call is synchronous.

        Raises:
            InvalidTypeError: Not exactly one of `artifact_file` and `key` is given, `step` or
                `timestamp` without `key`, or it is not an image.
            InvalidValueError: The image has another shape, or an integer out of range. Floats out
                of range are scaled to it with a warning.
            UnsupportedError: Pillow is not installed.
        """
        if (artifact_file is None) == (key is None):
            raise InvalidTypeError("log_image takes either artifact_file or key.")
        if artifact_file is not None and not step is timestamp is None:
            raise InvalidTypeError("step and timestamp belong to a series: give key instead.")
        if key is None:
            name = _normalized(str(artifact_file))
            self._writable(run_id).log_bytes(images.from_image(image, name), name)
            return
        check.check_key("image", key)
        timestamp_ms = now_ms() if timestamp is None else timestamp
        files = images.image_of_series(image, key, step or 0, timestamp_ms, names.random_id())
        self._writable(run_id).log_contents(files)
        self.store.log_batch(run_id, (), {}, {MLFLOW_LOGGED_IMAGES: "True"})

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a matplotlib or plotly figure in the format that the file name says.

        Args:
            run_id: The run to log to.
            figure: A matplotlib or plotly figure.
            artifact_file: Such as `roc.png`, `roc.svg` or, for plotly, `roc.html`.
            save_kwargs: Passed to `figure.savefig`, `to_html` or `to_image`.

        Raises:
            InvalidTypeError: It is not such a figure.
            InvalidValueError: The figure cannot be drawn in this format.
        """
        content = images.from_figure(figure, artifact_file, save_kwargs or {})
        self._writable(run_id).log_bytes(content, _normalized(artifact_file))

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Store a table; rows logged again under the same name are appended.

        Rows logged to one table by several processes and threads are all kept.

        Args:
            run_id: The run to log to.
            data: A dict of columns or a DataFrame. An image in a cell (PIL, `tracker.Image`, or
                an array of uint8) is stored as a file, and `load_table` gives it back.
            artifact_file: A name that ends in `.json` or `.parquet`.

        Raises:
            InvalidTypeError: The data is not a table.
            InvalidValueError: The name ends otherwise, the file is not a table, or a cell holds
                something that cannot be read back.
            UnsupportedError: Parquet without pyarrow, or an image without Pillow.
        """
        artifact_file = _normalized(artifact_file)
        as_parquet = encoding.is_parquet(artifact_file)
        columns, pictures = _with_references(encoding.columns_of(data), artifact_file)
        files = self._writable(run_id)
        if pictures:
            files.log_contents(pictures)
        with exclusive(live_folder(self.store.database.path) / TABLES_LOCK):
            try:
                with files.open(artifact_file) as file:
                    earlier = file.read()
            except NotFoundError:
                earlier = None
            content = (
                encoding.from_parquet(data, columns, earlier)
                if as_parquet
                else encoding.from_table(columns, earlier)
            )
            files.log_bytes(content, artifact_file)
            self._tag_table(run_id, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The rows that runs logged by `log_table` under one name, one below the other.

        Args:
            experiment_id: Its active runs are read if no `run_ids` are given.
            artifact_file: The table's name.
            run_ids: The runs to read; each must have the table.
            extra_columns: Columns to add about the run: "run_id", "status", "params.lr", …

        Raises:
            NotFoundError: There is no such table.
            InvalidValueError: A file is not a table.
            UnknownColumnError: No run has such a column.
        """
        chosen = [self.store.get_run(check.check_run_id(run_id)) for run_id in run_ids or ()]
        runs = chosen or self.store.search_runs(
            [experiment_id], None, ViewType.ACTIVE_ONLY, -1, 0, ["start_time"]
        )
        tables: list[tuple[Run, ArtifactStore, bytes]] = []
        for run in runs:
            files = self.artifacts(run.info.run_id)
            try:
                path = files.local_path(_normalized(artifact_file))
            except NotFoundError:
                if chosen:
                    raise
                continue
            tables.append((run, files, path.read_bytes()))
        if not tables:
            raise NotFoundError(f"No run of experiment {experiment_id} has {artifact_file!r}.")
        return frames.tables(tables, extra_columns or ())

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below `path`, sorted by name; the root by default.

        Raises:
            NotFoundError: There is no such run.
            UnsafePathError: `path` leads out of the run's artifacts.
        """
        return self.artifacts(run_id).list(_normalized(path))

    def download_artifacts(
        self, run_id: str, path: str, dst_path: str | os.PathLike[str] | None = None
    ) -> str:
        """The local path of an artifact.

        Args:
            run_id: The run it belongs to.
            path: The file or folder; "" for all of the run's artifacts.
            dst_path: Folder to copy it to. Default: no copy, the path where it is stored.

        Raises:
            NotFoundError: There is no such artifact.
        """
        return str(self.artifacts(run_id).download(_normalized(path), dst_path))

    # Where artifacts are

    def absolute_location(self, location: str) -> str:
        """A stored artifact location as a path from any working directory, or a URL."""
        return locations.absolute_location(location, self.store.database.folder)

    def located(self, run: Run) -> Run:
        """A run with the artifact URI that callers can open; the database has a portable one."""
        uri = self.absolute_location(run.info.artifact_uri)
        return replace(run, info=replace(run.info, artifact_uri=uri))

    def located_experiment(self, experiment: Experiment) -> Experiment:
        """An experiment with the location that callers can open."""
        location = self.absolute_location(experiment.artifact_location)
        return replace(experiment, artifact_location=location)

    def artifacts(self, run_id: str) -> ArtifactStore:
        """The files of one run.

        Raises:
            NotFoundError: There is no such run.
            UnsafePathError: The run's location leads out of the database's folder.
        """
        return self.open_location(self.store.get_run_info(run_id).artifact_uri)

    def open_location(self, artifact_uri: str) -> ArtifactStore:
        """The files below an artifact location.

        Raises:
            UnsafePathError: It leads out of the database's folder and the allowed roots.
        """
        from tracker.files import open_artifacts  # noqa: PLC0415  Costs `import tracker` 8 ms.

        folder = self.store.database.folder
        return open_artifacts(artifact_uri, folder, allowed_roots=self.allowed_roots)

    def allow_root(self, location: str) -> None:
        """Let this client use artifacts at an absolute path or URL outside the folder."""
        if locations.is_absolute(location):
            self.allowed_roots.append(location)

    def check_location(self, location: str) -> None:
        """Check that a location can hold the artifacts of an experiment.

        Raises:
            InvalidValueError: It cannot; says why.
        """
        from tracker.files import check_location  # noqa: PLC0415

        own = [location] if locations.is_absolute(location) else []
        folder = self.store.database.folder
        try:
            check_location(location, folder, allowed_roots=[*self.allowed_roots, *own])
        except TrackerError as error:
            raise InvalidValueError(
                f"The artifact location {location!r} cannot be used: {error}."
            ) from error

    def _writable(self, run_id: str) -> ArtifactStore:
        """The files of a run that may be written.

        Raises:
            ReadOnlyError: The database was opened read-only.
            NotFoundError: There is no such run.
            InvalidStateError: It is deleted.
        """
        database = self.store.database
        database.check_writable()
        with database.read() as connection:
            info = require_active(connection, check.check_run_id(run_id))
        return self.open_location(info.artifact_uri)

    def _log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> None:
        check.check_run_id(run_id)
        param_texts = as_texts("parameter", params)
        tag_texts = as_texts("tag", tags)
        whole: dict[str, str] = {}
        if MLFLOW_RUN_NAME in tag_texts:
            name, whole = shorten_run_name(tag_texts.pop(MLFLOW_RUN_NAME), check.MAX_RUN_NAME)
            tag_texts |= {MLFLOW_RUN_NAME: name} if name else {}
        short_params, whole_params = shorten("parameter", param_texts, check.MAX_PARAM_VALUE)
        short_tags, whole_tags = shorten("tag", tag_texts, check.MAX_TAG_VALUE)
        if whole_params:
            self._check_whole_params(run_id, whole_params)
        self.store.log_batch(run_id, points, short_params, short_tags)
        self._keep_whole(run_id, whole | whole_params | whole_tags)

    def _check_whole_params(self, run_id: str, texts: Mapping[str, str]) -> None:
        """Compare parameters that are cut with what was logged before, beyond the cut.

        Raises:
            ParamConflictError: One was logged before with another value.
        """
        for name, text in texts.items():
            earlier = None
            # Where the run's files cannot be reached, nothing was kept.
            with contextlib.suppress(TrackerError), self.artifacts(run_id).open(name) as file:
                earlier = file.read()
            if earlier is not None and earlier != encoding.from_text(text):
                raise ParamConflictError(
                    f"The parameter whose whole value is the artifact {name!r} was logged before "
                    f"with another value: use a new run, or log it as a tag."
                )

    def _keep_whole(self, run_id: str, texts: Mapping[str, str]) -> None:
        """Store the whole of texts that were cut; where that fails, the run goes on without."""
        if not texts:
            return
        try:
            contents = {name: encoding.from_text(text) for name, text in texts.items()}
            self.artifacts(run_id).log_contents(contents)
        except TrackerError as error:
            warn(f"{', '.join(texts)} cannot be kept: {error}")

    def _tag_table(self, run_id: str, artifact_file: str) -> None:
        """Add a table to the tag in which MLflow's pages look for tables; it holds about 200."""
        try:
            known = json.loads(
                self.store.get_run(run_id).data.tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]")
            )
        except ValueError:  # Another program's tag is left as it is.
            return
        entry = {"path": artifact_file, "type": "table"}
        longer = json.dumps([*known, entry])
        if entry not in known and len(longer) <= check.MAX_TAG_VALUE:
            self.store.log_batch(run_id, (), {}, {MLFLOW_LOGGED_ARTIFACTS: longer})


# The name under which scripts written for MLflow know it.
MlflowClient = TrackingClient


def dataset_input(
    dataset: Dataset, context: str | None, tags: Mapping[str, Any] | None
) -> DatasetInput:
    """A data set with the tags that say what it is used for."""
    if hasattr(dataset, "to_entity"):  # What tracker.data describes.
        dataset = dataset.to_entity()
    texts = {key: str(value) for key, value in (tags or {}).items()}
    if context is not None:
        texts[MLFLOW_DATASET_CONTEXT] = context
    return DatasetInput(dataset, [InputTag(key, text) for key, text in texts.items()])


def _completed(write: Callable[[], object], synchronous: bool | None) -> RunOperations | None:  # noqa: FBT001
    """Write; whoever does not wait hears of a parameter that changes from the handle.

    Transformers, for one, logs the parameters of a resumed run again, and does not wait.

    Raises:
        ParamConflictError: A parameter was logged before with another value; the caller waits.
    """
    try:
        write()
    except ParamConflictError as error:
        if synchronous is not False:
            raise
        warn(str(error))
        return RunOperations(error)
    return DONE if synchronous is False else None


def _point(run_id: str, key: str, value: Any, timestamp: int | None, step: int | None) -> Point:
    check.check_key("metric", key)
    number = value if type(value) is float else plain_float(key, value)
    stored, is_nan = stored_value(number)
    timestamp_ms = now_ms() if timestamp is None else plain_timestamp(timestamp)
    at_step = 0 if step is None else plain_int("step", step)
    return key, stored, timestamp_ms, at_step, is_nan, run_id


def _with_references(
    columns: dict[str, list[Any]], table: str
) -> tuple[dict[str, list[Any]], dict[str, bytes]]:
    """The columns of a table with references in place of images, and the images' files.

    Raises:
        InvalidValueError: A column holds images and something else.
    """
    files: dict[str, bytes] = {}
    for name, values in columns.items():
        given = [value for value in values if value is not None]
        pictures = [value for value in given if images.is_image(value)]
        if pictures and len(pictures) < len(given):
            raise InvalidValueError(f"The column {name!r} holds images and something else.")
        for row, value in enumerate(values if pictures else ()):
            if value is not None:
                cell, own = images.image_of_table(value, table, names.random_id())
                columns[name][row] = cell
                files |= own
    return columns, files


def _unique_params(params: Sequence[Param]) -> Sequence[Param]:
    seen: dict[str, str] = {}
    for param in params:
        if str(seen.setdefault(param.key, param.value)) != str(param.value):
            raise InvalidValueError(
                f"The batch gives the parameter {param.key!r} twice, as {seen[param.key]!r} and "
                f"{param.value!r}."
            )
    return params


def _normalized(path: PathOrNone) -> PathOrNone:
    """An artifact's path as MLflow normalizes it: `./a//b/../c.txt` is `a/c.txt`."""
    if not path:
        return path
    plain = posixpath.normpath(path)
    return "" if plain == "." else plain
