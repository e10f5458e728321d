"""Where runs come from when they are imported: databases, zip files, MLflow's file stores."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from tracker.client import ARTIFACT_ROOT
from tracker.database import Database
from tracker.entities import RunStatus
from tracker.exceptions import (
    AbsentFilesError,
    DiskFullError,
    InvalidValueError,
    NotFoundError,
    UnsafePathError,
    UnsupportedError,
)
from tracker.files import open_artifacts
from tracker.files.archives import DAMAGE, member_name
from tracker.files.atomic import BLOCK_BYTES
from tracker.files.local import LocalArtifacts
from tracker.files.store import explained
from tracker.journal.recovery import found
from tracker.maintenance.mlruns import FileStoreSource, file_store_around, is_file_store
from tracker.maintenance.registered_models import LocalRegistry
from tracker.maintenance.run_files import Gaps
from tracker.maintenance.scratch import scratch_folder
from tracker.store import Store, models, runs, transfer
from tracker.tags import TRACKER_FAILURE_REASON
from tracker.text import size
from tracker.validation import check_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracker.entities import Experiment, Run
    from tracker.files import ArtifactStore
    from tracker.maintenance.registered_models import ModelSource
    from tracker.store.metrics import Point

_MAX_RATIO: Final = 100
_ALWAYS_UNPACKED_BYTES: Final = 100_000_000
DATABASE_NAME: Final = "tracking.db"
_DATABASE_NAMES: Final = (DATABASE_NAME, "mlflow.db")
# Beside a database that was moved, or that an MLflow server wrote, its artifacts lie in these.
_USUAL_FOLDERS: Final = ("artifacts", "mlruns", "mlartifacts")


class Source(Protocol):
    """Experiments and runs kept elsewhere. Not trusted: any value may be hostile.

    `gaps` collects what it could not give.
    """

    gaps: Gaps

    def experiments(self) -> Iterable[Experiment]:
        """All experiments, deleted ones included."""

    def run_ids(self, experiment_id: str) -> list[str]:
        """All runs of an experiment, deleted ones included."""

    def get_run(self, run_id: str) -> Run:
        """One of them, without its metrics.

        Raises:
            TrackerError: It cannot be read.
        """

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run."""

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run; None if it has none.

        Raises:
            TrackerError: They cannot be reached, or lie where nobody allowed to look.
        """

    def id_there(self, run_id: str) -> str:
        """A run's id in the source."""

    def registry(self) -> ModelSource | None:
        """The registered models; None if there are none."""


class DatabaseSource:
    """A database opened read-only.

    Args:
        database: The other database.
        allowed_roots: Folders and URLs outside of its folder that its artifacts may lie in.
    """

    def __init__(self, database: Database, allowed_roots: Sequence[str] = ()) -> None:
        self.database = database
        self.gaps = Gaps()
        self._allowed_roots = allowed_roots
        # Runs with points in a journal, and those that ended processes worked on.
        self._waiting: set[str] = set()
        self._abandoned: set[str] = set()
        self._look_into_journals()
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
        if run.info.status != RunStatus.RUNNING or run_id not in self._abandoned:
            return run
        # The other database is not written to: what its next reader would do is done here.
        run.data.tags.setdefault(
            TRACKER_FAILURE_REASON, "its process ended without closing the run"
        )
        return replace(run, info=replace(run.info, status=RunStatus.FAILED))

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""
        with self.database.read() as connection:
            return transfer.deleted_time(connection, run_id)

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run that can be read, those of a journal included."""
        with self.database.read() as connection:
            yield from transfer.points(connection, run_id, self.gaps.damaged.append)
        for journal in found(self.database.path) if run_id in self._waiting else ():
            for points in journal.points():
                yield from (point for point in points if point[5] == run_id)

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run, where its URI says or in the usual place beside the database."""
        folder = self.database.folder
        try:
            store = open_artifacts(run.info.artifact_uri, folder, allowed_roots=self._allowed_roots)
        except (AbsentFilesError, UnsafePathError, UnsupportedError):
            usual = self._in_usual_place(run)
            if usual is None:
                raise
            return usual
        if isinstance(store, LocalArtifacts) and not store.root.exists():
            return self._in_usual_place(run)
        return store

    def id_there(self, run_id: str) -> str:
        """Runs keep their ids."""
        return run_id

    def registry(self) -> ModelSource | None:
        """The registered models; None if the database has no tables for them."""
        with self.database.read() as connection:
            has_tables = models.has_tables(connection)
        return LocalRegistry(Store(self.database)) if has_tables else None

    def _look_into_journals(self) -> None:
        alive: set[str] = set()
        for journal in found(self.database.path):
            workers = self._abandoned if journal.is_free() else alive
            for points in journal.points():
                self._waiting |= {point[5] for point in points}
            workers.update(journal.reader.runs)
        self._abandoned -= alive

    def _in_usual_place(self, run: Run) -> ArtifactStore | None:
        tail = f"{int(run.info.experiment_id)}/{check_run_id(run.info.run_id)}/artifacts"
        for name in _USUAL_FOLDERS:
            store = open_artifacts(f"{name}/{tail}", self.database.folder)
            if isinstance(store, LocalArtifacts) and store.root.is_dir():
                return store
        return None


