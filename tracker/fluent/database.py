"""Where the fluent verbs read and write: one database for the whole process."""

from __future__ import annotations

import contextlib
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

EXPERIMENT_VARIABLE = "TRACKER_EXPERIMENT_NAME"
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
        # Environment variables by name: what was there before, and what is handed down.
        self.handed_down: dict[str, tuple[str | None, str]] = {}
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

    As in MLflow, that is also the one of processes started from now on, and of clients that name
    none, through the environment variable `TRACKER_URI`. "" goes back to what was there before.

    Raises:
        InvalidValueError: The URI names no local file.
    """
    text = os.fspath(uri)
    if not text:
        hand_down(locations.ENVIRONMENT_VARIABLE, None)
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
        hand_down(EXPERIMENT_VARIABLE, None)
        hand_down(locations.ENVIRONMENT_VARIABLE, str(path) if text else None)


def hand_down(name: str, value: str | None) -> None:
    """Let processes started from now on find a value in their environment; None takes it back.

    What the user wrote there meanwhile stays.
    """
    with settings.lock:
        before, told = settings.handed_down.pop(name, (None, None))
        if told is not None and os.environ.get(name) == told:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before
        if value is not None:
            settings.handed_down[name] = (os.environ.get(name), value)
            with contextlib.suppress(ValueError):  # No environment holds NUL, say.
                os.environ[name] = value


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
