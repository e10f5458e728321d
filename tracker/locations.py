"""Where the database is: tracking URIs, plain paths, and the file system it lies on."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from tracker import environment
from tracker.exceptions import InvalidValueError, warn

DEFAULT: Final = "sqlite:///tracking.db"
MEMORY_URIS: Final = frozenset({":memory:", "sqlite://", "sqlite:///:memory:"})
NETWORK_TYPES: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "9p"}
)


# (process, folder) of the databases in memory.
_memory_folders: list[tuple[int, Path]] = []


def is_absolute(location: str) -> bool:
    """Whether an artifact location is an absolute path or a URL."""
    return ":/" in location or os.path.isabs(location)  # noqa: PTH117  A path takes 6 µs to make.


def absolute_location(location: str, folder: Path) -> str:
    """An artifact location as a path that can be opened from any working directory, or a URL.

    Args:
        location: As stored: relative to the database's folder, an absolute path or a URL.
        folder: The database's folder.

    >>> absolute_location("artifacts/0", Path("/data"))
    '/data/artifacts/0'
    """
    # A database from elsewhere may hold something else than text, or nothing.
    if not isinstance(location, str) or not location or is_absolute(location):
        return location
    return os.path.join(folder, location)  # noqa: PTH118  See `is_absolute`.


def portable_location(location: str, folder: Path) -> str:
    """A user's artifact location for the database: relative if it is in the database's folder.

    Args:
        location: A URL, or a path, relative to the working directory.
        folder: The database's folder.
    """
    if ":/" in location:
        return location
    path = Path(os.path.abspath(location))  # noqa: PTH100  Path.resolve would follow links.
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def default_uri() -> str:
    """The URI in `TRACKER_URI` or `MLFLOW_TRACKING_URI`, else a file in the working directory."""
    return environment.value_of(environment.TRACKER_URI) or DEFAULT


def database_path(uri: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The absolute path of the database that a tracking URI or a plain path names.

    Args:
        uri: Such as 'sqlite:///tracking.db' or 'tracking.db'.
        folder: Where a relative path starts from; the working directory by default.

    >>> database_path("sqlite:////data/tracking.db").as_posix()
    '/data/tracking.db'
    >>> database_path("sqlite:///tracking.db", Path("/data")).as_posix()
    '/data/tracking.db'

    Raises:
        InvalidValueError: It does not name a local SQLite file; says what to write instead.
    """
    text = os.fspath(uri)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidValueError(
            f"The tracking URI is a non-empty string, not {text!r}: name a file, such as "
            f"'tracking.db'."
        )
    if text in MEMORY_URIS:
        return memory_path()
    scheme, separator, rest = text.partition(":")
    if scheme == "sqlite":
        return _sqlite_path(text, folder)
    if scheme == "file":
        return _file_path(rest, folder)
    if scheme == "databricks" or f"{separator}{rest}".startswith("://"):
        raise InvalidValueError(
            f"The tracker writes a local SQLite file and cannot reach {text!r}: name a file, such "
            f"as 'sqlite:///tracking.db', and send its runs to an MLflow server with "
            f"`python -m tracker push --to URL`."
        )
    path = _absolute(text, folder)
    _refuse_file_store(path)
    return path


@lru_cache(maxsize=1)
def memory_path() -> Path:
    """The database of `sqlite:///:memory:`: one per process, in a folder removed at its end."""
    import tempfile  # noqa: PLC0415  Costs `import tracker` some milliseconds.

    folder = Path(tempfile.mkdtemp(prefix="tracker-memory-"))
    _memory_folders.append((os.getpid(), folder))
    return folder / "tracking.db"


# Registered before the handler that ends open runs, so that it comes after it.
@atexit.register
def _remove_memory_folders() -> None:
    import shutil  # noqa: PLC0415

    for pid, folder in _memory_folders:
        if pid == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_file_store(path: Path) -> None:
    """Tell a folder of MLflow's file store from the path of a database.

    Raises:
        InvalidValueError: It is a file store; says how to import it.
    """
    is_store = False
    with suppress(OSError):  # A folder that cannot be entered.
        is_store = not path.suffix and path.is_dir() and any(path.glob("*/meta.yaml"))
    if is_store:
        raise InvalidValueError(
            f"{str(path)!r} is a file store of MLflow, not a database: import it with "
            f"`python -m tracker --db tracking.db import {path}` and use 'tracking.db'."
        )


@lru_cache(maxsize=64)
def is_network(folder: Path) -> bool:
    """Whether `folder` lies on a network file system; warns at the first sight of one.

    Only Linux tells (`/proc/self/mounts`); elsewhere the answer is no.
    """
    kind = file_system(folder.resolve(), _mounts())
    if kind not in NETWORK_TYPES:
        return False
    warn(
        f"{str(folder)!r} is on a network file system ({kind}): SQLite's write-ahead log does not "
        f"work there, a slower rollback journal is used. A local folder is faster and safer.",
    )
    return True


def file_system(folder: Path, mounts: str) -> str:
    r"""The type of the file system that holds `folder`, by the longest mount point above it.

    >>> file_system(Path("/home/ada/runs"), "a / ext4 rw\nb /home nfs4 rw")
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, point, candidate, *_ = line.split(" ")
        where = Path(point.replace("\\040", " "))
        if len(where.parts) > best and folder.is_relative_to(where):
            best, kind = len(where.parts), candidate
    return kind


def _absolute(path: str, folder: Path | None) -> Path:
    try:
        return (folder or Path()).joinpath(path).absolute()
    except FileNotFoundError:
        raise InvalidValueError(
            f"{path!r} is relative to the working directory, which was deleted: change to another "
            f"folder, or name a full path."
        ) from None


def _file_path(rest: str, folder: Path | None) -> Path:
    """A file, or `tracking.db` in a folder: to MLflow and its users, `file:` names a folder."""
    from urllib.parse import unquote  # noqa: PLC0415

    path = _absolute(unquote(rest.removeprefix("//")), folder)
    _refuse_file_store(path)
    return path if path.suffix or path.is_file() else path / "tracking.db"


def _sqlite_path(text: str, folder: Path | None) -> Path:
    prefix = "sqlite:///"
    path = text.removeprefix(prefix).split("?")[0]
    if path == ":memory:":
        return memory_path()
    if not text.startswith(prefix) or not path:
        raise InvalidValueError(
            f"{text!r} does not name a file: write 'sqlite:///tracking.db' or 'sqlite:////full/path.db'."
        )
    return _absolute(path, folder)


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