@contextmanager
def open_source(
    path: Path, allowed_roots: Sequence[str] = (), max_unpacked_bytes: int | None = None
) -> Iterator[Source]:
    """What lies at a path, ready to be merged.

    Args:
        path: An MLflow file store, a tracking database, a folder with one, or a zip from `export`.
        allowed_roots: Folders and URLs outside of it that its artifacts may lie in.
        max_unpacked_bytes: The most that a zip file may unpack to (default: 100 times its own size,
            at least 100 MB).

    Raises:
        NotFoundError: There is nothing.
        InvalidValueError: It is something else.
        DatabaseError: The database cannot be read.
    """
    if not path.exists():
        raise NotFoundError(f"There is nothing to import at {str(path)!r}.")
    if path.is_dir():
        yield _in_folder(path, allowed_roots)
    elif zipfile.is_zipfile(path):
        with unpacked(path, max_unpacked_bytes) as database:
            yield DatabaseSource(Database(database, read_only=True))
    else:
        yield DatabaseSource(Database(path, read_only=True), allowed_roots)


def _in_folder(folder: Path, allowed_roots: Sequence[str]) -> Source:
    for candidate in (folder, folder / "mlruns"):
        if candidate.is_dir() and is_file_store(candidate):
            return FileStoreSource(candidate, allowed_roots)
    if database := _database_in(folder):
        return DatabaseSource(Database(database, read_only=True), allowed_roots)
    if store := file_store_around(folder):
        raise InvalidValueError(
            f"The folder {str(folder)!r} is a part of an MLflow file store: import the whole, "
            f"{str(store)!r}."
        )
    raise InvalidValueError(
        f"The folder {str(folder)!r} holds neither an MLflow file store (mlruns) nor a database "
        f"named {' or '.join(_DATABASE_NAMES)}: name the folder or the database itself."
    )


def _database_in(folder: Path) -> Path | None:
    """The database of a usual name, else the only one: a backup's is named as the original."""
    usual = [folder / name for name in _DATABASE_NAMES if (folder / name).is_file()]
    found = usual or [path for path in folder.glob("*.db") if path.is_file()]
    return found[0] if usual or len(found) == 1 else None


@contextmanager
def unpacked(path: Path, max_unpacked_bytes: int | None = None) -> Iterator[Path]:
    """The database of a zip file from `export_bundle`, with its artifacts, until the end.

    Raises:
        InvalidValueError: The file is damaged or not an export, or would unpack to too much.
        UnsafePathError: A member has a name that leads elsewhere, or is a link.
        DiskFullError: It is larger than the room left on the disk.
    """
    size_bytes = path.stat().st_size
    if max_unpacked_bytes is None:
        max_unpacked_bytes = max(_MAX_RATIO * size_bytes, _ALWAYS_UNPACKED_BYTES)
    with scratch_folder() as folder:
        try:
            with explained(f"unpack {str(path)!r}"), zipfile.ZipFile(path) as archive:
                _unpack(archive, folder, path, max_unpacked_bytes)
        except DAMAGE as error:
            raise InvalidValueError(f"{str(path)!r} is a damaged zip file: {error}.") from error
        yield folder / DATABASE_NAME


def _unpack(archive: zipfile.ZipFile, folder: Path, path: Path, max_unpacked_bytes: int) -> None:
    if DATABASE_NAME not in archive.namelist():
        raise InvalidValueError(
            f"{str(path)!r} holds no {DATABASE_NAME}: only zip files written by `export` can be "
            f"imported."
        )
    members = [member for member in archive.infolist() if not member.is_dir()]
    names = [_safe_member(member) for member in members]
    _check_distinct(names, path)
    unpacked_bytes = sum(member.file_size for member in members)
    if unpacked_bytes > max_unpacked_bytes:
        raise InvalidValueError(
            f"{str(path)!r} ({size(path.stat().st_size)}) would unpack to {size(unpacked_bytes)}, "
            f"more than the limit of {size(max_unpacked_bytes)}: if you trust it, allow more with "
            f"--max-size."
        )
    if unpacked_bytes > shutil.disk_usage(folder).free:
        raise DiskFullError(
            f"There is no room to unpack {str(path)!r} in {str(folder.parent)!r}: free some "
            f"space, or let the environment variable TMPDIR name a folder with more."
        )
    for name, member in zip(names, members, strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, BLOCK_BYTES)


def _check_distinct(names: list[str], path: Path) -> None:
    known = set(names)
    if len(known) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidValueError(f"{str(path)!r} is a damaged zip file: it holds {twice!r} twice.")
    for name in names:
        for folder in map(str, PurePosixPath(name).parents):
            if folder in known:
                raise InvalidValueError(
                    f"{str(path)!r} is a damaged zip file: in it, {folder!r} is a file and a "
                    f"folder."
                )


def _safe_member(member: zipfile.ZipInfo) -> str:
    name = member_name(member)
    if name != DATABASE_NAME and not name.startswith(f"{ARTIFACT_ROOT}/"):
        raise InvalidValueError(f"The zip file holds {name!r}, which export does not write.")
    return name
