"""The files of the active run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from tracker.fluent.active import active_run_id
from tracker.fluent.database import get_client
from tracker.fluent.experiments import current_experiment_id

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tracker.entities import FileInfo


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep a file, or a folder with all it holds, below `artifact_path`."""
    get_client().log_artifact(run_id or active_run_id(), local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep all that a folder holds below `artifact_path`."""
    get_client().log_artifacts(run_id or active_run_id(), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as a file."""
    get_client().log_text(run_id or active_run_id(), text, artifact_file)


def log_stream(stream: IO[bytes], artifact_file: str, run_id: str | None = None) -> None:
    """Keep what a binary stream still holds as a file."""
    get_client().log_stream(run_id or active_run_id(), stream, artifact_file)


def log_dict(
    dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None
) -> None:
    """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
    get_client().log_dict(run_id or active_run_id(), dictionary, artifact_file)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Keep an image under a name of its own, or as one of a series; see `TrackingClient`."""
    get_client().log_image(active_run_id(), image, artifact_file, key, step, timestamp)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Keep a matplotlib or plotly figure as a picture."""
    get_client().log_figure(active_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a table as JSON; rows logged again under the same name are appended."""
    get_client().log_table(run_id or active_run_id(), data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows that several runs logged under one name; see `TrackingClient.load_table`.

    Raises:
        NotFoundError: There is no such table.
    """
    return get_client().load_table(current_experiment_id(), artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run's artifacts lie, relative to the database's folder."""
    uri = get_client().store.get_run_info(active_run_id()).artifact_uri
    return f"{uri}/{artifact_path}" if artifact_path else uri


def list_artifacts(path: str | None = None, run_id: str | None = None) -> list[FileInfo]:
    """The files and folders directly below `path`, by name."""
    return get_client().list_artifacts(run_id or active_run_id(), path)


def download_artifacts(
    artifact_path: str, run_id: str | None = None, dst_path: str | None = None
) -> str:
    """The path of an artifact: where it lies, or of a copy below `dst_path`.

    Raises:
        NotFoundError: There is no such artifact.
    """
    return get_client().download_artifacts(run_id or active_run_id(), artifact_path, dst_path)
