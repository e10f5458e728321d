"""Copies the registered models of some runs from one registry to another, in either direction.

A version is known by its run and the path below the run's files. What the other side has is never
overwritten: versions, tags and aliases are only added.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol

from tracker.entities import ModelVersion, RegisteredModel
from tracker.exceptions import AlreadyExistsError, NotFoundError, ServerError, TrackerError
from tracker.team.answers import read_int, read_list, read_texts
from tracker.team.server import API, IDS_A_SEARCH, sent_pairs, sent_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tracker.client import TrackingClient
    from tracker.team.server import Server
    from tracker.team.tally import Tally

NO_STAGE: Final = "None"
VERSIONS_A_PAGE: Final = 1_000


class Registry(Protocol):
    """Registered models and their versions."""

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model."""

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere."""

    def add_model(self, model: RegisteredModel) -> None:
        """Add a registered model without versions, if there is none of its name."""

    def add_version(self, version: ModelVersion, run_id: str, path: str) -> int:
        """Add a version like one elsewhere, of a run here; its number."""

    def set_version_tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Set a tag of a version."""

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""


def copy_models(
    source: Registry, target: Registry, run_ids: Mapping[str, str], tally: Tally
) -> None:
    """Copy the versions that some runs have made, with their models and aliases.

    Args:
        source: Where they are.
        target: Where they go.
        run_ids: Ids of the runs there by the ids here.
        tally: Counts versions, collects warnings.
    """
    by_model: defaultdict[str, list[ModelVersion]] = defaultdict(list)
    for version in source.versions_of(run_ids):
        by_model[version.name].append(version)
    for name, versions in sorted(by_model.items()):
        try:
            versions.sort(key=lambda version: version.version)
            _copy_model(source, target, name, versions, run_ids, tally)
        except TrackerError as error:
            tally.trouble(f"Registered model {name!r}: {error}")


def _copy_model(
    source: Registry,
    target: Registry,
    name: str,
    versions: list[ModelVersion],
    run_ids: Mapping[str, str],
    tally: Tally,
) -> None:
    model = source.model(name) or RegisteredModel(name)
    known = target.model(name)
    if known is None:
        target.add_model(model)
    there: defaultdict[tuple[str | None, str | None], list[ModelVersion]] = defaultdict(list)
    for version in sorted(target.versions(name), key=lambda each: each.version):
        there[version.run_id, target.path(version)].append(version)
    numbers = {}
    for version in versions:
        run_id, path = run_ids[str(version.run_id)], source.path(version)
        if path is None:
            tally.trouble(
                f"Registered model {name!r}: version {version.version} was not copied: its files "
                f"are not among those of its run."
            )
        elif there[run_id, path]:
            same = there[run_id, path].pop(0)
            numbers[version.version] = same.version
            for key in version.tags.keys() - same.tags.keys():
                target.set_version_tag(same, key, version.tags[key])
        else:
            numbers[version.version] = target.add_version(version, run_id, path)
            tally.add(versions_sent=1)
    _copy_aliases(target, model, known, numbers, tally)


def _copy_aliases(
    target: Registry,
    model: RegisteredModel,
    known: RegisteredModel | None,
    numbers: Mapping[int, int],
    tally: Tally,
) -> None:
    there = {} if known is None else known.aliases
    for alias, number in model.aliases.items():
        if number not in numbers:
            continue
        if alias not in there:
            target.set_alias(model.name, alias, numbers[number])
        elif there[alias] != numbers[number]:
            tally.note(
                f"Registered model {model.name!r}: the alias {alias!r} points to version "
                f"{there[alias]} there, and not to {numbers[number]} as here; it stays."
            )


class LocalRegistry:
    """The registry of a database."""

    def __init__(self, client: TrackingClient) -> None:
        self._client = client

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""
        for version in self._search(None):
            if version.run_id in run_ids:
                yield version

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""
        try:
            return self._client.get_registered_model(name)
        except NotFoundError:
            return None

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model."""
        return list(self._search(f"name = {sent_text(name)}"))

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere."""
        if version.run_id is None:
            return None
        try:
            root = self._client.store.get_run_info(version.run_id).artifact_uri
        except NotFoundError:
            return None
        return _path_below(version, root, self._client.absolute_location(root))

    def add_model(self, model: RegisteredModel) -> None:
        """Add a registered model without versions, if there is none of its name."""
        try:
            self._client.create_registered_model(model.name, model.tags, model.description)
        except AlreadyExistsError:
            return

    def add_version(self, version: ModelVersion, run_id: str, path: str) -> int:
        """Add a version like one elsewhere, of a run here; its number."""
        made = self._client.create_model_version(
            version.name,
            f"runs:/{run_id}/{path}",
            run_id,
            version.tags,
            version.run_link,
            version.description,
        )
        if version.current_stage != NO_STAGE:
            self._client.transition_model_version_stage(
                made.name, made.version, version.current_stage
            )
        return made.version

    def set_version_tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._client.set_model_version_tag(version.name, version.version, key, value)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""
        self._client.set_registered_model_alias(name, alias, number)

    def _search(self, filter_string: str | None) -> Iterator[ModelVersion]:
        token = None
        while True:
            page = self._client.search_model_versions(filter_string, page_token=token)
            yield from page
            token = page.token
            if token is None:
                return


