"""Where the database is: tracking URIs, plain paths, and the file system it lies on."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from tracker import environment
from tracker.exceptions import InvalidValueError, warn

DEFAULT: Final = "sqlite:///tracking.db"
NETWORK_TYPES: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "9p"}
)


def is_absolute(location: str) -> bool:
    """Whether an artifact location is an absolute path or a URL."""
    return ":/" in location or Path(location).is_absolute()


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
        InvalidValueError: It names no local SQLite file; says what to write instead.
    """
    text = os.fspath(uri)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidValueError(
            f"The tracking URI {text!r} is no text or is empty: name a file, such as 'tracking.db'."
        )
    scheme, separator, rest = text.partition(":")
    if scheme == "sqlite":
        return _sqlite_path(text, folder)
    if scheme == "file":
        return _file_path(rest, folder)
    if scheme == "databricks" or f"{separator}{rest}".startswith("://"):
        raise InvalidValueError(
            f"The tracker writes a local SQLite file and cannot reach {text!r}: name a file, such "
            f"as 'sqlite:///tracking.db'. To send runs to an MLflow server, use MLflow itself; it "
            f"opens the file that the tracker wrote."
        )
    return _absolute(text, folder)


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
    return path if path.suffix or path.is_file() else path / "tracking.db"


def _sqlite_path(text: str, folder: Path | None) -> Path:
    prefix = "sqlite:///"
    path = text.removeprefix(prefix).split("?")[0]
    if not text.startswith(prefix) or path in {"", ":memory:"}:
        raise InvalidValueError(
            f"{text!r} names no file: write 'sqlite:///tracking.db' or 'sqlite:////full/path.db'."
        )
    return _absolute(path, folder)


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
