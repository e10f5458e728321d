"""The HTML page, who may talk to the server, and what a page may load.

Under a page's address (`/curves`) Streamlit's script first looks for the server below that page,
gets two 404 answers, and waits half a second before it looks at the root. So the page is served
with the server's address written in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from streamlit import config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


def moved_to(address: str) -> Callable[[Request], Awaitable[Response]]:
    """Leads to a page's present address, with the query as it is."""

    async def redirect(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{address}{query}")

    return redirect


# The drawing pad's script arrives as a blob, which only a script that already runs can make.
POLICY = (
    f"default-src 'self'; script-src 'self' {script_hashes()} blob: 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Refuses foreign Host and Origin headers; adds the security headers to every answer.

    Args:
        app: What answers allowed requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if not allowed(Headers(scope=scope)):
            refusal = PlainTextResponse("This host or origin is not allowed.\n", status_code=403)
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def allowed(headers: Headers) -> bool:
    """Whether a request names this server as its host, and as its origin if it names one."""
    host = headers.get("host", "")
    if not _known(_hostname(f"//{host}")):
        return False
    origin = headers.get("origin")
    trusted = config.get_option("server.corsAllowedOrigins")
    return origin is None or origin in trusted or origin.partition("://")[2] == host


def _known(host: str | None) -> bool:
    names = [str(name).strip("[]") for name in config.get_option("server.allowedHosts")]
    return not names or host in names


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
