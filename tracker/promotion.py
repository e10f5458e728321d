"""Which version of a registered model is the champion: decided once, recorded with the reason.

The aliases are `champion`, `challenger` (the newest candidate that was not promoted), and
`previous` (the champion before, if there was one). Promotions of one database wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tracker.exceptions import InvalidStateError, NotFoundError
from tracker.file_locks import exclusive
from tracker.journal.file import live_folder
from tracker.models.conversion import as_registered
from tracker.tags import (
    KEPT_THE_CHAMPION,
    PROMOTION_DECISION,
    PROMOTION_PREVIOUS,
    PROMOTION_RESTORED,
    PROMOTION_WHY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from tracker.client import TrackingClient
    from tracker.entities import ModelVersion

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
PREVIOUS: Final = "previous"
_LOCK: Final = "promotion.lock"


@dataclass(frozen=True)
class Decision:
    """What a rule says of a candidate.

    Args:
        promoted: True if it becomes the champion.
        why: One sentence with both numbers and the limit.
        tags: Further tags of the version: the rule, the numbers, the digest of the test data.
    """

    promoted: bool
    why: str
    tags: Mapping[str, str]


def champion_of(client: TrackingClient, name: str) -> ModelVersion | None:
    """The version that the alias `champion` points to; None if there is none."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except NotFoundError:
        return None


def promote(
    client: TrackingClient,
    name: str,
    run_id: str,
    path: str,
    decide: Callable[[ModelVersion | None], Decision],
) -> tuple[ModelVersion, Decision]:
    """Register a run's model and let it be the champion or the challenger.

    The version, its tags, and the aliases are one transaction: after a kill they are all there or
    none is.

    Args:
        client: The database.
        name: The registered model; made if there is none.
        run_id: The run.
        path: Its model's folder, `model` for example. An exported program is registered as ONNX
            if it can be converted.
        decide: Called with the present champion, or None; says whether the candidate replaces it.

    Returns:
        The new version and the decision.

    Raises:
        NotFoundError: There is no such run or model; nothing is registered.
    """
    registered = as_registered(client, run_id, path)
    with _one_at_a_time(client):
        champion = champion_of(client, name)
        decision = decide(champion)
        tags = {
            **decision.tags,
            PROMOTION_DECISION: "promoted" if decision.promoted else KEPT_THE_CHAMPION,
            PROMOTION_WHY: decision.why,
        }
        moved = {}
        if decision.promoted and champion is not None:
            tags[PROMOTION_PREVIOUS] = str(champion.version)
            moved[PREVIOUS] = champion.version
        alias = CHAMPION if decision.promoted else CHALLENGER
        source = f"runs:/{run_id}/{registered}"
        version = client.register_model(source, name, tags, [alias], other_aliases=moved)
    return version, decision


def appoint(client: TrackingClient, name: str, version: int | str) -> ModelVersion:
    """Make a version champion by hand, whatever the rule says.

    Aliases and tags change in one transaction.

    Raises:
        NotFoundError: There is no such model or version.
    """
    with _one_at_a_time(client):
        chosen = client.get_model_version(name, version)
        champion = champion_of(client, name)
        aliases: dict[str, int | None] = {CHAMPION: chosen.version}
        tags = {PROMOTION_DECISION: "appointed by hand", PROMOTION_WHY: "Made champion by hand."}
        if CHALLENGER in chosen.aliases:
            aliases[CHALLENGER] = None
        if champion is not None and champion.version != chosen.version:
            aliases[PREVIOUS] = champion.version
            tags[PROMOTION_PREVIOUS] = str(champion.version)
            tags[PROMOTION_WHY] = f"Made champion by hand in place of version {champion.version}."
        client.store.registry.move_aliases(name, aliases, {chosen.version: tags})
    return client.get_model_version(name, version)


def go_back(client: TrackingClient, name: str) -> ModelVersion:
    """Make the champion before the present one champion again, in one transaction.

    Raises:
        InvalidStateError: There is no champion, or none before it.
        NotFoundError: The version before is deleted.
    """
    with _one_at_a_time(client):
        champion = champion_of(client, name)
        before = champion.tags.get(PROMOTION_PREVIOUS) if champion is not None else None
        if champion is None or before is None:
            raise InvalidStateError(f"The model {name!r} has no champion before the present one.")
        version = client.get_model_version(name, before)
        aliases = {CHAMPION: version.version, PREVIOUS: _before(client, version)}
        restored = f"champion again in place of version {champion.version}"
        tags = {version.version: {PROMOTION_RESTORED: restored}}
        client.store.registry.move_aliases(name, aliases, tags)
    return client.get_model_version(name, version.version)


def _before(client: TrackingClient, version: ModelVersion) -> int | None:
    """The champion before a version; None if there was none, or it is deleted."""
    number = version.tags.get(PROMOTION_PREVIOUS)
    if number is None:
        return None
    try:
        return client.get_model_version(version.name, number).version
    except NotFoundError:
        return None


def _one_at_a_time(client: TrackingClient) -> AbstractContextManager[None]:
    return exclusive(live_folder(client.store.database.path) / _LOCK)
