"""The fluent verbs of registered models; the client has the rest of MLflow's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tracker import locations, validation
from tracker.current import get_client, get_tracking_uri
from tracker.exceptions import UnsupportedError
from tracker.validation import MAX_RESULTS, check_max_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.entities import ModelVersion, RegisteredModel

__all__ = [
    "get_registry_uri",
    "register_model",
    "search_model_versions",
    "search_registered_models",
    "set_registry_uri",
]


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    env_pack: Any = None,
) -> ModelVersion:
    """Add a version of a registered model, which is added if there is none of the name.

    Args:
        model_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version>`, or the URL or path of a
            folder.
        name: The registered model.
        await_registration_for: For MLflow's sake: a version is ready at once.
        tags: The version's tags.
        env_pack: Not supported; passing one raises.

    Raises:
        NotFoundError: There is no such run, path or version; nothing is registered.
        InvalidValueError: The name or a tag breaks a rule; nothing is registered.
        UnsupportedError: `env_pack` is given.
    """
    del await_registration_for
    validation.refuse(env_pack=env_pack)
    return get_client().register_model(model_uri, name, tags)


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[RegisteredModel]:
    """The registered models that match; see `TrackingClient.search_registered_models`.

    All of them without `max_results`.

    Raises:
        FilterError: The filter or the order cannot be read.
    """
    limit = MAX_RESULTS if max_results is None else check_max_results(max_results)
    return get_client().store.registry.search_models(filter_string, order_by, limit, 0)


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[ModelVersion]:
    """The versions that match; see `TrackingClient.search_model_versions`.

    All of them without `max_results`.

    Raises:
        FilterError: The filter or the order cannot be read.
    """
    limit = MAX_RESULTS if max_results is None else check_max_results(max_results)
    return get_client().store.registry.search_versions(filter_string, order_by, limit, 0)


def get_registry_uri() -> str:
    """The URI of the model registry, which is in the tracking database."""
    return get_tracking_uri()


def set_registry_uri(uri: str | os.PathLike[str] | None) -> None:
    """Accept the tracking database as the model registry.

    Raises:
        UnsupportedError: It is another one.
    """
    text = os.fspath(uri or "")
    if text and locations.database_path(text) != get_client().store.database.path:
        raise UnsupportedError(
            f"Models are registered in the tracking database, not in {text!r}: call "
            f"set_tracking_uri for both."
        )
