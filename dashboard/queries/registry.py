"""Registered models and their versions, with the metrics of the runs they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.source import Source  # noqa: TC001 -- hashed by the cache
from tracker import TrackingClient
from tracker.exceptions import NotFoundError
from tracker.promotion import CHAMPION
from tracker.tags import PROMOTION_VALUE, PROMOTION_WHY

if TYPE_CHECKING:
    from tracker.entities import ModelVersion

MOST = 1000


class Registered(NamedTuple):
    """One registered model.

    Args:
        name: Its name.
        versions: How many.
        champion: The champion's version; None if there is none.
        value: What the champion was promoted with; None if that is unknown.
    """

    name: str
    versions: int
    champion: int | None
    value: float | None


class Version(NamedTuple):
    """One version.

    Args:
        version: Its number.
        aliases: What points to it.
        run_id: The run it came from; empty if unknown.
        run_name: That run's name.
        metrics: That run's last values.
        why: The sentence of its promotion.
        tags: Its tags.
        created_ms: Milliseconds since the epoch.
    """

    version: int
    aliases: tuple[str, ...]
    run_id: str
    run_name: str
    metrics: dict[str, float]
    why: str
    tags: dict[str, str]
    created_ms: int


@st.cache_data(show_spinner=False, max_entries=8)
def models(source: Source) -> list[Registered]:
    """All registered models, by name."""
    client = _client(source)
    found = []
    for model in client.search_registered_models(max_results=MOST):
        versions = _versions_of(client, model.name)
        champion = next((v for v in versions if CHAMPION in v.aliases), None)
        number = champion.version if champion else None
        value = _number(champion.tags.get(PROMOTION_VALUE)) if champion else None
        found.append(Registered(model.name, len(versions), number, value))
    return found


@st.cache_data(show_spinner=False, max_entries=8)
def versions(source: Source, name: str) -> list[Version]:
    """A model's versions, the newest first."""
    client = _client(source)
    return [_version(client, found) for found in _versions_of(client, name)]


def _client(source: Source) -> TrackingClient:
    return TrackingClient(source.path, read_only=True)


def _versions_of(client: TrackingClient, name: str) -> list[ModelVersion]:
    quoted = name.replace("'", "''")
    found = client.search_model_versions(f"name = '{quoted}'", MOST)
    return sorted(found, key=lambda version: -version.version)


def _version(client: TrackingClient, found: ModelVersion) -> Version:
    run_id, name, metrics = found.run_id or "", "", {}
    try:
        run = client.get_run(run_id) if run_id else None
    except NotFoundError:
        run = None
    if run is not None:
        name, metrics = run.info.run_name or run_id, run.data.metrics
    return Version(
        found.version,
        tuple(sorted(found.aliases)),
        run_id,
        name,
        metrics,
        found.tags.get(PROMOTION_WHY, found.description or ""),
        found.tags,
        found.creation_timestamp or 0,
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
