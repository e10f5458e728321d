"""Files of the active run, many at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tracker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EFFECTIVE_CONFIG = "config/effective_config.yaml"
"""The configuration of a run; one without it cannot go on."""


def active_run_id() -> str:
    """The id of the active run."""
    run = tracker.active_run()
    assert run is not None  # noqa: S101 -- called within a run only
    return run.info.run_id


def log_files(files: Mapping[str, bytes]) -> None:
    """Store files under their paths.

    Raises:
        ArtifactError: One cannot be written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_contents(files)


def log_copies(paths: Iterable[Path], folder: str) -> None:
    """Store files of the disk under their own names in one folder.

    Raises:
        ArtifactError: One cannot be read or written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_files(paths, folder)


def as_json(content: Any) -> bytes:
    """The text of a JSON file that people can read too.

    Raises:
        ValueError: A number is not finite, for which JSON has no word.
    """
    return json.dumps(content, indent=2, allow_nan=False).encode()
