"""MLflow's `mlflow.tracking.context.registry`: the tags that a new run gets by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracker import context
from tracker.numbers import now_ms as get_current_time_millis

__all__ = ["get_current_time_millis", "resolve_tags"]

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolve_tags(tags: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The captured tags of a run that this process starts, with the caller's before them."""
    return context.run_tags() | dict(tags or {})
