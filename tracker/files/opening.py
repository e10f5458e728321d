"""From an artifact URI to the files of a run.

Nothing is read or written outside the run's own folder, whatever a name, a link or a URI says: a
database that came by mail is not trusted.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tracker.exceptions import ArtifactError, UnsupportedError
from tracker.files.blobs import BlobStore, blob_root
from tracker.files.local import LocalArtifacts
from tracker.files.paths import path_of_uri, resolve_root, stored_uri, trusted_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.files.store import ArtifactStore

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
        UnsafePathError: The URI leads anywhere else, or is no text.
        UnsupportedError: Only an MLflow server can resolve it, or it names no kind of storage.
        ArtifactError: The database's folder is gone, or the URI is remote and fsspec or the package
            for its scheme is missing.
    """
    roots = [os.fspath(root) for root in allowed_roots]
    if scheme := _scheme(stored_uri(artifact_uri)):
        return _open_remote(artifact_uri, scheme, roots)
    if not database_folder.is_dir():
        raise ArtifactError(f"cannot open artifacts: the folder {str(database_folder)!r} is gone")
    allowed = [database_folder, *(trusted_path(root) for root in roots if not _scheme(root))]
    root, boundary = resolve_root(path_of_uri(artifact_uri, database_folder), allowed, artifact_uri)
    shared = blob_root(root, boundary)
    return LocalArtifacts(root, BlobStore(shared) if shared else None)


def _scheme(uri: str) -> str | None:
    """The scheme of a remote URL in lower case; None for a path and for `file:`."""
    match = _SCHEME.match(uri)
    scheme = match[1].lower() if match else "file"
    return None if scheme == "file" else scheme


def _open_remote(artifact_uri: str, scheme: str, allowed: Sequence[str]) -> ArtifactStore:
    if scheme == "mlflow-artifacts":
        raise UnsupportedError(
            f"cannot open artifact URI {artifact_uri!r}: only the MLflow server that wrote it can "
            "resolve it; fetch these files with MLflow's own client"
        )
    from tracker.files.remote import open_remote  # noqa: PLC0415

    return open_remote(artifact_uri, scheme, allowed)
