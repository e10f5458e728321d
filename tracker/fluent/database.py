"""Where the fluent verbs read and write: one database for the whole process."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from tracker import locations
from tracker.client import TrackingClient
from tracker.client.opened import ARTIFACT_ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.database import Synchronous

# Each keeps three files open in every thread that uses it.
MOST_CLIENTS = 8


class _Settings:
    """What `set_tracking_uri` and `set_experiment` said, for the whole process."""

    def __init__(self) -> None:
        self.uri: str | None = None
        self.path: Path | None = None
        self.options: dict[str, Any] = {}
        self.experiment_id: str | None = None
        self.clients: dict[Path, TrackingClient] = {}
        self.lock = threading.RLock()


settings = _Settings()


def _renew_lock() -> None:
    """Another thread of the parent may have held it, and is not there to release it."""
    settings.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def set_tracking_uri(
    uri: str | os.PathLike[str],
    *,
    synchronous: Synchronous = "NORMAL",
    artifact_root: str = ARTIFACT_ROOT,
    allowed_roots: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Name the database of all that follows; see `TrackingClient` for the arguments.

    Raises:
        InvalidValueError: The URI names no local file.
    """
    text = os.fspath(uri)
    path = locations.database_path(text or locations.default_uri())
    options = {
        "synchronous": synchronous,
        "artifact_root": artifact_root,
        "allowed_roots": allowed_roots,
    }
    with settings.lock:
        # Libraries name the same database again and again, in the middle of a run too.
        wanted = (text or None, path if text else None, options)
        if wanted == (settings.uri, settings.path, settings.options) and path.exists():
            return
        settings.uri, settings.path, settings.options = wanted
        settings.experiment_id = None
        settings.clients.pop(path, None)


def is_tracking_uri_set() -> bool:
    """Whether the database was named, by `set_tracking_uri` or the environment variable."""
    return bool(settings.uri or os.environ.get(locations.ENVIRONMENT_VARIABLE))


def get_tracking_uri() -> str:
    """The tracking URI in force: the one set, else `TRACKER_URI`, else `tracking.db` here."""
    return settings.uri or locations.default_uri()


def get_client() -> TrackingClient:
    """The client behind the fluent verbs."""
    path = settings.path or locations.database_path(locations.default_uri())
    return settings.clients.get(path) or _open_client()


def _open_client() -> TrackingClient:
    with settings.lock:
        # Another thread may have named another database since.
        path = settings.path or locations.database_path(locations.default_uri())
        found = settings.clients.get(path)
        if found is None:
            found = TrackingClient(path, **settings.options)
            found.tracking_uri = get_tracking_uri()
            if len(settings.clients) >= MOST_CLIENTS:
                del settings.clients[next(iter(settings.clients))]
            settings.clients[path] = found
    return found
