"""MLflow's `mlflow.artifacts`: files of a run by its id or by an artifact URI."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker.client import TrackingClient
from tracker.current import get_client
from tracker.exceptions import InvalidValueError, NotFoundError, UnsupportedError
from tracker.validation import refuse

if TYPE_CHECKING:
    import os

    from tracker.entities import FileInfo

_RUNS_URI = re.compile(r"runs:/([^/]+)(?:/(.+))?")
_RUN_LOCATION = re.compile(r"((?:.*/)?([^/]+)/artifacts)(?:/(.+))?")


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """The local path of an artifact.

    Args:
        artifact_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version>`, or a path below a run's
            artifact URI; give this or `run_id`.
        run_id: The run it belongs to.
        artifact_path: Path below the run's artifact root; all of its artifacts by default.
        dst_path: Folder to copy it to. Default: no copy, the path where it is stored.
        tracking_uri: The database; the current one by default.
        registry_uri: Not supported; passing one raises.

    Raises:
        NotFoundError: There is no such run or artifact.
        InvalidValueError: Not exactly one of `artifact_uri` and `run_id` is given.
    """
    refuse(registry_uri=registry_uri)
    client = _client(tracking_uri)
    if _names_model(artifact_uri, run_id):
        files, path = client.model_files(str(artifact_uri))
        return str(files.download(path, dst_path))
    found, path = _locate(client, artifact_uri, run_id, artifact_path)
    return client.download_artifacts(found, path or "", dst_path)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """The files and folders directly below an artifact folder, sorted by name.

    Args:
        artifact_uri: As for `download_artifacts`; give this or `run_id`.
        run_id: The run to look at.
        artifact_path: Folder below the run's artifact root; the root itself by default.
        tracking_uri: The database; the current one by default.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: Not exactly one of `artifact_uri` and `run_id` is given.
    """
    client = _client(tracking_uri)
    if _names_model(artifact_uri, run_id):
        files, path = client.model_files(str(artifact_uri))
        return files.list(path)
    found, path = _locate(client, artifact_uri, run_id, artifact_path)
    return client.list_artifacts(found, path)


def load_text(artifact_uri: str) -> str:
    """The text of an artifact.

    Raises:
        NotFoundError: There is no such artifact.
    """
    return Path(download_artifacts(artifact_uri)).read_text(encoding="utf-8")


def load_dict(artifact_uri: str) -> Any:
    """The content of a JSON artifact.

    Raises:
        NotFoundError: There is no such artifact.
        InvalidValueError: It is not JSON.
    """
    try:
        return json.loads(load_text(artifact_uri))
    except json.JSONDecodeError as error:
        raise InvalidValueError(f"{artifact_uri!r} is not JSON: {error}.") from error


def load_image(artifact_uri: str) -> Any:
    """An artifact as a PIL image.

    Raises:
        NotFoundError: There is no such artifact.
        UnsupportedError: Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError("load_image needs Pillow: `pip install pillow`.") from error
    return Image.open(download_artifacts(artifact_uri))


def _client(tracking_uri: str | None) -> TrackingClient:
    return TrackingClient(tracking_uri) if tracking_uri else get_client()


def _names_model(artifact_uri: str | None, run_id: str | None) -> bool:
    return run_id is None and str(artifact_uri).startswith("models:/")


def _locate(
    client: TrackingClient, artifact_uri: str | None, run_id: str | None, path: str | None
) -> tuple[str, str | None]:
    """The run and the path below its root."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValueError("Name the artifact either by artifact_uri or by run_id.")
    if run_id is not None:
        return run_id, path
    uri = str(artifact_uri).rstrip("/")
    if match := _RUNS_URI.fullmatch(uri):
        return match[1], match[2]
    match = _RUN_LOCATION.fullmatch(uri)
    if match is None or not _is_root(client, match[2], match[1]):
        raise NotFoundError(
            f"{uri!r} is not an artifact of a run: write 'runs:/<run_id>/<path>', or pass run_id "
            f"and artifact_path."
        )
    return match[2], match[3]


def _is_root(client: TrackingClient, run_id: str, root: str) -> bool:
    known = client.store.get_run_info(run_id).artifact_uri
    # A row from elsewhere may hold something else than text.
    return root in {known, str(client.store.database.folder / str(known))}
