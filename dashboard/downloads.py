"""Downloads streamed from disk: the server's memory does not grow with the file."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse

from dashboard import queries
from dashboard.settings import chosen_database
from dashboard.source import SourceError, open_source
from tracker.artifacts import ArtifactStore, open_artifacts
from tracker.exceptions import NotFoundError, TrackerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

BLOCK_BYTES = 1 << 18
# Always an attachment of an opaque type: a stored HTML page must not run here.
OPAQUE = "application/octet-stream"


async def serve_file(request: Request) -> Response:
    """One artifact of one run as an attachment; 404 for anything else."""
    run_id, path = request.path_params["run_id"], request.path_params["path"]
    try:
        found = await asyncio.to_thread(_locate, run_id, path)
    except (TrackerError, SourceError) as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    return FileResponse(found, filename=found.name, media_type=OPAQUE)


async def serve_zip(request: Request) -> Response:
    """All artifacts of one run as a zip that is made while it is sent."""
    run_id = request.path_params["run_id"]
    try:
        store = await asyncio.to_thread(_store, run_id)
    except (TrackerError, SourceError) as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.zip"'}
    return StreamingResponse(zipped(store), media_type="application/zip", headers=headers)


def _store(run_id: str) -> ArtifactStore:
    source = open_source(chosen_database())
    runs = queries.runs_by_id(source, (run_id,))
    if runs.empty:
        raise NotFoundError(f"There is no run {run_id!r}.")
    return open_artifacts(str(runs["artifact_uri"].iloc[0]), Path(source.path).parent)


def _locate(run_id: str, path: str) -> Path:
    found = _store(run_id).local_path(path)
    if not found.is_file():
        raise NotFoundError(f"There is no artifact {path!r}.")
    return found


def zipped(store: ArtifactStore) -> Iterator[bytes]:
    """The blocks of a zip of all artifacts, through a pipe: nothing is kept."""
    reader, writer = os.pipe()

    def fill() -> None:
        # The browser gave up: nobody reads the other end any more.
        with suppress(BrokenPipeError), os.fdopen(writer, "wb") as target:
            store.export_zip(target)

    with os.fdopen(reader, "rb") as source:
        threading.Thread(target=fill, daemon=True).start()
        while block := source.read(BLOCK_BYTES):
            yield block
