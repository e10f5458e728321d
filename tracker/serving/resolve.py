"""From a model URI to the model's name, version, and folder at the moment."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.exceptions import (
    InvalidValueError,
    NotFoundError,
    ReadOnlyError,
    UnsupportedError,
)
from tracker.models.conversion import ConversionError, as_onnx
from tracker.serving.model import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.client import TrackingClient


def resolver(uri: str, open_client: Callable[[], TrackingClient]) -> Callable[[], Target]:
    """A function that says which model the URI names whenever it is called.

    Args:
        uri: `models:/name@alias`, `models:/name/1`, `models:/name/latest`, `runs:/ID/path`, or the
            path of a folder.
        open_client: Opens the database of the runs and the registry; not called for a folder.

    Raises:
        InvalidValueError: The URI has none of these forms.
        NotFoundError: There is no such run or folder.
    """
    if uri.startswith("models:/"):
        return partial(_registered, open_client(), uri, {})
    if uri.startswith("runs:/"):
        run_id, _, path = uri.removeprefix("runs:/").partition("/")
        if not path:
            raise InvalidValueError(f"{uri!r} names no model; write runs:/RUN_ID/PATH.")
        client = open_client()
        name = client.get_run(run_id).info.run_name or run_id
        folder = client.artifacts(run_id).local_path(_fastest(client, run_id, path))
        return lambda: Target(uri, name, "-", run_id, folder)
    if not Path(uri).is_dir():
        raise NotFoundError(
            f"There is no folder {uri!r}. A registered model is named models:/NAME@champion or "
            f"models:/NAME/1, a run's runs:/RUN_ID/model."
        )
    return lambda: Target(uri, Path(uri).resolve().name, "-", None, Path(uri))


def _registered(client: TrackingClient, uri: str, known: dict[int, Target]) -> Target:
    """The version that the URI names now; its files are looked for at the first call only."""
    found = client.get_model_version_by_uri(uri)
    if found.version not in known:
        files, path = client.model_files(f"models:/{found.name}/{found.version}")
        folder = files.local_path(path)
        known[found.version] = Target(uri, found.name, str(found.version), found.run_id, folder)
    return known[found.version]


def _fastest(client: TrackingClient, run_id: str, path: str) -> str:
    """The model's folder, as ONNX where it can be converted."""
    try:
        return as_onnx(client, run_id, path)
    except (UnsupportedError, ConversionError, ReadOnlyError):
        return path  # An exported program is served by torch.
