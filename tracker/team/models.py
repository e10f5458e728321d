"""The registered models of an MLflow server, as `copy_models` reads and writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.entities import ModelVersion, RegisteredModel
from tracker.exceptions import AlreadyExistsError, NotFoundError, ServerError
from tracker.maintenance.registered_models import NO_STAGE, path_below
from tracker.team.answers import read_int, read_list, read_texts
from tracker.team.server import API, IDS_A_SEARCH, sent_pairs, sent_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tracker.team.server import Server

VERSIONS_A_PAGE: Final = 1_000


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
        return path_below(version, self._roots[run_id])

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
