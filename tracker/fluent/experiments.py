"""The verbs of experiments, and the one that new runs belong to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tracker.entities import Experiment, ViewType
from tracker.exceptions import InvalidStateError, InvalidValueError, TrackerError
from tracker.fluent.database import EXPERIMENT_VARIABLE, get_client, hand_down, settings
from tracker.validation import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.client import TrackingClient

DEFAULT_EXPERIMENT_ID = "0"
SEARCH_LIMIT = 100_000


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


def create_experiment(
    name: str,
    artifact_location: str | os.PathLike[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: Any = None,
) -> str:
    """Create an experiment and return its id.

    Raises:
        AlreadyExistsError: The name is taken.
        UnsupportedError: `trace_location` is given.
    """
    refuse(trace_location=trace_location)
    return get_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with this id.

    Raises:
        NotFoundError: There is none.
    """
    return get_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment with this name, or None."""
    return get_client().get_experiment_by_name(name)


def search_experiments(
    view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """All experiments that match.

    Raises:
        FilterError: The filter or the order cannot be read.
    """
    limit = SEARCH_LIMIT if max_results is None else max_results
    return list(get_client().search_experiments(view_type, limit, filter_string, order_by))


def delete_experiment(experiment_id: str) -> None:
    """Delete an experiment and its runs; `restore_experiment` brings them back.

    Raises:
        NotFoundError: There is no such experiment, or it is deleted already.
    """
    get_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Bring a deleted experiment and its runs back.

    Raises:
        NotFoundError: There is no such experiment, or it is not deleted.
    """
    get_client().restore_experiment(experiment_id)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Give an experiment another name.

    Raises:
        AlreadyExistsError: The name is taken.
        DeletedExperimentError: The experiment is deleted.
    """
    get_client().rename_experiment(experiment_id, new_name)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the current experiment."""
    get_client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the current experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment."""
    get_client().delete_experiment_tag(current_experiment_id(), key)


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
