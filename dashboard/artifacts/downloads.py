"""Downloads streamed from disk: the server's memory does not grow with the file."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse

from dashboard.artifacts import files
from dashboard.queries import histories, run_lists
from dashboard.settings import chosen_database
from dashboard.source import open_source
from tracker.exceptions import NotFoundError, TrackerError
from tracker.numbers import read_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from dashboard.source import Source
    from tracker.files import ArtifactStore

BLOCK_BYTES = 1 << 18
MAX_NAMED = 200
# Always an attachment of an opaque type: a stored HTML page must not run here.
OPAQUE = "application/octet-stream"


async def serve_file(request: Request) -> Response:
    """One artifact of one run as an attachment; 404 for anything else."""
    run_id, path = request.path_params["run_id"], request.path_params["path"]
    try:
        found = await asyncio.to_thread(_locate, run_id, path)
    except TrackerError as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    return FileResponse(found, filename=found.name, media_type=OPAQUE)


async def serve_zip(request: Request) -> Response:
    """All artifacts of one run as a zip that is made while it is sent."""
    run_id = request.path_params["run_id"]
    try:
        found = await asyncio.to_thread(store, run_id)
    except TrackerError as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.zip"'}
    return StreamingResponse(zipped(found), media_type="application/zip", headers=headers)


async def serve_points(request: Request) -> Response:
    """Every point of the metrics `key` of the runs `run` as CSV, sent while it is read."""
    runs, keys = request.query_params.getlist("run"), request.query_params.getlist("key")
    try:
        source = await asyncio.to_thread(open_source, chosen_database())
    except TrackerError as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    headers = {"Content-Disposition": 'attachment; filename="metrics.csv"'}
    lines = point_lines(source, runs[:MAX_NAMED], keys[:MAX_NAMED])
    return StreamingResponse(lines, media_type="text/csv", headers=headers)


def point_lines(source: Source, run_ids: list[str], keys: list[str]) -> Iterator[str]:
    """Points as lines of CSV under a heading; NaN and infinities by name."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["run_id", "run", "metric", "step", "timestamp_ms", "value"])
    for row in histories.points(source, run_ids, keys):
        value = read_value(row["value"], row["is_nan"])
        writer.writerow([*row[:5], value])
        if buffer.tell() > BLOCK_BYTES:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def store(run_id: str) -> ArtifactStore:
    """The artifacts of a run of the chosen database.

    Raises:
        TrackerError: If there is no such run, or its artifacts or the database cannot be read.
    """
    source = open_source(chosen_database())
    runs = run_lists.runs_by_id(source, (run_id,))
    if runs.empty:
        raise NotFoundError(f"There is no run {run_id!r}.")
    return files.open_store(source, str(runs["artifact_uri"].iloc[0]))


def _locate(run_id: str, path: str) -> Path:
    found = store(run_id).local_path(path)
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
