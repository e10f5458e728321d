"""The model registry of a client: registered models, their versions, aliases and tags.

A version points to the files of a run; `models:/digits/3`, `models:/digits@champion` and
`models:/digits/latest` name one wherever a model is named.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracker import context
from tracker import validation as check
from tracker.entities import ModelVersion, PagedList
from tracker.exceptions import InvalidValueError, NotFoundError, warn
from tracker.model_names import (
    LATEST,
    STAGES,
    ModelUri,
    check_alias,
    check_name,
    check_stage,
    check_version,
    checked_tags,
)
from tracker.numbers import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.entities import RegisteredModel
    from tracker.files import ArtifactStore
    from tracker.store import Store

MODELS_PAGE: Final = 100
VERSIONS_PAGE: Final = 10_000

_LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-f]{32})(?:/(.+))?")
_RUNS_URI: Final = re.compile(r"runs:/([^/]+)/(.+)")
# MLflow stores one such reference in another; a received database may store a circle of them.
_MOST_REFERENCES: Final = 5


class ModelRegistry:
    """The verbs of registered models; every `TrackingClient` is one."""

    store: Store

    if TYPE_CHECKING:  # Of the client.

        def absolute_location(self, location: str) -> str: ...  # noqa: D102

        def artifacts(self, run_id: str) -> ArtifactStore: ...  # noqa: D102

        def open_location(self, artifact_uri: str) -> ArtifactStore: ...  # noqa: D102

    # Registered models

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Add a registered model without versions.

        Args:
            name: Unique; without "/" and ":".
            tags: Its first tags.
            description: Markdown.
            deployment_job_id: Not supported; passing one raises.

        Raises:
            AlreadyExistsError: The name is taken.
            InvalidValueError: The name or a tag breaks a rule.
        """
        check.refuse(deployment_job_id=deployment_job_id)
        texts = checked_tags(tags or {})
        return self.store.registry.create_model(check_name(name), description, texts, now_ms())

    def get_registered_model(self, name: str) -> RegisteredModel:
        """The registered model of this name, with the newest version of each stage.

        Raises:
            NotFoundError: There is none.
        """
        return self.store.registry.get_model(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = MODELS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """One page of the registered models that match.

        Args:
            filter_string: Such as `"name LIKE 'digits%' AND tags.team = 'vision'"`.
            max_results: Length of a page.
            order_by: Such as `["last_updated_timestamp DESC"]`. Default: by name.
            page_token: `token` of the page before; None for the first page.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        limit, offset = check.check_page(max_results, page_token, MODELS_PAGE)
        found = self.store.registry.search_models(filter_string, order_by, limit + 1, offset)
        return PagedList.cut(found, limit, offset)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a registered model another name; its versions, aliases and tags come along.

        Raises:
            NotFoundError: There is no such model.
            AlreadyExistsError: The new name is taken.
        """
        return self.store.registry.rename_model(name, check_name(new_name), now_ms())

    def update_registered_model(
        self, name: str, description: str | None = None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Set a registered model's description.

        Raises:
            NotFoundError: There is no such model.
        """
        check.refuse(deployment_job_id=deployment_job_id)
        return self.store.registry.describe_model(name, description, now_ms())

    def delete_registered_model(self, name: str) -> None:
        """Remove a registered model with its versions; the runs and their files stay.

        Raises:
            NotFoundError: There is no such model.
        """
        self.store.registry.delete_model(name)

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of a registered model.

        Raises:
            NotFoundError: There is no such model.
            InvalidValueError: The key or the value breaks a rule.
        """
        [(key, text)] = checked_tags({key: value}).items()
        self.store.registry.set_model_tag(name, key, text)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model, if it has it.

        Raises:
            NotFoundError: There is no such model.
        """
        self.store.registry.delete_model_tag(name, key)

    # Versions

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Add a version to a registered model.

        Args:
            name: The registered model.
            source: `runs:/<run_id>/<path>`, another version's URI, or where its files lie.
            run_id: The run that made it; known from a `runs:/` URI.
            tags: Its first tags.
            run_link: A URL of the run.
            description: Markdown.
            await_creation_for: For MLflow's sake, as is `local_model_path`: it is ready at once.
            local_model_path: See above.
            model_id: Not supported; passing one raises.

        Raises:
            NotFoundError: There is no such model, run or version.
            InvalidValueError: A tag breaks a rule.
        """
        del await_creation_for, local_model_path
        check.refuse(model_id=model_id)
        made = self._version(name, source, run_id, tags, run_link, description)
        return self.store.registry.create_version(made)

    def register_model(
        self,
        model_uri: str,
        name: str,
        tags: Mapping[str, Any] | None = None,
        aliases: Sequence[str] = (),
        *,
        other_aliases: Mapping[str, int] | None = None,
    ) -> ModelVersion:
        """Add a version, with the registered model if there is none, in one transaction.

        Args:
            model_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version>`, or the URL or path of
                a folder.
            name: The registered model.
            tags: The version's first tags.
            aliases: What is to point to it.
            other_aliases: Aliases that are to point to other versions from the same moment.

        Raises:
            NotFoundError: There is no such run, version or folder; nothing is registered.
            InvalidValueError: The name, an alias or a tag breaks a rule; nothing is registered.
        """
        is_folder = model_uri and Path(self.absolute_location(model_uri)).is_dir()
        if ":/" not in model_uri and not is_folder:
            raise NotFoundError(
                f"There is no folder {model_uri!r}: name a model of a run as runs:/RUN_ID/model, "
                f"another version as models:/NAME/1."
            )
        made = self._version(check_name(name), model_uri, None, tags)
        names = [check_alias(alias) for alias in aliases]
        others = {check_alias(alias): number for alias, number in (other_aliases or {}).items()}
        return self.store.registry.create_version(made, names, others, create_model=True)

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Add a version of one registered model to another, which is added if it is new.

        Args:
            src_model_uri: `models:/<name>/<version>` or `models:/<name>@<alias>`.
            dst_name: The other registered model.

        Raises:
            NotFoundError: There is no such version.
            InvalidValueError: It is not the URI of a version.
        """
        source = self.get_model_version_by_uri(src_model_uri)
        uri = f"models:/{source.name}/{source.version}"
        return self.register_model(uri, dst_name, tags=source.tags)

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """One version.

        Raises:
            NotFoundError: There is no such model or version.
        """
        return self.store.registry.get_version(name, check_version(version))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias points to.

        Raises:
            NotFoundError: There is no such model or alias.
        """
        return self.store.registry.get_version_by_alias(name, alias)

    def get_model_version_by_uri(self, model_uri: str) -> ModelVersion:
        """The version that `models:/<name>/<version>`, `@<alias>` or `/latest` names.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidValueError: It is not such a URI.
        """
        uri = ModelUri.parse(model_uri)
        if uri.version.startswith("@"):
            return self.store.registry.get_version_by_alias(uri.name, uri.version[1:])
        if uri.version.isdecimal():
            return self.store.registry.get_version(uri.name, int(uri.version))
        wanted = uri.version.lower()
        versions = self.store.registry.latest_versions(uri.name)
        found = [v for v in versions if wanted in {LATEST, v.current_stage.lower()}]
        if not found:
            raise NotFoundError(f"The registered model {uri.name!r} has no version {wanted!r}.")
        return max(found, key=lambda version: version.version)

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """The newest version of each stage, or of the stages named.

        Raises:
            NotFoundError: There is no such model.
            InvalidValueError: There is no such stage.
        """
        wanted = STAGES if stages is None else [check_stage(stage) for stage in stages]
        versions = self.store.registry.latest_versions(name)
        return [version for version in versions if version.current_stage in wanted]

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = VERSIONS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """One page of the versions that match.

        Args:
            filter_string: Such as `"name = 'digits' AND tags.status = 'tested'"`.
            max_results: Length of a page.
            order_by: Such as `["version_number DESC"]`. Default: the last updated first.
            page_token: `token` of the page before; None for the first page.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        limit, offset = check.check_page(max_results, page_token, VERSIONS_PAGE)
        found = self.store.registry.search_versions(filter_string, order_by, limit + 1, offset)
        return PagedList.cut(found, limit, offset)

    def update_model_version(
        self, name: str, version: int | str, description: str | None = None
    ) -> ModelVersion:
        """Set a version's description.

        Raises:
            NotFoundError: There is no such model or version.
        """
        number = check_version(version)
        return self.store.registry.describe_version(name, number, description, now_ms())

    def transition_model_version_stage(
        self,
        name: str,
        version: int | str,
        stage: str,
        archive_existing_versions: bool = False,  # noqa: FBT001, FBT002
    ) -> ModelVersion:
        """Move a version to a stage. Stages are deprecated, as in MLflow: use aliases.

        Args:
            name: The registered model.
            version: The version's number.
            stage: "None", "Staging", "Production" or "Archived".
            archive_existing_versions: Move the other versions at that stage to "Archived".

        Raises:
            NotFoundError: There is no such model or version.
            InvalidValueError: There is no such stage, or "None" and "Archived" are to be emptied.
        """
        warn(
            "Stages of model versions are deprecated: use set_registered_model_alias.",
            FutureWarning,
        )
        to_stage = check_stage(stage)
        if archive_existing_versions and to_stage not in {"Staging", "Production"}:
            raise InvalidValueError(
                f"Only versions at 'Staging' or 'Production' make room for another, not those at "
                f"{to_stage!r}: leave archive_existing_versions out."
            )
        number, archive = check_version(version), archive_existing_versions
        return self.store.registry.set_stage(
            name, number, to_stage, now_ms(), archive_others=archive
        )

    def get_model_version_stages(self, name: str, version: int | str) -> list[str]:
        """Every stage that a version can be at.

        Raises:
            NotFoundError: There is no such model or version.
        """
        self.get_model_version(name, version)
        return list(STAGES)

    def delete_model_version(self, name: str, version: int | str) -> None:
        """Delete a version with its aliases; its number is never given again.

        Raises:
            NotFoundError: There is no such model or version.
        """
        self.store.registry.delete_version(name, check_version(version), now_ms())

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Where a version's files lie.

        Raises:
            NotFoundError: There is no such model or version.
        """
        return str(self.get_model_version(name, version).source)

    def set_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
    ) -> None:
        """Set or overwrite a tag of a version, named by its number or as the newest of a stage.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidValueError: The key or the value breaks a rule.
        """
        number = self._number(name, version, stage)
        [(tag, text)] = checked_tags({str(key): value}).items()
        self.store.registry.set_version_tag(name, number, tag, text)

    def delete_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        stage: str | None = None,
    ) -> None:
        """Remove a tag of a version, if it has it.

        Raises:
            NotFoundError: There is no such model or version.
        """
        number = self._number(name, version, stage)
        self.store.registry.delete_version_tag(name, number, str(key))

    # Aliases

    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Let an alias point to a version, whatever it pointed to before.

        Args:
            name: The registered model.
            alias: Letters, digits, "_" and "-"; not "latest", nor "v" and a number.
            version: The version's number.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidValueError: The alias breaks a rule.
        """
        self.store.registry.set_alias(name, check_alias(alias), check_version(version))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias, if there is one.

        Raises:
            NotFoundError: There is no such model.
        """
        self.store.registry.delete_alias(name, alias)

    # Files

    def model_files(self, model_uri: str) -> tuple[ArtifactStore, str | None]:
        """The files that a `models:/` URI leads to, and the path below their root.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidValueError: It is not such a URI.
            UnsafePathError: The version's files lie outside of the allowed folders.
        """
        for _ in range(_MOST_REFERENCES):
            if match := _LOGGED_MODEL.fullmatch(model_uri):
                location = self.store.registry.logged_model_location(match[1])
                return self.open_location(location), match[2]
            version = self.get_model_version_by_uri(model_uri)
            path = ModelUri.parse(model_uri).path
            source = str(version.source)
            if not source.startswith("models:/"):
                return self._files_of(version, path)
            model_uri = f"{source}/{path}" if path else source
        raise InvalidValueError(f"{model_uri!r} leads to one version after another.")

    def _files_of(
        self, version: ModelVersion, path: str | None
    ) -> tuple[ArtifactStore, str | None]:
        source = str(version.source)
        if match := _RUNS_URI.fullmatch(source):
            return self.artifacts(match[1]), _joined(match[2], path)
        for root in self._roots_of_run(version.run_id):
            if source.startswith(f"{root}/"):
                below = source.removeprefix(f"{root}/").rstrip("/")
                return self.artifacts(str(version.run_id)), _joined(below, path)
        return self.open_location(source), path

    def _roots_of_run(self, run_id: str | None) -> list[str]:
        """The ways to write the artifact root of a run; none where there is no such run."""
        try:
            root = str(self.store.get_run_info(str(run_id)).artifact_uri).rstrip("/")
        except NotFoundError:
            return []
        return [root, f"./{root}", str(self.store.database.folder / root)]

    def _number(self, name: str, version: int | str | None, stage: str | None) -> int:
        if (version is None) == (stage is None):
            raise InvalidValueError("Name the version either by version or by stage.")
        if version is not None:
            return check_version(version)
        return self.get_model_version_by_uri(f"models:/{name}/{check_stage(str(stage))}").version

    def _version(
        self,
        name: str,
        source: str,
        run_id: str | None,
        tags: Mapping[str, Any] | None,
        run_link: str | None = None,
        description: str | None = None,
    ) -> ModelVersion:
        """A version to be, with the location that its source stands for."""
        now = now_ms()
        location, run = self._resolved(str(source).rstrip("/"), run_id)
        return ModelVersion(
            name,
            0,
            now,
            now,
            description,
            context.user_name(),
            source=location,
            run_id=run,
            tags=checked_tags(tags or {}),
            run_link=run_link,
        )

    def _location_in_run(self, run_id: str, path: str) -> str:
        """Where a model of a run lies: among its artifacts, or where MLflow 3 has logged it.

        Raises:
            NotFoundError: There is no such run or path.
        """
        root = self.store.get_run_info(run_id).artifact_uri.rstrip("/")
        if next(self.artifacts(run_id).walk(path), None) is not None:
            return f"{root}/{path}"
        try:
            return self.store.registry.logged_model_location(run_id=run_id, name=path)
        except NotFoundError:
            raise NotFoundError(f"The run {run_id!r} has no artifact {path!r}.") from None

    def _resolved(self, source: str, run_id: str | None) -> tuple[str, str | None]:
        """The location of what is registered, and its run.

        Raises:
            NotFoundError: There is no such run, path or version.
        """
        if match := _RUNS_URI.fullmatch(source):
            return self._location_in_run(check.check_run_id(match[1]), match[2]), match[1]
        if source.startswith("models:/") and not _LOGGED_MODEL.fullmatch(source):
            version = self.get_model_version_by_uri(source)
            return str(version.source), version.run_id
        return source, run_id


def _joined(folder: str, path: str | None) -> str:
    return f"{folder}/{path}" if path else folder
