"""The registered models of an MLflow file store, as `copy_models` reads them.

mlruns/models/<name>/meta.yaml  tags/KEY  aliases/ALIAS
mlruns/models/<name>/version-<number>/meta.yaml  tags/KEY
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tracker.entities import ModelVersion, RegisteredModel

FOLDER: Final = "models"
VERSION: Final = "version-"


class FileStoreModels:
    """What the folder `models` held.

    Args:
        models: The registered models by name.
        versions: All their versions.
    """

    def __init__(
        self, models: Mapping[str, RegisteredModel], versions: Collection[ModelVersion]
    ) -> None:
        self._models = models
        self._versions = versions

    def versions_of(self, run_ids: Collection[str]) -> Iterator[ModelVersion]:
        """The versions that some runs have made."""
        return (version for version in self._versions if version.run_id in run_ids)

    def model(self, name: str) -> RegisteredModel | None:
        """A registered model, or None."""
        return self._models.get(name)

    def path(self, version: ModelVersion) -> str | None:
        """Where a version's files lie below those of its run; None if they lie elsewhere.

        A source names the machine on which it was written: what counts is what follows the run.
        """
        _, found, path = str(version.source).partition(f"/{version.run_id}/artifacts/")
        return path.rstrip("/") if found else None
