"""The registry of models in the store: one method, one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracker.connection import retry_if_interrupted
from tracker.exceptions import AlreadyExistsError, NotFoundError
from tracker.store import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.database import Database
    from tracker.entities import ModelVersion, RegisteredModel


class Registry:
    """Reads and writes registered models. Arguments are valid: the client sees to it.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # Registered models

    @retry_if_interrupted
    def create_model(
        self, name: str, description: str | None, tags: Mapping[str, str], now: int
    ) -> RegisteredModel:
        """Add a registered model.

        Raises:
            AlreadyExistsError: The name is taken.
        """
        with self.database.write() as connection:
            if models.is_model(connection, name):
                raise AlreadyExistsError(f"There is a registered model {name!r} already.")
            models.insert_model(connection, name, description, now)
            models.set_model_tags(connection, name, tags)
            return models.get_model(connection, name)

    def get_model(self, name: str) -> RegisteredModel:
        """The registered model of this name.

        Raises:
            NotFoundError: There is none.
        """
        with self.database.read() as connection:
            return models.get_model(connection, name)

    def search_models(
        self, filter_string: str | None, order_by: Sequence[str] | None, limit: int, offset: int
    ) -> list[RegisteredModel]:
        """The registered models that match, in order.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        from tracker.search import compile_model_search  # noqa: PLC0415

        found = compile_model_search(filter_string, order_by)
        with self.database.read() as connection:
            return models.search_models(connection, found, limit, offset)

    @retry_if_interrupted
    def rename_model(self, name: str, new_name: str, now: int) -> RegisteredModel:
        """Give a registered model another name.

        Raises:
            NotFoundError: There is none of this name.
            AlreadyExistsError: The new name is taken.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            if new_name != name:
                if models.is_model(connection, new_name):
                    raise AlreadyExistsError(f"There is a registered model {new_name!r} already.")
                models.rename_model(connection, name, new_name, now)
            return models.get_model(connection, new_name)

    @retry_if_interrupted
    def describe_model(self, name: str, description: str | None, now: int) -> RegisteredModel:
        """Set a registered model's description.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            models.describe_model(connection, name, description, now)
            return models.get_model(connection, name)

    @retry_if_interrupted
    def delete_model(self, name: str) -> None:
        """Remove a registered model with its versions.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            models.delete_model(connection, name)

    @retry_if_interrupted
    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set or overwrite a tag of a registered model.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            models.set_model_tags(connection, name, {key: value})

    @retry_if_interrupted
    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model, if it has it.

        Raises:
            NotFoundError: There is no such model.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            models.delete_model_tag(connection, name, key)

    # Versions

    @retry_if_interrupted
    def create_version(
        self,
        version: ModelVersion,
        aliases: Sequence[str] = (),
        other_aliases: Mapping[str, int] | None = None,
        *,
        create_model: bool = False,
    ) -> ModelVersion:
        """Add a version with its tags, and let aliases point to it.

        Args:
            version: Its number is kept where it is free; otherwise, and for 0, the next is taken.
            aliases: What is to point to it from now on.
            other_aliases: What is to point to other versions from now on.
            create_model: Add the registered model, too, if there is none of the name.

        Raises:
            NotFoundError: There is no registered model of the name.
        """
        now = version.creation_timestamp or 0
        with self.database.write() as connection:
            if create_model and not models.is_model(connection, version.name):
                models.insert_model(connection, version.name, None, now)
            models.require_model(connection, version.name)
            created = models.insert_version(connection, version)
            for alias in aliases:
                models.set_alias(connection, version.name, alias, created.version)
            for alias, number in (other_aliases or {}).items():
                models.set_alias(connection, version.name, alias, number)
            models.touch_model(connection, version.name, now)
        return replace(created, aliases=sorted(aliases))

    def get_version(self, name: str, version: int) -> ModelVersion:
        """One version.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.read() as connection:
            return models.get_version(connection, name, version)

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias points to.

        Raises:
            NotFoundError: There is no such model or alias, or the version is gone.
        """
        with self.database.read() as connection:
            version = models.version_of_alias(connection, name, alias)
            return models.get_version(connection, name, version)

    def latest_versions(self, name: str) -> list[ModelVersion]:
        """The newest version of each stage, by number.

        Raises:
            NotFoundError: There is no such model.
        """
        with self.database.read() as connection:
            models.require_model(connection, name)
            return models.latest_versions(connection, [name])

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, the newest first.

        Raises:
            NotFoundError: There is no such model.
        """
        with self.database.read() as connection:
            models.require_model(connection, name)
            return models.versions(connection, name)

    def search_versions(
        self, filter_string: str | None, order_by: Sequence[str] | None, limit: int, offset: int
    ) -> list[ModelVersion]:
        """The versions that match, in order.

        Raises:
            FilterError: The filter or the order cannot be read.
        """
        from tracker.search import compile_version_search  # noqa: PLC0415

        found = compile_version_search(filter_string, order_by)
        with self.database.read() as connection:
            return models.search_versions(connection, found, limit, offset)

    @retry_if_interrupted
    def describe_version(
        self, name: str, version: int, description: str | None, now: int
    ) -> ModelVersion:
        """Set a version's description.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            models.describe_version(connection, name, version, description, now)
            return models.get_version(connection, name, version)

    @retry_if_interrupted
    def set_stage(
        self, name: str, version: int, stage: str, now: int, *, archive_others: bool
    ) -> ModelVersion:
        """Move a version to a stage, and archive the others at that stage if asked to.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            if archive_others:
                models.archive_others(connection, name, version, stage, now)
            models.set_stage(connection, name, version, stage, now)
            models.touch_model(connection, name, now)
            return models.get_version(connection, name, version)

    @retry_if_interrupted
    def delete_version(self, name: str, version: int, now: int) -> None:
        """Delete a version with its aliases; its number is never given again.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            models.delete_version(connection, name, version, now)
            models.touch_model(connection, name, now)

    @retry_if_interrupted
    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set or overwrite a tag of a version.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            models.set_version_tags(connection, name, version, {key: value})

    @retry_if_interrupted
    def delete_version_tag(self, name: str, version: int, key: str) -> None:
        """Remove a tag of a version, if it has it.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            models.delete_version_tag(connection, name, version, key)

    # Aliases

    @retry_if_interrupted
    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias point to a version.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            models.get_version(connection, name, version)
            models.set_alias(connection, name, alias, version)

    @retry_if_interrupted
    def move_aliases(
        self,
        name: str,
        aliases: Mapping[str, int | None],
        tags: Mapping[int, Mapping[str, str]],
    ) -> None:
        """Let aliases point to versions, and set tags of versions with them.

        Args:
            name: The registered model.
            aliases: Alias -> version; None removes the alias.
            tags: Version -> its new tags.

        Raises:
            NotFoundError: There is no such model or version.
        """
        with self.database.write() as connection:
            for alias, version in aliases.items():
                models.delete_alias(connection, name, alias)
                if version is not None:
                    models.get_version(connection, name, version)
                    models.set_alias(connection, name, alias, version)
            for version, texts in tags.items():
                models.set_version_tags(connection, name, version, texts)

    @retry_if_interrupted
    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias, if there is one.

        Raises:
            NotFoundError: There is no such model.
        """
        with self.database.write() as connection:
            models.require_model(connection, name)
            models.delete_alias(connection, name, alias)

    # Logged models of MLflow 3

    def logged_model_location(
        self, model_id: str | None = None, run_id: str | None = None, name: str | None = None
    ) -> str:
        """Where MLflow 3 keeps a logged model, by its id or by its run and name.

        Raises:
            NotFoundError: There is none.
        """
        with self.database.read() as connection:
            found = models.logged_model_location(connection, model_id, run_id, name)
        if found is None:
            raise NotFoundError(f"There is no logged model {model_id or name!r}.")
        return found
