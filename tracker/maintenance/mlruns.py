"""Runs from an MLflow file store, the folder `mlruns/`.

    mlruns/<experiment id>/meta.yaml  tags/KEY  datasets/ID/meta.yaml
    mlruns/<experiment id>/<run id>/meta.yaml  metrics/KEY  params/KEY  tags/KEY  artifacts/
    mlruns/<experiment id>/<run id>/inputs/ID/meta.yaml
    mlruns/.trash/<experiment id>/ …                           deleted experiments

A line of a metric's file is `timestamp value step`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tracker.block_yaml import read_yaml
from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from tracker.exceptions import InvalidValueError
from tracker.files import open_artifacts
from tracker.files.atomic import open_regular
from tracker.files.paths import is_inside
from tracker.numbers import plain_float, plain_int, stored_value
from tracker.tags import MLFLOW_RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

META: Final = "meta.yaml"
TRASH: Final = ".trash"
_LONGEST_TEXT: Final = 16 << 20
_LONGEST_META: Final = 1 << 20
# A run in the trash lies so deep in its store.
_DEEPEST: Final = 3
# mlflow.entities.RunStatus; meta.yaml holds the numbers.
_STATUSES: Final = {
    "1": RunStatus.RUNNING,
    "2": RunStatus.SCHEDULED,
    "3": RunStatus.FINISHED,
    "4": RunStatus.FAILED,
    "5": RunStatus.KILLED,
}


def is_file_store(folder: Path) -> bool:
    """Whether a folder holds experiments as MLflow's file store keeps them."""
    inside = (*folder.glob(f"*/{META}"), *folder.glob(f"{TRASH}/*/{META}"))
    return any(map(_is_of_an_experiment, inside))


def file_store_around(folder: Path) -> Path | None:
    """The file store in which a folder, an experiment's or a run's, lies."""
    return next(filter(is_file_store, folder.absolute().parents[:_DEEPEST]), None)


def _is_of_an_experiment(meta: Path) -> bool:
    """Whether a meta.yaml is an experiment's: those of runs name one too, those of data none."""
    try:
        with io.BufferedReader(cast("io.RawIOBase", open_regular(meta))) as file:
            text = file.read(_LONGEST_META).decode(errors="replace")
    except OSError:
        return False
    keys = {line.partition(":")[0] for line in text.splitlines()}
    return "experiment_id" in keys and not keys & {"run_id", "run_uuid"}