class ServerRegistry:
    """The registry of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._roots: dict[str, str] = {}

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""
        ids = sorted(run_ids)
        for start in range(0, len(ids), IDS_A_SEARCH):
            among = ", ".join(map(sent_text, ids[start : start + IDS_A_SEARCH]))
            yield from self._search(f"run_id IN ({among})")

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""
        try:
            answer = self._server.rest.get(f"{API}/registered-models/get", {"name": name})
        except ServerError as error:
            if error.error_code == NotFoundError.error_code:
                return None
            raise
        found = answer.get("registered_model")
        return _model(name, found if isinstance(found, dict) else {})

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a registered model."""
        return list(self._search(f"name = {sent_text(name)}"))

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere."""
        run_id, source = version.run_id, version.source or ""
        if not run_id:
            return None
        if source.startswith(f"runs:/{run_id}/"):
            return source.removeprefix(f"runs:/{run_id}/")
        if run_id not in self._roots:
            self._roots[run_id] = self._server.get_run(run_id).info.artifact_uri
        return _path_below(version, self._roots[run_id])

    def add_model(self, model: RegisteredModel) -> None:
        """Add a registered model without versions, if there is none of its name."""
        arguments = {
            "name": model.name,
            "tags": sent_pairs(model.tags),
            "description": model.description,
        }
        try:
            self._server.rest.post(f"{API}/registered-models/create", arguments)
        except ServerError as error:
            if error.error_code != AlreadyExistsError.error_code:
                raise

    def add_version(self, version: ModelVersion, run_id: str, path: str) -> int:
        """Add a version like one elsewhere, of a run here; its number."""
        before = len(self._of(version.name, run_id, path))

        def known() -> dict[str, object] | None:
            found = self._of(version.name, run_id, path)
            if len(found) <= before:
                return None
            return {"model_version": {"version": str(max(each.version for each in found))}}

        answer = self._server.rest.post(
            f"{API}/model-versions/create",
            {
                "name": version.name,
                "source": f"{self._server.get_run(run_id).info.artifact_uri}/{path}",
                "run_id": run_id,
                "tags": sent_pairs(version.tags),
                "run_link": version.run_link,
                "description": version.description,
            },
            known,
        )
        made = answer.get("model_version")
        number = read_int(made.get("version") if isinstance(made, dict) else None)
        if version.current_stage != NO_STAGE:
            arguments = {
                "name": version.name,
                "version": str(number),
                "stage": version.current_stage,
                "archive_existing_versions": False,
            }
            self._server.rest.post(f"{API}/model-versions/transition-stage", arguments)
        return number

    def set_version_tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Set a tag of a version."""
        arguments = {
            "name": version.name,
            "version": str(version.version),
            "key": key,
            "value": value,
        }
        self._server.rest.post(f"{API}/model-versions/set-tag", arguments)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""
        arguments = {"name": name, "alias": alias, "version": str(number)}
        self._server.rest.post(f"{API}/registered-models/alias", arguments)

    def _of(self, name: str, run_id: str, path: str) -> list[ModelVersion]:
        return [
            version
            for version in self.versions(name)
            if version.run_id == run_id and self.path(version) == path
        ]

    def _search(self, filter_string: str) -> Iterator[ModelVersion]:
        arguments = {"filter": filter_string, "max_results": VERSIONS_A_PAGE}
        for page in self._server.pages("model-versions/search", arguments):
            yield from (
                _version(each)
                for each in read_list(page, "model_versions")
                if isinstance(each, dict)
            )


def _path_below(version: ModelVersion, *roots: str) -> str | None:
    """What follows the root of a run's files in a version's source."""
    source = version.source or ""
    for root in roots:
        start = f"{root.rstrip('/')}/"
        if source.startswith(start):
            return source.removeprefix(start)
    return None


def _model(name: str, found: Mapping[str, object]) -> RegisteredModel:
    return RegisteredModel(
        name,
        description=str(found.get("description") or "") or None,
        tags=read_texts(found, "tags"),
        aliases={
            str(each.get("alias")): read_int(each.get("version"))
            for each in read_list(found, "aliases")
            if isinstance(each, dict)
        },
    )


def _version(found: Mapping[str, object]) -> ModelVersion:
    return ModelVersion(
        str(found.get("name", "")),
        read_int(found.get("version")),
        description=str(found.get("description") or "") or None,
        current_stage=str(found.get("current_stage") or NO_STAGE),
        source=str(found.get("source") or ""),
        run_id=str(found.get("run_id") or "") or None,
        tags=read_texts(found, "tags"),
        run_link=str(found.get("run_link") or "") or None,
    )
