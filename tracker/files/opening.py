"""From an artifact URI to the files of a run.

Nothing is read or written outside the run's own folder, whatever a name, a link or a URI says: a
database that came by mail is not trusted.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tracker.exceptions import AbsentFilesError, ArtifactError, UnsupportedError
from tracker.files.blobs import BlobStore, blob_root
from tracker.files.local import LocalArtifacts
from tracker.files.paths import (
    check_url,
    path_of_uri,
    resolve_root,
    stored_uri,
    trusted_path,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.files.store import ArtifactStore

_ANY_RUN = "0" * 32
# These answer "file:" in other words, or wrap another file system: a URI could reach any file.
_NO_STORAGE = {
    "asynclocal", "blockcache", "cached", "data", "dir", "filecache", "generic", "git", "github",
    "http", "https", "jar", "libarchive", "local", "models", "reference", "runs", "simplecache",
    "sqlite", "tar", "zip",
}  # fmt: skip
# An upload to one of these appears when it is complete; elsewhere a temporary name is renamed.
_OBJECT_STORES = {"abfs", "abfss", "adl", "az", "gcs", "gs", "oci", "oss", "s3", "s3a"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def open_artifacts(
    artifact_uri: str,
    database_folder: Path,
    *,
    allowed_roots: Sequence[str | os.PathLike[str]] = (),
) -> ArtifactStore:
    """The files of the run with this artifact URI. Nothing is created before the first write.

    Args:
        artifact_uri: As it stands in the database: a path relative to the database's folder, an
            absolute path or `file:` URI, or a URL that fsspec knows.
        database_folder: The folder of the database; a relative path may not leave it.
        allowed_roots: Folders and URLs outside of it that the artifact URI may lead into.

    Raises:
        AbsentFilesError: The URI leads nowhere on this machine, or only an MLflow server can
            resolve it.
        UnsafePathError: The URI leads anywhere else, or is not a text.
        UnsupportedError: It does not name a kind of storage.
        ArtifactError: The database's folder is gone, or the URI is remote and fsspec or the package
            for its scheme is missing.
    """
    roots = [os.fspath(root) for root in allowed_roots]
    if scheme := _scheme(stored_uri(artifact_uri)):
        from tracker.files.remote import open_remote  # noqa: PLC0415

        _check_remote(artifact_uri, scheme, roots)
        return open_remote(artifact_uri, publishes_whole=scheme in _OBJECT_STORES)
    if not database_folder.is_dir():
        raise ArtifactError(f"cannot open artifacts: the folder {str(database_folder)!r} is gone")
    root, boundary = _local_root(artifact_uri, database_folder, roots)
    shared = blob_root(root, boundary)
    return LocalArtifacts(root, BlobStore(shared) if shared else None)


def check_location(
    location: str, database_folder: Path, *, allowed_roots: Sequence[str | os.PathLike[str]] = ()
) -> None:
    """Sees to it that runs can keep their files at a location, as far as its text can tell.

    Raises:
        UnsafePathError: It leads out of the folder and the allowed roots.
        UnsupportedError: It names no kind of storage.
    """
    roots = [os.fspath(root) for root in allowed_roots]
    uri = f"{location.rstrip('/')}/{_ANY_RUN}/artifacts"
    if scheme := _scheme(uri):
        _check_remote(uri, scheme, roots)
    else:
        _local_root(uri, database_folder, roots)


def _scheme(uri: str) -> str | None:
    """The scheme of a remote URL in lower case; None for a path and for `file:`."""
    match = _SCHEME.match(uri)
    scheme = match[1].lower() if match else "file"
    return None if scheme == "file" else scheme


def _check_remote(artifact_uri: str, scheme: str, allowed: Sequence[str]) -> None:
    if scheme == "mlflow-artifacts":
        raise AbsentFilesError(
            f"cannot open artifact URI {artifact_uri!r}: only the MLflow server that wrote it can "
            "resolve it; fetch these files with MLflow's own client"
        )
    if scheme in _NO_STORAGE:
        raise UnsupportedError(
            f"cannot store artifacts at {artifact_uri!r}: {scheme!r} is no storage; use a path, "
            "or a URL such as 's3://bucket/folder'"
        )
    check_url(artifact_uri, allowed)


def _local_root(
    artifact_uri: str, database_folder: Path, allowed: Sequence[str]
) -> tuple[Path, Path]:
    """A run's root on this machine, and the allowed folder that holds it."""
    folders = [database_folder, *(trusted_path(root) for root in allowed if not _scheme(root))]
    return resolve_root(path_of_uri(artifact_uri, database_folder), folders, artifact_uri)
