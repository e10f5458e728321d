"""MLflow's `mlflow.tracking.artifact_utils`: the location of a run's artifacts, and a download."""

from __future__ import annotations

import posixpath

from tracker.artifacts import download_artifacts
from tracker.client import TrackingClient
from tracker.current import get_client

__all__ = ["get_artifact_uri"]


def get_artifact_uri(
    run_id: str, artifact_path: str | None = None, tracking_uri: str | None = None
) -> str:
    """Where a run's artifacts are: an absolute path or a URL.

    Args:
        run_id: The run.
        artifact_path: Path below the run's artifact root; the root itself by default.
        tracking_uri: The database; the current one by default.

    Raises:
        NotFoundError: There is no such run.
    """
    client = TrackingClient(tracking_uri) if tracking_uri else get_client()
    uri = client.get_run(run_id).info.artifact_uri
    return f"{uri}/{posixpath.normpath(artifact_path)}" if artifact_path else uri


def _download_artifact_from_uri(
    artifact_uri: str, output_path: str | None = None, tracking_uri: str | None = None
) -> str:
    return download_artifacts(artifact_uri, dst_path=output_path, tracking_uri=tracking_uri)
