"""Runs and registered models from an MLflow file store, the folder `mlruns/`.

    mlruns/<experiment id>/meta.yaml  tags/KEY  datasets/ID/meta.yaml
    mlruns/<experiment id>/<run id>/meta.yaml  metrics/KEY  params/KEY  tags/KEY  artifacts/
    mlruns/<experiment id>/<run id>/inputs/ID/meta.yaml
    mlruns/.trash/<experiment id>/ …                           deleted experiments

A line of a metric's file is `timestamp value step`. Such folders come from crashes, from version
control and from other systems: what cannot be read is noted with its file and line, and costs
nothing else.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tracker.block_yaml import read_yaml
from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    ModelVersion,
    RegisteredModel,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from tracker.exceptions import InvalidValueError, OutsideRootsError, TrackerError
from tracker.files import open_artifacts
from tracker.files.atomic import open_regular
from tracker.files.paths import is_inside
from tracker.maintenance import mlruns_models
from tracker.maintenance.mlruns_models import FileStoreModels
from tracker.maintenance.run_files import Gaps
from tracker.numbers import plain_float, plain_int, stored_value
from tracker.tags import MLFLOW_RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
META: Final = "meta.yaml"
TRASH: Final = ".trash"
_MAX_TEXT: Final = 16 << 20
_MAX_META: Final = 1 << 20
_MAX_LINE: Final = 1 << 16
# More damaged lines of one file are counted, not named.
_MAX_NAMED: Final = 3
# What other programs leave in folders.
_FOREIGN: Final = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|.*~|.*\.swp")
# A run in the trash lies so deep in its store.
_MAX_DEPTH: Final = 3
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
    runs = (meta.parent for meta in folder.glob(f"*/*/{META}"))
    return any(map(_is_of_an_experiment, inside)) or any(map(_is_run, runs))


def file_store_around(folder: Path) -> Path | None:
    """The file store in which a folder, an experiment's or a run's, lies."""
    return next(filter(is_file_store, folder.absolute().parents[:_MAX_DEPTH]), None)


def _is_run(folder: Path) -> bool:
    parts = ("metrics", "params", "tags", "artifacts")
    return bool(_RUN_ID.fullmatch(folder.name)) and any((folder / part).is_dir() for part in parts)


def _is_of_an_experiment(meta: Path) -> bool:
    """Whether a meta.yaml is an experiment's: those of runs name one too, those of data none."""
    try:
        with io.BufferedReader(cast("io.RawIOBase", open_regular(meta))) as file:
            text = file.read(_MAX_META).decode(errors="replace")
    except OSError:
        return False
    keys = {line.partition(":")[0] for line in text.splitlines()}
    return "experiment_id" in keys and not keys & {"run_id", "run_uuid"}


