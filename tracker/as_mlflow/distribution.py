"""The distribution `mlflow`, for libraries that look it up with `importlib.metadata`."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

# The release whose behavior the tracker follows.
VERSION: Final = "3.17.0"
_FILES: Final = {
    "METADATA": f"Metadata-Version: 2.1\nName: mlflow\nVersion: {VERSION}\n",
    "top_level.txt": "mlflow\n",
}


class _MlflowDistribution(importlib.metadata.Distribution):
    def read_text(self, filename: str) -> str | None:
        return _FILES.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(__file__).parent / path


class MlflowFinder(importlib.metadata.DistributionFinder):
    """Finds the distribution `mlflow`, and no module."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """No module is found here."""

    def find_distributions(
        self,
        context: importlib.metadata.DistributionFinder.Context | None = None,
    ) -> Iterable[importlib.metadata.Distribution]:
        """The distribution, if it is asked for by name or with all others."""
        name = None if context is None else context.name
        return [_MlflowDistribution()] if name in {None, "mlflow"} else []
