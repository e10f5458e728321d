"""From what names a model to its folder on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from tracker.exceptions import NotFoundError


def local_model(
    model_uri: str | os.PathLike[str], dst_path: str | os.PathLike[str] | None = None
) -> Path:
    """The folder of a model, or a copy of it below `dst_path`.

    Args:
        model_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version>`, `models:/<name>@<alias>`,
            `models:/<name>/latest`, a path below a run's artifact URI, or the path of a folder.
        dst_path: Where to put a copy; files of runs are read where they lie by default.

    Raises:
        NotFoundError: There is no such model.
    """
    uri = os.fspath(model_uri)
    if dst_path is None and Path(uri).exists():
        return Path(uri)
    from tracker.artifacts import download_artifacts  # noqa: PLC0415

    try:
        return Path(download_artifacts(uri, dst_path=dst_path))
    except NotFoundError as error:
        raise NotFoundError(f"There is no model {uri!r}: {error}") from error
