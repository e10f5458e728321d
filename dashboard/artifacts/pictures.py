"""Pictures of strangers, decoded and drawn anew: what the browser gets is ours.

A page of a PDF is drawn in a process of its own: the library for it is written in C++.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st
from starlette.responses import Response

from dashboard import untrusted
from dashboard.artifacts import downloads, files
from dashboard.untrusted import UnreadableFileError
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from PIL import Image
    from starlette.requests import Request

    from tracker.files import ArtifactStore

SMALLEST, LARGEST = 16, 2000
MODES = {"1", "L", "LA", "RGB", "RGBA"}
SECONDS_KEPT = 60
PDF_SECONDS = 15
PDF_PIXELS = 1100
# What stands where a picture cannot be shown; an error would be the browser's, and unseen.
BROKEN = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" fill="none"'
    b' stroke="#8a92a5" stroke-width="2"><path d="M6 6h28v28H6zM6 6l28 28M34 6L6 34"/></svg>'
)
DRAW = """
import sys
import pypdfium2
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
except (ImportError, ValueError, OSError):
    pass
document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
page = document[min(int(sys.argv[1]), len(document)) - 1]
scale = float(sys.argv[2]) / max(page.get_size())
page.render(scale=scale).to_pil().save(sys.stdout.buffer, "PNG")
print(len(document), file=sys.stderr)
"""


class Page(NamedTuple):
    """One page of a document, as a PNG, and how many pages there are."""

    image: bytes
    pages: int


async def serve_picture(request: Request) -> Response:
    """A picture among a run's artifacts as PNG, at most `side` pixels wide and high."""
    run_id, path = request.path_params["run_id"], request.path_params["path"]
    headers = {"Cache-Control": f"private, max-age={SECONDS_KEPT}"}
    side = request.query_params.get("side", "")
    limit = max(SMALLEST, min(LARGEST, int(side))) if side.isascii() and side.isdigit() else LARGEST
    try:
        content = await asyncio.to_thread(_drawn, run_id, path, limit)
    except TrackerError:
        return Response(BROKEN, media_type="image/svg+xml", headers=headers)
    return Response(content, media_type="image/png", headers=headers)


def _drawn(run_id: str, path: str, side: int) -> bytes:
    with downloads.store(run_id).open(path) as stream:
        content = stream.read(files.MAX_PICTURE_BYTES)
    image = untrusted.picture(content, path)
    with untrusted.reading(path):
        image.thumbnail((side, side))
        return _as_png(image)


def _as_png(image: Image.Image) -> bytes:
    plain = image if image.mode in MODES else image.convert("RGBA")
    buffer = io.BytesIO()
    plain.save(buffer, "PNG")
    return buffer.getvalue()


def pdf_page(store: ArtifactStore, path: str, number: int) -> Page:
    """A page of a PDF, the last one where there are fewer; the first is 1.

    Raises:
        TrackerError: If it cannot be read.
    """
    key = files.file_key(store, path)
    if key is None:
        raise UnreadableFileError(f"{path!r} cannot be read.")
    return _pdf_page(key, number)


@st.cache_data(show_spinner=False, max_entries=32)
def _pdf_page(key: files.FileKey, number: int) -> Page:
    with Path(key.path).open("rb") as stream:
        content = stream.read(files.MAX_PICTURE_BYTES)
    command = [sys.executable, "-c", DRAW, str(number), str(PDF_PIXELS)]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=PDF_SECONDS, check=True
        )
    except subprocess.SubprocessError:
        raise UnreadableFileError("It is no PDF that can be drawn. Download it.") from None
    return Page(done.stdout, int(done.stderr.split()[-1]))
