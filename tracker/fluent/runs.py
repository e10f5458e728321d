"""Finding and deleting runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tracker import frames
from tracker.entities import Run, ViewType
from tracker.exceptions import InvalidValueError
from tracker.fluent.database import get_client
from tracker.fluent.experiments import SEARCH_LIMIT, current_experiment_id, search_experiments
from tracker.validation import check_experiment_ids, check_max_results, check_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tracker.client import TrackingClient


def get_run(run_id: str) -> Run:
    """The whole run.

    Raises:
        NotFoundError: There is no such run.
    """
    return get_client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run under which this one was nested."""
    return get_client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Delete a run; `TrackingClient.restore_run` brings it back."""
    get_client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back."""
    get_client().restore_run(run_id)


def search_runs(
    experiment_ids: Sequence[str] | int | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,  # noqa: FBT001, FBT002
    experiment_names: Sequence[str] | str | None = None,
) -> pd.DataFrame | list[Run]:
    """The runs that match, as a DataFrame with MLflow's column names or as a list.

    Args:
        experiment_ids: Where to look, one id or several; the current experiment by default.
        filter_string: See the README for the search language.
        run_view_type: Active runs, deleted ones, or all.
        max_results: At most so many.
        order_by: Such as `["metrics.test_accuracy DESC"]`; missing values come last.
        output_format: "pandas" or "list".
        search_all_experiments: Look everywhere where neither ids nor names are given.
        experiment_names: Where to look, by name.

    Raises:
        FilterError: The filter or the order cannot be read.
        InvalidValueError: The ids, the view, the limit or the format are none.
    """
    client = get_client()
    ids = _where_to_search(
        client, experiment_ids, experiment_names, everywhere=search_all_experiments
    )
    if output_format == "list":
        return list(client.search_runs(ids, filter_string, run_view_type, max_results, order_by))
    if output_format != "pandas":
        raise InvalidValueError(f"output_format is 'pandas' or 'list', not {output_format!r}.")
    view, limit = check_view(run_view_type), check_max_results(max_results)
    client.reap()
    return frames.search_runs(client.store, ids, filter_string, view, limit, order_by)


def _where_to_search(
    client: TrackingClient,
    experiment_ids: Sequence[str] | int | None,
    experiment_names: Sequence[str] | str | None,
    *,
    everywhere: bool,
) -> Sequence[str]:
    ids = [] if experiment_ids is None else check_experiment_ids(experiment_ids)
    names = experiment_names or []
    if isinstance(names, str):
        names = [names]
    if ids and names:
        raise InvalidValueError("search_runs takes experiment_ids or experiment_names, not both.")
    if names:
        found = map(client.get_experiment_by_name, names)
        return [experiment.experiment_id for experiment in found if experiment is not None]
    if ids:
        return ids
    if everywhere:
        return [experiment.experiment_id for experiment in search_experiments()]
    return [current_experiment_id()]
