"""The files of runs: safe names, equal files stored once, local folders and remote URLs.

`tracker.artifacts` is MLflow's module of that name, which goes by run ids and stands above the
client; this is what the client stands on.
"""

from tracker.files.atomic import write_file
from tracker.files.local import LocalArtifacts
from tracker.files.opening import check_location, open_artifacts
from tracker.files.remote_folder import is_url, mirrored
from tracker.files.store import ArtifactStore

__all__ = [
    "ArtifactStore",
    "LocalArtifacts",
    "check_location",
    "is_url",
    "mirrored",
    "open_artifacts",
    "write_file",
]
