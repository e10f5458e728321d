"""From an artifact URI to the files of a run.

Nothing is read or written outside the run's own folder, whatever a name, a link or a URI says: a
database that came by mail is not trusted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracker.artifact_store import ArtifactStore
from tracker.blobs import BlobStore, blob_root
from tracker.exceptions import UnsupportedError
from tracker.local_artifacts import LocalArtifacts
from tracker.paths import path_of_uri, resolve_root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ArtifactStore", "open_artifacts"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def open_artifacts(
    artifact_uri: str, database_folder: Path, *, allowed_roots: Sequence[Path] = ()
) -> ArtifactStore:
    """The files of the run with this artifact URI. Nothing is created before the first write.

    Args:
        artifact_uri: As it stands in the database: a path relative to the database's folder, an
            absolute path or `file:` URI, or a URL that fsspec knows.
        database_folder: The folder of the database.
        allowed_roots: Further folders that an absolute URI, or a link, may lead into.

    Raises:
        UnsafePathError: The URI leads anywhere else.
        UnsupportedError: Only an MLflow server can resolve it, or it names no kind of storage.
        ArtifactError: It is remote, and fsspec or the package for its scheme is missing.
    """
    scheme = _SCHEME.match(artifact_uri)
    if scheme and scheme[1].lower() != "file":
        return _open_remote(artifact_uri, scheme[1].lower())
    folder = path_of_uri(artifact_uri, database_folder.absolute())
    root, boundary = resolve_root(folder, [database_folder, *allowed_roots], artifact_uri)
    shared = blob_root(root, boundary)
    return LocalArtifacts(root, BlobStore(shared) if shared else None)


def _open_remote(artifact_uri: str, scheme: str) -> ArtifactStore:
    if scheme == "mlflow-artifacts":
        raise UnsupportedError(
            f"cannot open artifact URI {artifact_uri!r}: only the MLflow server that wrote it can "
            "resolve it; fetch these files with MLflow's own client"
        )
    from tracker.remote import open_remote  # noqa: PLC0415

    return open_remote(artifact_uri, scheme)