class FileStoreSource:
    """A folder `mlruns`.

    Args:
        root: The folder.
        allowed_roots: Folders and URLs outside of it that its links and artifacts may lead into.
    """

    def __init__(self, root: Path, allowed_roots: Sequence[str] = ()) -> None:
        self.root = Path(os.path.realpath(root))
        self.gaps = Gaps()
        self._allowed_roots = list(allowed_roots)
        self._folders = [self.root] + [
            Path(os.path.realpath(each)) for each in allowed_roots if "://" not in each
        ]
        self._experiment_folders: dict[str, Path] = {}
        self._run_folders: dict[str, Path] = {}

    def experiments(self) -> list[Experiment]:
        """All experiments, those in the trash included."""
        folders = [*self._subfolders(self.root), *self._subfolders(self.root / TRASH)]
        found = [self._experiment(folder) for folder in folders if _has_meta(folder)]
        return sorted(found, key=lambda each: (len(each.experiment_id), each.experiment_id))

    def run_ids(self, experiment_id: str) -> list[str]:
        """All runs of an experiment, deleted ones included."""
        found: dict[str, Path] = {}
        for folder in self._subfolders(self._experiment_folders[experiment_id]):
            if _has_meta(folder):
                found.setdefault(self._run_id(folder), folder)
        self._run_folders |= found
        return list(found)

    def get_run(self, run_id: str) -> Run:
        """One of them, without its metrics."""
        folder = self._run_folders[run_id]
        meta = self._meta(folder)
        tags = dict(self._texts(folder / "tags"))
        end_time = self._time(meta, "end_time", folder)
        info = RunInfo(
            run_id=run_id,
            run_name=_text(meta.get("run_name")) or tags.get(MLFLOW_RUN_NAME, ""),
            experiment_id=_text(meta.get("experiment_id")),
            user_id=_text(meta.get("user_id")),
            status=self._status(meta, folder, has_ended=end_time is not None),
            start_time=self._time(meta, "start_time", folder) or 0,
            end_time=end_time,
            lifecycle_stage=_stage(meta),
            artifact_uri=_text(meta.get("artifact_uri")),
        )
        params = dict(self._texts(folder / "params"))
        return Run(info, RunData({}, params, tags), RunInputs(list(self._inputs(folder))))

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""
        folder = self._run_folders[run_id]
        return self._time(self._meta(folder), "deleted_time", folder)

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run that can be read."""
        for key, path in self._keyed_files(self._run_folders[run_id] / "metrics"):
            yield from self._points_of(key, path, run_id)

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run: in its own folder, else where its URI says."""
        folder = self._run_folders[run.info.run_id] / "artifacts"
        if folder.is_dir():
            inside = [str(each) for each in self._folders]
            return open_artifacts(os.path.realpath(folder), self.root, allowed_roots=inside)
        if not run.info.artifact_uri:
            return None
        return open_artifacts(
            run.info.artifact_uri, self.root.parent, allowed_roots=self._allowed_roots
        )

    def id_there(self, run_id: str) -> str:
        """Runs keep their ids."""
        return run_id

    def registry(self) -> FileStoreModels:
        """The registered models."""
        folders = self._subfolders(self.root / mlruns_models.FOLDER)
        folders = [folder for folder in folders if _has_meta(folder)]
        models = [self._model(folder) for folder in folders]
        versions = [version for folder in folders for version in self._versions(folder)]
        return FileStoreModels({model.name: model for model in models}, versions)

    def _model(self, folder: Path) -> RegisteredModel:
        meta = self._meta(folder)
        aliases = dict(self._texts(folder / "aliases"))
        return RegisteredModel(
            name=_text(meta.get("name")) or folder.name,
            creation_timestamp=self._time(meta, "creation_timestamp", folder),
            description=_text(meta.get("description")) or None,
            tags=dict(self._texts(folder / "tags")),
            aliases={alias: int(text) for alias, text in aliases.items() if text.isdecimal()},
        )

    def _versions(self, model_folder: Path) -> Iterator[ModelVersion]:
        for folder in self._subfolders(model_folder):
            if not folder.name.startswith(mlruns_models.VERSION) or not _has_meta(folder):
                continue
            meta = self._meta(folder)
            yield ModelVersion(
                name=_text(meta.get("name")) or model_folder.name,
                version=self._time(meta, "version", folder) or 0,
                creation_timestamp=self._time(meta, "creation_timestamp", folder),
                last_updated_timestamp=self._time(meta, "last_updated_timestamp", folder),
                description=_text(meta.get("description")) or None,
                user_id=_text(meta.get("user_id")) or None,
                current_stage=_text(meta.get("current_stage")) or "None",
                source=_text(meta.get("source")),
                run_id=_text(meta.get("run_id")) or None,
                run_link=_text(meta.get("run_link")) or None,
                tags=dict(self._texts(folder / "tags")),
            )

    def _experiment(self, folder: Path) -> Experiment:
        meta = self._meta(folder)
        experiment_id = _text(meta.get("experiment_id")) or folder.name
        self._experiment_folders[experiment_id] = folder
        return Experiment(
            experiment_id=experiment_id,
            name=_text(meta.get("name")) or ("Default" if experiment_id == "0" else experiment_id),
            artifact_location=_text(meta.get("artifact_location")),
            lifecycle_stage=_stage(meta),
            tags=dict(self._texts(folder / "tags")),
            creation_time=self._time(meta, "creation_time", folder),
            last_update_time=self._time(meta, "last_update_time", folder),
        )

    def _run_id(self, folder: Path) -> str:
        """The name of its folder; of a link, what its meta.yaml says."""
        if _RUN_ID.fullmatch(folder.name):
            return folder.name
        meta = self._meta(folder)
        return _text(meta.get("run_id")) or _text(meta.get("run_uuid")) or folder.name

    def _points_of(self, key: str, path: Path, run_id: str) -> Iterator[Point]:
        damaged = 0
        try:
            with self._open(path) as file:
                lines = iter(lambda: file.readline(_MAX_LINE), "")
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    try:
                        yield _point(key, line, run_id)
                    except InvalidValueError:
                        damaged += 1
                        if damaged <= _MAX_NAMED:
                            self.gaps.damaged.append(
                                f"{path}:{number}: {line[:80].rstrip()!r} is not a point"
                            )
        except (OSError, TrackerError) as error:
            self.gaps.note(path, error)
        if damaged > _MAX_NAMED:
            self.gaps.damaged.append(f"{path}: {damaged - _MAX_NAMED:,} more lines are not points")

    def _inputs(self, run_folder: Path) -> Iterator[DatasetInput]:
        for folder in self._subfolders(run_folder / "inputs"):
            if not _has_meta(folder):
                continue
            meta = self._meta(folder)
            dataset_folder = run_folder.parent / "datasets" / _text(meta.get("source_id"))
            if _text(meta.get("source_type")) != "DATASET" or not _has_meta(dataset_folder):
                continue
            tags = meta.get("tags")
            pairs = tags.items() if isinstance(tags, dict) else ()
            yield DatasetInput(
                self._dataset(dataset_folder), [InputTag(key, _text(text)) for key, text in pairs]
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
        """The entries of a meta.yaml that can be read."""
        path = folder / META
        text = self._read(path) or ""
        try:
            return read_yaml(text)
        except InvalidValueError:
            return self._readable_entries(path, text)

    def _readable_entries(self, path: Path, text: str) -> dict[str, Any]:
        """What is left of a damaged meta.yaml; of a conflict between versions, the first one."""
        entries: dict[str, Any] = {}
        for number, entry in _entries(text):
            try:
                entries = read_yaml(entry) | entries
            except InvalidValueError:
                shown = entry.partition("\n")[0][:80].rstrip()
                self.gaps.damaged.append(f"{path}:{number}: {shown!r} cannot be read")
        return entries

    def _status(self, meta: dict[str, Any], folder: Path, *, has_ended: bool) -> str:
        text = _text(meta.get("status"))
        if text in _STATUSES:
            return _STATUSES[text]
        if text in set(RunStatus):
            return text
        self.gaps.damaged.append(f"{folder / META}: the status {text!r} is unknown")
        return RunStatus.FINISHED if has_ended else RunStatus.FAILED

    def _time(self, meta: dict[str, Any], key: str, folder: Path) -> int | None:
        text = meta.get(key)
        if not isinstance(text, str):
            return None
        try:
            return plain_int("time", text)
        except InvalidValueError:
            self.gaps.damaged.append(f"{folder / META}: {key} {text[:80]!r} is not a time")
            return None

    def _texts(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The keys kept below a folder, and the text of each that can be read."""
        for key, path in self._keyed_files(folder):
            text = self._read(path)
            if text is not None:
                yield key, text

    def _read(self, path: Path) -> str | None:
        """The text of a file; None if it cannot be read."""
        try:
            with self._open(path) as file:
                text = file.read(_MAX_TEXT + 1)
        except (OSError, TrackerError) as error:
            self.gaps.note(path, error)
            return None
        if len(text) > _MAX_TEXT:
            self.gaps.damaged.append(f"{path}: is longer than a text of a file store")
            return None
        if text.endswith("\0"):  # What a crash leaves of a file that was being extended.
            self.gaps.damaged.append(f"{path}: ends in NUL bytes")
        return text.rstrip("\0")

    def _open(self, path: Path) -> io.TextIOWrapper:
        """A text file that really lies in the store or in an allowed folder.

        Raises:
            OutsideRootsError: A link leads elsewhere.
            OSError: It cannot be opened.
        """
        target = os.path.realpath(path)
        if not self._is_allowed(target):
            raise OutsideRootsError(f"is a link to {target!r}, outside the file store")
        raw = cast("io.RawIOBase", open_regular(target))
        return io.TextIOWrapper(
            io.BufferedReader(raw), encoding="utf-8", errors="replace", newline="\n"
        )

    def _is_allowed(self, target: str) -> bool:
        return any(is_inside(target, folder) for folder in self._folders)

    def _keyed_files(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """The files below a folder; their path in it is a key."""

        def tell(error: OSError) -> None:
            if error.filename != str(folder) or folder.exists():
                self.gaps.note(Path(error.filename), error)

        for parent, folders, names in os.walk(folder, onerror=tell):
            folders.sort()
            for name in sorted(names):
                if not _FOREIGN.fullmatch(name):
                    path = Path(parent, name)
                    yield path.relative_to(folder).as_posix(), path

    def _subfolders(self, folder: Path) -> list[Path]:
        """The folders in a folder by name, links to others last."""
        try:
            entries = sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path.name))
            return [path for path in entries if self._is_folder(path)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.gaps.note(folder, error)
            return []

    def _is_folder(self, path: Path) -> bool:
        if not path.is_symlink():
            return path.is_dir()
        target = os.path.realpath(path)
        if not Path(target).exists():
            self.gaps.damaged.append(f"{path}: is a link to {target!r}, which does not exist")
        elif Path(target).is_dir() and not self._is_allowed(target):
            error = OutsideRootsError(f"is a link to {target!r}, outside the file store")
            self.gaps.note(path, error)
            return False
        return Path(target).is_dir()


def _has_meta(folder: Path) -> bool:
    try:
        return (folder / META).exists() or (folder / META).is_symlink()
    except OSError:  # The folder may not be entered: its meta.yaml is named when it is read.
        return True


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """The line number and the text of each entry: a line and the indented ones below it."""
    start, lines = 1, [""]
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.startswith((" ", "\t", "- ")):
            lines.append(line)
            continue
        if any(each.strip() for each in lines):
            yield start, "\n".join(lines)
        start, lines = number, [line]
    if any(each.strip() for each in lines):
        yield start, "\n".join(lines)


def _point(key: str, line: str, run_id: str) -> Point:
    # "timestamp value" before MLflow 1.0; a data set's name and digest follow since MLflow 3.
    fields = line.split()
    if len(fields) < 2:  # noqa: PLR2004
        raise InvalidValueError("A point has a timestamp and a value.")
    value, is_nan = stored_value(plain_float(key, fields[1]))
    step = plain_int("step", fields[2]) if len(fields) > 2 else 0  # noqa: PLR2004
    return key, value, plain_int("timestamp", fields[0]), step, is_nan, run_id


def _stage(meta: dict[str, Any]) -> str:
    is_deleted = _text(meta.get("lifecycle_stage")) == LifecycleStage.DELETED
    return LifecycleStage.DELETED if is_deleted else LifecycleStage.ACTIVE


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