class FileStoreSource:
    """A folder `mlruns`.

    Args:
        root: The folder.
        allowed_roots: Folders and URLs outside of it that its artifacts may lie in.
    """

    def __init__(self, root: Path, allowed_roots: Sequence[str] = ()) -> None:
        self.root = Path(os.path.realpath(root))
        self._allowed_roots = allowed_roots
        self._experiment_folders: dict[str, Path] = {}
        self._run_folders: dict[str, Path] = {}

    def experiments(self) -> list[Experiment]:
        """All experiments, those in the trash included."""
        folders = [*self.root.iterdir(), *_folders(self.root / TRASH)]
        found = [self._experiment(folder) for folder in folders if (folder / META).is_file()]
        return sorted(found, key=lambda each: (len(each.experiment_id), each.experiment_id))

    def run_ids(self, experiment_id: str) -> list[str]:
        """All runs of an experiment, deleted ones included."""
        folders = _folders(self._experiment_folders[experiment_id])
        found = {folder.name: folder for folder in folders if (folder / META).is_file()}
        self._run_folders |= found
        return list(found)

    def get_run(self, run_id: str) -> Run:
        """One of them.

        Raises:
            InvalidValueError: A file of it holds something else than it should.
        """
        folder = self._run_folders[run_id]
        meta = self._meta(folder)
        tags = dict(self._texts(folder / "tags"))
        info = RunInfo(
            run_id=run_id,
            run_name=_text(meta.get("run_name")) or tags.get(MLFLOW_RUN_NAME, ""),
            experiment_id=_text(meta.get("experiment_id")),
            user_id=_text(meta.get("user_id")),
            status=_status(_text(meta.get("status")), run_id),
            start_time=_time(meta.get("start_time")) or 0,
            end_time=_time(meta.get("end_time")),
            lifecycle_stage=_text(meta.get("lifecycle_stage")) or LifecycleStage.ACTIVE,
            artifact_uri=_text(meta.get("artifact_uri")),
        )
        params = dict(self._texts(folder / "params"))
        return Run(info, RunData({}, params, tags), RunInputs(list(self._inputs(folder))))

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""
        return _time(self._meta(self._run_folders[run_id]).get("deleted_time"))

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run.

        Raises:
            InvalidValueError: A line holds something else.
        """
        for key, path in _keyed_files(self._run_folders[run_id] / "metrics"):
            with self._open(path) as lines:
                yield from (_point(key, line, run_id) for line in lines if line.strip())

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run: in its own folder, else where its URI says."""
        folder = self._run_folders[run.info.run_id]
        if (folder / "artifacts").is_dir():
            inside = (folder / "artifacts").relative_to(self.root).as_posix()
            return open_artifacts(inside, self.root)
        if not run.info.artifact_uri:
            return None
        return open_artifacts(
            run.info.artifact_uri, self.root.parent, allowed_roots=self._allowed_roots
        )

    def _experiment(self, folder: Path) -> Experiment:
        meta = self._meta(folder)
        experiment_id = _text(meta.get("experiment_id")) or folder.name
        self._experiment_folders[experiment_id] = folder
        return Experiment(
            experiment_id=experiment_id,
            name=_text(meta.get("name")) or experiment_id,
            artifact_location=_text(meta.get("artifact_location")),
            lifecycle_stage=_text(meta.get("lifecycle_stage")) or LifecycleStage.ACTIVE,
            tags=dict(self._texts(folder / "tags")),
            creation_time=_time(meta.get("creation_time")),
            last_update_time=_time(meta.get("last_update_time")),
        )

    def _inputs(self, run_folder: Path) -> Iterator[DatasetInput]:
        for folder in _folders(run_folder / "inputs"):
            if not (folder / META).is_file():
                continue
            meta = self._meta(folder)
            dataset_folder = run_folder.parent / "datasets" / _text(meta.get("source_id"))
            if _text(meta.get("source_type")) != "DATASET" or not (dataset_folder / META).is_file():
                continue
            tags = meta.get("tags")
            marks = tags.items() if isinstance(tags, dict) else ()
            yield DatasetInput(
                self._dataset(dataset_folder), [InputTag(key, _text(text)) for key, text in marks]
            )

    def _dataset(self, folder: Path) -> Dataset:
        meta = self._meta(folder)
        return Dataset(
            name=_text(meta.get("name")),
            digest=_text(meta.get("digest")),
            source_type=_text(meta.get("source_type")),
            source=_text(meta.get("source")),
            schema=_text(meta.get("schema")) or None,
            profile=_text(meta.get("profile")) or None,
        )

    def _meta(self, folder: Path) -> dict[str, Any]:
        try:
            return read_yaml(self._read(folder / META))
        except InvalidValueError as error:
            raise InvalidValueError(f"{str(folder / META)!r} cannot be read: {error}") from error

    def _texts(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The keys kept below a folder, and the text of each."""
        return ((key, self._read(path)) for key, path in _keyed_files(folder))

    def _read(self, path: Path) -> str:
        with self._open(path) as file:
            text = file.read(_LONGEST_TEXT + 1)
        if len(text) > _LONGEST_TEXT:
            raise InvalidValueError(f"{str(path)!r} is too large for what it should be.")
        return text

    def _open(self, path: Path) -> io.TextIOWrapper:
        """A text file that really lies in the store."""
        if not is_inside(os.path.realpath(path), self.root):
            raise InvalidValueError(f"{str(path)!r} is a link that leads out of the file store.")
        raw = cast("io.RawIOBase", open_regular(path))
        return io.TextIOWrapper(
            io.BufferedReader(raw), encoding="utf-8", errors="replace", newline="\n"
        )


def _keyed_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder; their path in it is a key."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name; links are passed over."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _point(key: str, line: str, run_id: str) -> Point:
    # "timestamp value" before MLflow 1.0; a data set's name and digest follow since MLflow 3.
    fields = line.split()
    if len(fields) < 2:  # noqa: PLR2004
        raise InvalidValueError(
            f"The line {line[:80]!r} of the metric {key!r} of run {run_id!r} is no point."
        )
    value, is_nan = stored_value(plain_float(key, fields[1]))
    step = plain_int("step", fields[2]) if len(fields) > 2 else 0  # noqa: PLR2004
    return key, value, plain_int("timestamp", fields[0]), step, is_nan, run_id


def _status(text: str, run_id: str) -> str:
    try:
        return _STATUSES.get(text) or RunStatus(text)
    except ValueError as error:
        raise InvalidValueError(f"Run {run_id!r} has an unknown status {text!r}.") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> int | None:
    return plain_int("time", value) if isinstance(value, str) else None
