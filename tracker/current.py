"""Where the fluent verbs read and write: one database for the whole process."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from tracker import locations
from tracker.client import ARTIFACT_ROOT, TrackingClient
from tracker.exceptions import InvalidStateError, InvalidValueError, TrackerError
from tracker.validation import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.database import Synchronous
    from tracker.entities import Experiment

__all__ = [
    "get_client",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_experiment",
    "set_tracking_uri",
]

DEFAULT_EXPERIMENT_ID = "0"
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


def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    trace_location: Any = None,
) -> Experiment:
    """Choose the experiment of the runs that follow; a new name creates it.

    Processes started from now on begin in it too, by the environment variable
    `TRACKER_EXPERIMENT_NAME`.

    Raises:
        UnsupportedError: `trace_location` is given.
        InvalidValueError: Not exactly one of name and id is given.
        InvalidStateError: The experiment is deleted.
        NotFoundError: There is no experiment with this id.
    """
    refuse(trace_location=trace_location)
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValueError("set_experiment takes either a name or an experiment_id.")
    client = get_client()
    if experiment_id is not None:
        experiment = client.get_experiment(experiment_id)
    else:
        experiment = _get_or_create(client, str(experiment_name))
    _require_active(experiment)
    settings.experiment_id = experiment.experiment_id
    hand_down(EXPERIMENT_VARIABLE, experiment.name)
    return experiment


def current_experiment_id() -> str:
    """Where a new run belongs, and where a search looks by default."""
    if settings.experiment_id is not None:
        return settings.experiment_id
    name = os.environ.get(EXPERIMENT_VARIABLE)
    if not name:
        return DEFAULT_EXPERIMENT_ID
    experiment = _get_or_create(get_client(), name)
    _require_active(experiment)
    return experiment.experiment_id


def check_belongs_here(client: TrackingClient, run_id: str) -> None:
    """See to it that a run to go on with belongs to the experiment chosen, if one was.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: It belongs to another experiment.
    """
    if settings.experiment_id is None:
        return
    home = client.store.get_run_info(run_id).experiment_id
    if home != settings.experiment_id:
        name = client.get_experiment(home).name
        chosen = client.get_experiment(settings.experiment_id).name
        raise InvalidStateError(
            f"The run {run_id!r} belongs to the experiment {name!r}, but {chosen!r} was chosen: "
            f"call `set_experiment({name!r})` first."
        )


def _require_active(experiment: Experiment) -> None:
    if experiment.lifecycle_stage != "active":
        raise InvalidStateError(
            f"The experiment {experiment.name!r} is deleted: restore it with "
            f"`restore_experiment({experiment.experiment_id!r})` or choose another name."
        )


def _get_or_create(client: TrackingClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found
    try:
        return client.get_experiment(client.create_experiment(name))
    except TrackerError:  # Another process was faster.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found
