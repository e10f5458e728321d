"""From what names a model to its folder on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from tracker.exceptions import NotFoundError

_RUNS_URI: Final = re.compile(r"runs:/([^/]+)/([^/]+)")


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
        found = _logged_model(uri, dst_path)
        if found is None:
            raise NotFoundError(f"There is no model {uri!r}: {error}") from error
        return found


def _logged_model(uri: str, dst_path: str | os.PathLike[str] | None) -> Path | None:
    """The folder of a model that MLflow 3 has logged, which is not among its run's artifacts."""
    match = _RUNS_URI.fullmatch(uri)
    if match is None:
        return None
    from tracker.current import get_client  # noqa: PLC0415

    client = get_client()
    try:
        location = client.store.registry.logged_model_location(run_id=match[1], name=match[2])
        return client.open_location(location).download(None, dst_path)
    except NotFoundError:
        return None
