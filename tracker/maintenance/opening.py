"""Tells what kind of thing is to be imported, and opens it."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracker.database import Database
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.maintenance.bundle import DATABASE_NAME, unpacked
from tracker.maintenance.mlruns import FileStoreSource, file_store_around, is_file_store
from tracker.maintenance.sources import DatabaseSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracker.maintenance.source import Source

_DATABASE_NAMES = (DATABASE_NAME, "mlflow.db")


@contextmanager
def open_source(path: Path, allowed_roots: Sequence[str] = ()) -> Iterator[Source]:
    """What lies at a path, ready to be merged.

    Args:
        path: An MLflow file store, a tracking database, a folder with one, or a zip from `export`.
        allowed_roots: Folders and URLs outside of it that its artifacts may lie in.

    Raises:
        NotFoundError: There is nothing.
        InvalidValueError: It is none of these.
        DatabaseError: The database cannot be read.
    """
    if not path.exists():
        raise NotFoundError(f"There is nothing to import at {str(path)!r}.")
    if path.is_dir():
        yield _in_folder(path, allowed_roots)
    elif zipfile.is_zipfile(path):
        with unpacked(path) as database:
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
