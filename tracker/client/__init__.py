"""The client: every verb with an explicit run id; validates, takes the time, gives out ids."""

from __future__ import annotations

from typing import Any

from tracker.client.artifacts import ArtifactVerbs
from tracker.client.experiments import ExperimentVerbs
from tracker.client.records import RecordVerbs
from tracker.client.runs import RunVerbs
from tracker.exceptions import UnsupportedError


class TrackingClient(ExperimentVerbs, RunVerbs, RecordVerbs, ArtifactVerbs):
    """Reads and writes one tracking database; may be used from several threads.

    Args:
        tracking_uri: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path; by
            default what `set_tracking_uri` named, else the environment variable `TRACKER_URI`,
            else `tracking.db` in the working directory.
        registry_uri: For MLflow's sake; there is no model registry.
        synchronous: `FULL` makes every call survive a power loss too, at some five times the
            cost.
        read_only: Refuse every write.
        artifact_root: Where artifacts of new experiments go, relative to the database's folder.
        allowed_roots: Folders and URL prefixes outside the database's folder whose artifacts may
            be read and written; the environment variable `TRACKER_ALLOWED_ROOTS` adds more,
            separated as in `PATH`.

    Raises:
        DatabaseError: The database cannot be opened; the message says why.
        InvalidValueError: The URI names no local file.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"The tracker's client has no {name!r}: it keeps experiments, runs, metrics, "
            f"parameters, tags, data sets and artifacts, not models, traces or registries."
        )


# The name under which scripts written for MLflow know it.
MlflowClient = TrackingClient
