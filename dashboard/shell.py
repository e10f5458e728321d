"""Streamlit's HTML page with the server's address written in.

Under a page's address (`/curves`) Streamlit's script first looks for the server below that page,
gets two 404 answers, and waits half a second before it looks at the root. Told where the server
is, it asks there at once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

ADDRESS = '<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + "/"}</script>'
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def page() -> str:
    """The HTML of every page."""
    plain = Path(streamlit.__file__).with_name("static") / "index.html"
    return plain.read_text(encoding="utf-8").replace("<head>", f"<head>{ADDRESS}", 1)


@cache
def script_hashes() -> str:
    """The page's inline scripts as Content-Security-Policy sources: no other may run."""
    digests = [hashlib.sha256(text.encode()).digest() for text in INLINE.findall(page())]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


async def serve_page(request: Request) -> Response:
    """The page, whatever its address: Streamlit reads the address in the browser."""
    del request
    return HTMLResponse(page(), headers={"Cache-Control": "no-cache"})
