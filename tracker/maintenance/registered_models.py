"""Copies the registered models of some runs from one registry to another.

A version is known by its run and the path below the run's files. It keeps its number where that is
free. What the other side has is never overwritten: versions, tags and aliases are only added.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from tracker.entities import ModelVersion, RegisteredModel
from tracker.exceptions import AlreadyExistsError, NotFoundError, TrackerError
from tracker.files.paths import safe_path
from tracker.locations import absolute_location
from tracker.model_names import check_alias, check_name, check_stage, check_version, checked_tags
from tracker.numbers import now_ms, plain_int
from tracker.tags import PROMOTION_PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tracker.store import Store

NO_STAGE: Final = "None"
_ALL: Final = 1 << 62


class ModelSource(Protocol):
    """Registered models and their versions, to be read."""

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere."""


class Registry(ModelSource, Protocol):
    """Registered models and their versions, to be read and added to."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model."""

    def add_model(self, model: RegisteredModel) -> None:
        """Add a registered model without versions, if there is none of its name."""

    def add_version(self, version: ModelVersion, run_id: str, path: str) -> int:
        """Add a version like one elsewhere, of a run here; its number."""

    def set_version_tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Set a tag of a version."""

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""


@dataclass(slots=True)
class CopiedModels:
    """What was copied.

    Args:
        versions: How many versions were not there before.
        notes: Sentences about what is there in another form.
        troubles: Sentences about what could not be copied.
    """

    versions: int = 0
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def copy_models(source: ModelSource, target: Registry, run_ids: Mapping[str, str]) -> CopiedModels:
    """Copy the versions that some runs have made, with their models and aliases.

    Args:
        source: Where they are.
        target: Where they go.
        run_ids: Ids of the runs there by the ids here.
    """
    copied = CopiedModels()
    by_model: defaultdict[str, list[ModelVersion]] = defaultdict(list)
    for version in source.versions_of(run_ids):
        by_model[version.name].append(version)
    for name, versions in sorted(by_model.items()):
        try:
            versions.sort(key=lambda version: version.version)
            _copy_model(source, target, name, versions, run_ids, copied)
        except TrackerError as error:
            copied.troubles.append(f"Registered model {name!r}: {error}")
    return copied


def _copy_model(
    source: ModelSource,
    target: Registry,
    name: str,
    versions: list[ModelVersion],
    run_ids: Mapping[str, str],
    copied: CopiedModels,
) -> None:
    model = source.model(name) or RegisteredModel(name)
    known = target.model(name)
    if known is None:
        target.add_model(model)
    there: defaultdict[tuple[str | None, str | None], list[ModelVersion]] = defaultdict(list)
    for version in sorted(target.versions(name), key=lambda each: each.version):
        there[version.run_id, target.path(version)].append(version)
    same: dict[int, ModelVersion] = {}
    for version in versions:
        run_id, path = run_ids[str(version.run_id)], source.path(version)
        if path is None:
            copied.troubles.append(
                f"Registered model {name!r}: version {version.version} was not copied: its files "
                f"are not among those of its run."
            )
        elif there[run_id, path]:
            same[version.version] = there[run_id, path].pop(0)
        else:
            moved = replace(version, tags=_moved(version.tags, same))
            number = target.add_version(moved, run_id, path)
            same[version.version] = replace(moved, version=number)
            copied.versions += 1
    _add_tags(target, versions, same)
    _copy_aliases(target, model, known, same, copied)


def _moved(tags: Mapping[str, str], same: Mapping[int, ModelVersion]) -> dict[str, str]:
    """A version's tags where versions may have other numbers.

    Args:
        tags: As they are here.
        same: The versions there by the numbers here, as far as they are known.
    """
    moved = dict(tags)
    previous = moved.pop(PROMOTION_PREVIOUS, "")
    if previous.isdecimal() and int(previous) in same:
        moved[PROMOTION_PREVIOUS] = str(same[int(previous)].version)
    return moved


def _add_tags(
    target: Registry, versions: list[ModelVersion], same: Mapping[int, ModelVersion]
) -> None:
    for version in versions:
        if version.version in same:
            copy = same[version.version]
            for key, value in _moved(version.tags, same).items():
                if key not in copy.tags:
                    target.set_version_tag(copy, key, value)


def _copy_aliases(
    target: Registry,
    model: RegisteredModel,
    known: RegisteredModel | None,
    same: Mapping[int, ModelVersion],
    copied: CopiedModels,
) -> None:
    there = {} if known is None else known.aliases
    for alias, number in model.aliases.items():
        if number not in same:
            continue
        copy = same[number].version
        if alias not in there:
            target.set_alias(model.name, alias, copy)
        elif there[alias] != copy:
            copied.notes.append(
                f"Registered model {model.name!r}: the alias {alias!r} points to version "
                f"{there[alias]} there, and not to {copy} as here; it stays."
            )


class LocalRegistry:
    """The registry of a database.

    Args:
        store: The database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""
        for version in self._store.registry.search_versions(None, None, _ALL, 0):
            if version.run_id in run_ids:
                yield version

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""
        try:
            return self._store.registry.get_model(name)
        except NotFoundError:
            return None

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model."""
        return self._store.registry.versions(name)

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere."""
        if version.run_id is None:
            return None
        try:
            root = str(self._store.get_run_info(version.run_id).artifact_uri)
        except NotFoundError:
            return None
        return path_below(version, root, absolute_location(root, self._store.database.folder))

    def add_model(self, model: RegisteredModel) -> None:
        """Add a registered model without versions, if there is none of its name.

        Raises:
            InvalidValueError: The name or a tag breaks a rule.
        """
        name, tags = check_name(model.name), checked_tags(model.tags)
        created = _time(model.creation_timestamp)
        try:
            self._store.registry.create_model(name, _text(model.description), tags, created)
        except AlreadyExistsError:
            return

    def add_version(self, version: ModelVersion, run_id: str, path: str) -> int:
        """Add a version like one elsewhere, of a run here; its number.

        Raises:
            InvalidValueError: A value cannot be what it should be.
            UnsafePathError: The path leads out of the run's files.
        """
        root = self._store.get_run_info(run_id).artifact_uri.rstrip("/")
        placed = ModelVersion(
            version.name,
            check_version(version.version),
            _time(version.creation_timestamp),
            _time(version.last_updated_timestamp),
            _text(version.description),
            _text(version.user_id),
            check_stage(version.current_stage),
            source=f"{root}/{safe_path(path)}",
            run_id=run_id,
            tags=checked_tags(version.tags),
            run_link=_text(version.run_link),
        )
        return self._store.registry.create_version(placed).version

    def set_version_tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Set a tag of a version."""
        [(tag, text)] = checked_tags({key: value}).items()
        self._store.registry.set_version_tag(version.name, version.version, tag, text)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""
        self._store.registry.set_alias(name, check_alias(alias), number)


def path_below(version: ModelVersion, *roots: str) -> str | None:
    """What follows the root of a run's files in a version's source."""
    source = str(version.source or "")
    for root in roots:
        start = f"{root.rstrip('/')}/"
        if source.startswith(start):
            return source.removeprefix(start)
    return None


def _time(timestamp_ms: int | None) -> int:
    return now_ms() if timestamp_ms is None else plain_int("time", timestamp_ms)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
