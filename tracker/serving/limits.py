"""Limits that a server needs against slow, huge, and foreign requests.

uvicorn bounds neither the time of a header nor that of a body, and httptools not the size of a
header: a connection with half a request would stay open for as long as the caller likes.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from tracker.serving.errors import RequestError

if TYPE_CHECKING:
    from starlette.requests import Request

# Asked by whoever restarts a server; they say nothing of the model.
WITHOUT_TOKEN = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Limits:
    """The bounds of one worker.

    Args:
        header_seconds: From a connection's first moment, or the end of the previous answer's
            keep-alive, until a request's header is complete.
        header_bytes: Size of a request's header.
        body_seconds: From the end of the header until the body is complete.
        body_bytes: Size of a body.
        idle_seconds: How long a connection without a request stays open.
        connections: Open at once; further ones are closed.
        requests: In work at once; further ones get 429.
    """

    header_seconds: float = 10
    header_bytes: int = 32_768
    body_seconds: float = 30
    body_bytes: int = 4_194_304
    idle_seconds: float = 15
    connections: int = 256
    requests: int = 64

    def check_load(self, in_work: int) -> None:
        """Refuse a request if too many are in work.

        Raises:
            RequestError: With status 429.
        """
        if in_work > self.requests:
            raise RequestError("Too many requests at once; try again.", status=429)


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol, which closes a connection whose header does not come to an end."""

    limits = Limits()
    _header_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the clock of the first header."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
        else:
            self._expect_header()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the header is complete, start it for the next one."""
        super().data_received(data)
        if self._in_request():
            self._stop_timer()
            self._header_bytes = 0
            return
        self._header_bytes += len(data)
        if self._header_bytes > self.limits.header_bytes:
            self.transport.abort()
        elif self._header_timer is None:
            self._expect_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_header(self) -> None:
        self._header_timer = self.loop.call_later(self.limits.header_seconds, self._give_up)

    def _give_up(self) -> None:
        if not self._in_request():
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


@dataclass(frozen=True)
class Gate:
    """Who may ask.

    Args:
        hosts: Accepted values of the Host header without the port; None accepts any.
        token: The bearer token; None asks for none. The health routes need none.
    """

    hosts: frozenset[str] | None
    token: str | None = None

    def check(self, request: Request) -> None:
        """Let the request pass.

        Raises:
            RequestError: The host is foreign or the token is wrong.
        """
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self.hosts is not None and name.lower() not in self.hosts:
            raise RequestError("This server answers only to its own host name.", status=403)
        if self.token is not None and request.url.path not in WITHOUT_TOKEN:
            given = request.headers.get("authorization", "")
            expected = f"Bearer {self.token}"
            if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
                raise RequestError(
                    "Send the header 'Authorization: Bearer TOKEN'.",
                    status=401,
                    code="UNAUTHENTICATED",
                )


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body, within the bounds of size and time.

    Raises:
        RequestError: It is too large (413), too slow (408), or compressed (415).
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError("Compressed bodies are not supported.", status=415)
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or len(declared) > 18 or int(declared) > limits.body_bytes:  # noqa: PLR2004
        raise _too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise _too_large(limits)
    except TimeoutError as error:
        seconds = limits.body_seconds
        raise RequestError(f"The body did not arrive in {seconds:g} s.", status=408) from error
    return bytes(body)


def _too_large(limits: Limits) -> RequestError:
    return RequestError(f"The body may have at most {limits.body_bytes:,} bytes.", status=413)


def error_headers(error: RequestError) -> dict[str, Any]:
    """Headers of an error's answer; the connection ends where the body may be unread."""
    headers = {"connection": "close"} if error.status in {401, 403, 408, 413, 415, 429} else {}
    if error.status == 429:  # noqa: PLR2004
        headers["retry-after"] = "1"
    if error.status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Bearer"
    return headers
