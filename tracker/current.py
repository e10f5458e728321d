"""The database, the client and the experiment of this process, which the fluent verbs use."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from tracker import environment, locations
from tracker.client import ARTIFACT_ROOT, TrackingClient
from tracker.exceptions import InvalidStateError, InvalidValueError, TrackerError
from tracker.validation import check_synchronous, refuse

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
# Each client keeps three files open in every thread that uses it.
MAX_CLIENTS = 8


class _Settings:
    """What `set_tracking_uri` and `set_experiment` chose, for the whole process."""

    def __init__(self) -> None:
        self.uri: str | None = None
        self.path: Path | None = None
        self.options: dict[str, Any] = {}
        self.experiment_id: str | None = None
        self.clients: dict[Path, TrackingClient] = {}
        # Environment variables by name: the value before, and the one set for child processes.
        self.exported: dict[str, tuple[str | None, str]] = {}
        self.lock = threading.RLock()


settings = _Settings()


def _renew_lock() -> None:
    """In a forked child: another thread of the parent may have held the lock for ever."""
    settings.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def set_tracking_uri(
    uri: str | os.PathLike[str] | None,
    *,
    synchronous: Synchronous = "NORMAL",
    artifact_root: str = ARTIFACT_ROOT,
    allowed_roots: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Choose the database for everything that follows.

    Child processes and clients without a URI use it too, through the environment variable
    `TRACKER_URI`.

    Args:
        uri: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path;
            `sqlite:///:memory:` is gone when the process ends; None goes back to the default.
        synchronous: "FULL" makes every call survive a power loss too; see `TrackingClient`.
        artifact_root: Where artifacts of new experiments go, relative to the database's folder.
        allowed_roots: Folders and URL prefixes outside the database's folder whose artifacts may
            be read and written.

    Raises:
        InvalidValueError: The URI does not name a local file, or `synchronous` is another word.

    Example::

        tracker.set_tracking_uri("sqlite:///runs/tracking.db")
    """
    text = os.fspath(uri or "")
    if not text:
        export_variable(environment.TRACKER_URI, None)
    path = locations.database_path(text or locations.default_uri())
    options = {
        "synchronous": check_synchronous(synchronous),
        "artifact_root": artifact_root,
        "allowed_roots": allowed_roots,
    }
    with settings.lock:
        # Libraries set the same URI again and again, in the middle of a run too.
        wanted = (text or None, path if text else None, options)
        if wanted == (settings.uri, settings.path, settings.options) and path.exists():
            return
        settings.uri, settings.path, settings.options = wanted
        settings.experiment_id = None
        settings.clients.pop(path, None)
        export_variable(environment.TRACKER_EXPERIMENT_NAME, None)
        export_variable(environment.TRACKER_URI, str(path) if text else None)


def export_variable(name: str, value: str | None) -> None:
    """Set an environment variable for child processes; None restores what was there before.

    A value that the user has set meanwhile is left alone.
    """
    with settings.lock:
        before, exported = settings.exported.pop(name, (None, None))
        if exported is not None and os.environ.get(name) == exported:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before
        if value is not None:
            settings.exported[name] = (os.environ.get(name), value)
            with contextlib.suppress(ValueError):  # The environment cannot hold a NUL, for example.
                os.environ[name] = value


def is_tracking_uri_set() -> bool:
    """Whether the database was chosen, by `set_tracking_uri` or an environment variable."""
    return bool(settings.uri or environment.value_of(environment.TRACKER_URI))


def get_tracking_uri() -> str:
    """The URI set, else the environment variable `TRACKER_URI`, else `sqlite:///tracking.db`."""
    return settings.uri or locations.default_uri()


def get_client() -> TrackingClient:
    """The client that the fluent verbs use."""
    path = settings.path or locations.database_path(locations.default_uri())
    return settings.clients.get(path) or _open_client()


def _open_client() -> TrackingClient:
    with settings.lock:
        # Another thread may have set another URI since.
        path = settings.path or locations.database_path(locations.default_uri())
        found = settings.clients.get(path)
        if found is None:
            found = TrackingClient(path, **settings.options)
            found.tracking_uri = get_tracking_uri()
            if len(settings.clients) >= MAX_CLIENTS:
                del settings.clients[next(iter(settings.clients))]
            settings.clients[path] = found
    return found


def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    trace_location: Any = None,
) -> Experiment:
    """Choose the experiment of the runs that follow; a new name creates it.

    Child processes use it too, through the environment variable `TRACKER_EXPERIMENT_NAME`.

    Args:
        experiment_name: Give this or `experiment_id`.
        experiment_id: An existing experiment.
        trace_location: Not supported; passing one raises.

    Raises:
        InvalidValueError: Not exactly one of name and id is given.
        InvalidStateError: The experiment is deleted.
        NotFoundError: There is no experiment with this id.
        UnsupportedError: `trace_location` is given.

    Example::

        tracker.set_experiment("mnist")
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
    export_variable(environment.TRACKER_EXPERIMENT_NAME, experiment.name)
    return experiment


def current_experiment_id() -> str:
    """The experiment of new runs, and the one that a search looks in by default."""
    if settings.experiment_id is not None:
        return settings.experiment_id
    experiment = _from_environment(get_client())
    if experiment is None:
        return DEFAULT_EXPERIMENT_ID
    _require_active(experiment)
    return experiment.experiment_id


def check_belongs_here(client: TrackingClient, run_id: str) -> None:
    """Check that a run to resume belongs to the experiment chosen, if one was.

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


def _from_environment(client: TrackingClient) -> Experiment | None:
    """The experiment that the environment names by name or id, or both; ours before MLflow's."""
    variables = environment.TRACKER_EXPERIMENT_NAME, environment.TRACKER_EXPERIMENT_ID
    if not any(map(os.environ.get, variables)):
        variables = (
            environment.MLFLOW_TWINS[environment.TRACKER_EXPERIMENT_NAME],
            environment.MLFLOW_TWINS[environment.TRACKER_EXPERIMENT_ID],
        )
    name, experiment_id = map(os.environ.get, variables)
    if not name:
        return client.get_experiment(experiment_id) if experiment_id else None
    experiment = _get_or_create(client, name)
    if experiment_id and experiment_id != experiment.experiment_id:
        raise InvalidValueError(
            f"The environment variables {variables[0]} ({name!r}) and {variables[1]} "
            f"({experiment_id!r}) name different experiments: unset one of them."
        )
    return experiment


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
