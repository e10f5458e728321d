"""The client: every verb with an explicit run id; validates, takes the time, gives out ids."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeVar

from tracker import context, encoding, liveness, locations, names
from tracker import validation as check
from tracker.database import Database, Synchronous
from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    FileInfo,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from tracker.exceptions import (
    DatabaseError,
    InvalidValueError,
    NotFoundError,
    TrackerError,
    UnsupportedError,
)
from tracker.store import Store
from tracker.store.metrics import Columns
from tracker.store.tracking import RUN_NAME_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

ARTIFACT_ROOT: Final = "artifacts"
ROOTS_VARIABLE: Final = "TRACKER_ALLOWED_ROOTS"
PARENT_TAG: Final = "mlflow.parentRunId"
NOTE_TAG: Final = "mlflow.note.content"
TABLES_TAG: Final = "mlflow.loggedArtifacts"
IMAGES_TAG: Final = "mlflow.loggedImages"
CONTEXT_TAG: Final = "mlflow.data.context"
SEARCH_LIMIT: Final = 1_000
REAP_SECONDS: Final = 5.0

Entity = TypeVar("Entity")


class PagedList(list[Entity]):
    """One page of a search, with the token of the next (None at the end)."""

    def __init__(self, items: Iterable[Entity], token: str | None) -> None:
        super().__init__(items)
        self.token = token


class TrackingClient:
    """Reads and writes one tracking database; may be used from several threads.

    Args:
        tracking_uri: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path; by
            default the environment variable `TRACKER_URI`, else `tracking.db` in the working
            directory.
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
                an absolute path or URL, which is then an allowed root of this client.
            tags: Its first tags.

        Raises:
            AlreadyExistsError: The name is taken.
        """
        check.check_experiment_name(name)
        location = f"{self._artifact_root}/{{id}}"
        if artifact_location is not None:
            location = os.fspath(artifact_location)
            self.allow_root(location)
        texts = _cut_all("tag", _texts("tag", tags or {}), check.MAX_EXPERIMENT_TAG_VALUE)
        return self.store.create_experiment(name, location, texts, _now())

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
        limit, offset = _page(max_results, page_token)
        view = check.check_view(view_type)
        found = self.store.search_experiments(view, filter_string, order_by, limit + 1, offset)
        return _paged(found, limit, offset)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name.

        Raises:
            AlreadyExistsError: The name is taken.
        """
        self.store.rename_experiment(experiment_id, check.check_experiment_name(new_name), _now())

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs; `restore_experiment` brings them back."""
        self.store.set_experiment_stage(experiment_id, LifecycleStage.DELETED, _now())

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back."""
        self.store.set_experiment_stage(experiment_id, LifecycleStage.ACTIVE, _now())

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment."""
        check.check_key("tag", key)
        text = _cut("tag", key, str(value), check.MAX_EXPERIMENT_TAG_VALUE)
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
            InvalidValueError: The key of a tag breaks a rule.
        """
        whole = _texts("tag", tags or {})
        texts = _cut_all("tag", whole, check.MAX_TAG_VALUE)
        name = str(run_name or texts.get(RUN_NAME_TAG) or names.random_name())
        texts[RUN_NAME_TAG] = name = _cut("run", "name", name, check.MAX_RUN_NAME)
        info = RunInfo(
            run_id=names.random_id(),
            run_name=name,
            experiment_id=str(experiment_id),
            user_id=texts.get("mlflow.user") or context.user_name(),
            status=RunStatus.RUNNING,
            start_time=_now() if start_time is None else check.plain_int("start time", start_time),
            end_time=None,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri="",
        )
        with liveness.taken(self.store.database.path, info.run_id):
            created = self.store.create_run(info, texts)
        self._keep_long_texts(info.run_id, _too_long("tags", whole, check.MAX_TAG_VALUE))
        return Run(created, RunData(tags=texts))

    def get_run(self, run_id: str) -> Run:
        """The whole run.

        Raises:
            NotFoundError: There is no such run.
        """
        self.reap()
        return self.store.get_run(check.check_run_id(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run under which this one was nested."""
        parent = self.get_run(run_id).data.tags.get(PARENT_TAG)
        return None if parent is None else self.get_run(parent)

    def resume_run(self, run_id: str) -> Run:
        """Set a run RUNNING again and say that this process works on it.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        with liveness.taken(self.store.database.path, run_id):
            self.store.reopen_run(run_id, liveness.REASON_TAG)
        return self.store.get_run(run_id)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Set a run's status, its name, or both; a terminal status sets the end time."""
        if name is not None:
            name = _cut("run", "name", str(name), check.MAX_RUN_NAME)
        if status is not None:
            status = check.check_status(status)
        ended = status is not None and RunStatus.is_terminated(status)
        self.store.update_run(run_id, status, _now() if ended else None, name)
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
        end = _now() if end_time is None else check.plain_int("end time", end_time)
        self.store.update_run(run_id, final, end)
        liveness.release(self.store.database.path, run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete a run; `restore_run` brings it back."""
        self.store.set_run_stage(run_id, LifecycleStage.DELETED, _now())

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.set_run_stage(run_id, LifecycleStage.ACTIVE, _now())

    def search_runs(
        self,
        experiment_ids: Sequence[str],
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
        limit, offset = _page(max_results, page_token)
        ids = check.check_experiment_ids(experiment_ids)
        view = check.check_view(run_view_type)
        found = self.store.search_runs(ids, filter_string, view, limit + 1, offset, order_by)
        return _paged(found, limit, offset)

    # Metrics, parameters, tags

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> None:
        """Add one point to a metric's history; it survives a killed process when this returns.

        Args:
            run_id: Which run.
            key: The metric's name.
            value: A Python, numpy or one-element torch number; NaN and ±infinity are kept.
            timestamp: Milliseconds since the epoch; now by default.
            step: Any whole number; 0 by default.
            synchronous: For MLflow's sake; every call is synchronous.
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
        self.store.log_metric(run_id, _point(key, value, timestamp, step))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
    ) -> None:
        """Write metrics, parameters and tags together or not at all.

        Raises:
            InvalidValueError: A key or value breaks a rule; nothing is written.
            ParamConflictError: A parameter was logged before with another value.
        """
        points = [_point(m.key, m.value, m.timestamp, m.step) for m in metrics]
        self._log(
            run_id,
            points,
            {param.key: param.value for param in _unique_params(params)},
            {tag.key: tag.value for tag in tags},
        )

    def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, Any],
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Add one point to each of several metrics, in one transaction.

        Raises:
            InvalidValueError: A key or a number breaks a rule; nothing is written.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        check.check_run_id(run_id)
        keys = check.check_keys("metric", tuple(metrics))
        numbers = [
            value if type(value) is float else check.plain_float(key, value)
            for key, value in metrics.items()
        ]
        values, is_nan = check.stored_values(numbers)
        moment = _now() if timestamp is None else check.plain_int("timestamp", timestamp)
        counter = 0 if step is None else check.plain_int("step", step)
        self.store.log_columns(run_id, Columns(keys, values, moment, counter, is_nan))

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
        numbers = check.plain_floats(key, values)
        counted = range(len(numbers)) if steps is None else check.plain_ints("step", steps)
        moments = _now() if timestamps is None else check.plain_ints("timestamp", timestamps)
        given = len(numbers) if isinstance(moments, int) else len(moments)
        if not len(numbers) == len(counted) == given:
            raise InvalidValueError(
                f"The history of {key!r} has {len(numbers)} values, {len(counted)} steps and "
                f"{given} timestamps; give as many of each."
            )
        stored, is_nan = check.stored_values(numbers)
        self.store.log_columns(run_id, Columns(key, stored, moments, counted, is_nan))

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
    ) -> Any:
        """Write a parameter once and return its value.

        Raises:
            ParamConflictError: It was logged before with another value.
        """
        self._log(run_id, (), {key: value}, {})
        return value

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Write several parameters once, all or none."""
        self._log(run_id, (), params, {})

    def set_tag(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
    ) -> None:
        """Set or overwrite a tag."""
        self._log(run_id, (), {}, {key: value})

    def set_tags(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Set or overwrite several tags, all or none."""
        self._log(run_id, (), {}, tags)

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

    # Artifacts

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
        if "://" in location or Path(location).is_absolute():
            self.allowed_roots.append(location)

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep a file, or a folder with all it holds, below `artifact_path`."""
        store = self.artifacts(run_id)
        if not Path(local_path).is_dir():
            store.log_file(local_path, artifact_path)
            return
        name = Path(os.path.abspath(local_path)).name  # noqa: PTH100  Path.resolve follows links.
        store.log_folder(local_path, f"{artifact_path}/{name}" if artifact_path else name)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep all that a folder holds below `artifact_path`."""
        self.artifacts(run_id).log_folder(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a file.

        Raises:
            InvalidValueError: It is no text, or not valid Unicode.
        """
        self.artifacts(run_id).log_bytes(encoding.from_text(text), artifact_file)

    def log_stream(self, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
        """Keep what a binary stream still holds as a file."""
        self.artifacts(run_id).log_bytes(stream.read(), artifact_file)

    def log_dict(
        self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str
    ) -> None:
        """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
        content = encoding.from_dict(dictionary, artifact_file)
        self.artifacts(run_id).log_bytes(content, artifact_file)

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
        self.artifacts(run_id).log_bytes(encoding.from_image(image, name), name)

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
        self.artifacts(run_id).log_bytes(content, artifact_file)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON; rows logged again under the same name are appended.

        Args:
            run_id: Which run.
            data: A dict of columns or a DataFrame.
            artifact_file: A name that ends in `.json`.

        Raises:
            InvalidValueError: Another ending, or other columns than before.
        """
        if not artifact_file.endswith(".json"):
            raise InvalidValueError(f"A table is kept as JSON: end {artifact_file!r} with '.json'.")
        store = self.artifacts(run_id)
        try:
            earlier = store.local_path(artifact_file).read_bytes()
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

        runs = [self.get_run(run_id) for run_id in run_ids or ()]
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
        return self.artifacts(run_id).list(path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """The path of an artifact: where it lies, or of a copy below `dst_path`.

        Raises:
            NotFoundError: There is no such artifact.
        """
        return str(self.artifacts(run_id).download(path, dst_path))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"The tracker's client has no {name!r}: it keeps experiments, runs, metrics, "
            f"parameters, tags, data sets and artifacts, not models, traces or registries."
        )

    def _log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> None:
        check.check_run_id(run_id)
        param_texts, tag_texts = _texts("parameter", params), _texts("tag", tags)
        long = _too_long("params", param_texts, check.MAX_PARAM_VALUE)
        long |= _too_long("tags", tag_texts, check.MAX_TAG_VALUE)
        if RUN_NAME_TAG in tag_texts:
            name = tag_texts[RUN_NAME_TAG]
            tag_texts[RUN_NAME_TAG] = _cut("run", "name", name, check.MAX_RUN_NAME)
        self.store.log_batch(
            run_id,
            points,
            _cut_all("parameter", param_texts, check.MAX_PARAM_VALUE),
            _cut_all("tag", tag_texts, check.MAX_TAG_VALUE),
        )
        self._keep_long_texts(run_id, long)

    def _keep_long_texts(self, run_id: str, texts: Mapping[str, str]) -> None:
        try:
            for artifact_file, text in texts.items():
                self.log_text(run_id, text, artifact_file)
        except TrackerError as error:  # The run goes on without them.
            warnings.warn(f"{', '.join(texts)} cannot be kept: {error}", stacklevel=4)

    def _log_image_of_series(
        self, run_id: str, image: Any, key: str, step: int, timestamp: int | None
    ) -> None:
        """The names and the tag by which MLflow's pages find the images of a series."""
        series = check.check_key("image", key).replace("/", "~")
        moment = _now() if timestamp is None else timestamp
        name = f"images/{series}+step+{step}+timestamp+{moment}+{names.random_id()}"
        picture = encoding.from_image(image, f"{name}.png")
        store = self.artifacts(run_id)
        thumbnail = encoding.thumbnail(picture)
        store.log_contents({f"{name}.png": picture, f"{name}+compressed.webp": thumbnail})
        self.set_tag(run_id, IMAGES_TAG, "True")

    def _remember_table(self, run_id: str, artifact_file: str) -> None:
        """MLflow's pages find tables through a tag; it has room for some two hundred."""
        try:
            known = json.loads(self.store.get_run(run_id).data.tags.get(TABLES_TAG, "[]"))
        except ValueError:  # Not for us to mend.
            return
        entry = {"path": artifact_file, "type": "table"}
        longer = json.dumps([*known, entry])
        if entry not in known and len(longer) <= check.MAX_TAG_VALUE:
            self.set_tag(run_id, TABLES_TAG, longer)

    def reap(self) -> None:
        """Look for abandoned runs, at most once in a few seconds."""
        if time.monotonic() >= self._next_reap:
            # On a full disk, or beside a long transaction, reading goes on.
            with contextlib.suppress(DatabaseError):
                liveness.reap(self.store)
            self._next_reap = time.monotonic() + REAP_SECONDS


# The name under which scripts written for MLflow know it.
MlflowClient = TrackingClient


def dataset_input(
    dataset: Dataset, context: str | None, tags: Mapping[str, Any] | None
) -> DatasetInput:
    """A data set with the tags that say what it is used for."""
    marks = dict(tags or {})
    if context is not None:
        marks[CONTEXT_TAG] = context
    return DatasetInput(dataset, [InputTag(key, str(value)) for key, value in marks.items()])


def _now() -> int:
    return time.time_ns() // 1_000_000


def _point(key: str, value: Any, timestamp: int | None, step: int | None) -> Point:
    check.check_key("metric", key)
    number = value if type(value) is float else check.plain_float(key, value)
    stored, is_nan = check.stored_value(number)
    moment = _now() if timestamp is None else check.plain_int("timestamp", timestamp)
    counter = 0 if step is None else check.plain_int("step", step)
    return key, stored, moment, counter, is_nan


def _run_field(run: Run, name: str) -> Any:
    """What `search_runs` shows in the column of this name."""
    group, dot, key = name.partition(".")
    if dot and group in {"metrics", "params", "tags"}:
        return getattr(run.data, group).get(key)
    if not hasattr(run.info, name):
        raise InvalidValueError(f"A run has no {name!r}; take 'run_id', 'status', 'params.lr', …")
    return getattr(run.info, name)


def _unique_params(params: Sequence[Param]) -> Sequence[Param]:
    seen: dict[str, str] = {}
    for param in params:
        if str(seen.setdefault(param.key, param.value)) != str(param.value):
            raise InvalidValueError(
                f"The batch gives the parameter {param.key!r} twice, as {seen[param.key]!r} and "
                f"{param.value!r}."
            )
    return params


def _texts(kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {check.check_key(kind, key): str(value) for key, value in values.items()}


def _too_long(folder: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    if max(map(len, texts.values()), default=0) <= limit:
        return {}
    return {
        f"long_values/{folder}/{key}.txt": text for key, text in texts.items() if len(text) > limit
    }


def _cut_all(kind: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    if max(map(len, texts.values()), default=0) <= limit:
        return dict(texts)
    return {key: _cut(kind, key, text, limit) for key, text in texts.items()}


def _cut(kind: str, key: str, text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    warnings.warn(
        f"The {kind} {key!r} has {len(text)} characters and is cut to {limit}; where it belongs to "
        f"a run, the whole text is kept among its artifacts under long_values/.",
        stacklevel=4,
    )
    return text[:limit]


def _page(max_results: int | None, token: str | None) -> tuple[int, int]:
    limit = SEARCH_LIMIT if max_results is None else check.check_max_results(max_results)
    offset = str(token or 0)  # MLflow takes an empty token for none.
    if not offset.isdecimal() or int(offset) > check.MAX_RESULTS:
        raise InvalidValueError(f"{token!r} is no page token: pass the `token` of the last page.")
    return limit, int(offset)


def _paged(found: list[Entity], limit: int, offset: int) -> PagedList[Entity]:
    more = len(found) > limit
    return PagedList(found[:limit], str(offset + limit) if more else None)


__all__ = [
    "ExperimentTag",
    "MlflowClient",
    "PagedList",
    "TrackingClient",
]
