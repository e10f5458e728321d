"""From a model URI to the model's name, version, and folder at the moment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tracker.exceptions import InvalidValueError
from tracker.serving.model import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.client import TrackingClient


def resolver(uri: str, open_client: Callable[[], TrackingClient]) -> Callable[[], Target]:
    """A function that says which model the URI names whenever it is called.

    Args:
        uri: `runs:/ID/path`, or the
            path of a folder.
        open_client: Opens the database of the runs and the registry; not called for a folder.

    Raises:
        InvalidValueError: The URI has none of these forms.
    """
    if uri.startswith("runs:/"):
        run_id, _, path = uri.removeprefix("runs:/").partition("/")
        if not path:
            raise InvalidValueError(f"{uri!r} names no model; write runs:/RUN_ID/PATH.")
        client = open_client()
        name = client.get_run(run_id).info.run_name or run_id
        return lambda: Target(uri, name, "-", run_id, client.artifacts(run_id).local_path(path))
    folder = Path(uri)
    return lambda: Target(uri, folder.resolve().name, "-", None, folder)
