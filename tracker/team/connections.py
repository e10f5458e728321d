"""Kept HTTP connections to a server, one for each request that is under way."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tracker.team.credentials import parse_address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tracker.team.credentials import Access, Address

BLOCK_BYTES: Final = 1 << 20
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 120.0


class Connections:
    """As many connections as there are requests at the same time; idle ones are used again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Address, http.client.HTTPConnection]] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def one(self, access: Access) -> Iterator[http.client.HTTPConnection]:
        """A connection for one request; closed after an error, kept otherwise.

        Raises:
            OSError: It cannot be made.
        """
        connection = self._taken(access.address) or self._connect(access)
        with self._lock:
            self._busy.add(connection)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        finally:
            with self._lock:
                self._busy.discard(connection)
                if connection.sock is not None:
                    self._idle.append((access.address, connection))

    def interrupt(self) -> None:
        """Let requests that are under way end with an error."""
        with self._lock:
            for connection in self._busy:
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for _, connection in self._idle:
                connection.close()
            self._idle.clear()

    def _taken(self, address: Address) -> http.client.HTTPConnection | None:
        with self._lock:
            for index, (known, connection) in enumerate(self._idle):
                if known == address:
                    del self._idle[index]
                    return connection
        return None

    def _connect(self, access: Access) -> http.client.HTTPConnection:
        address, proxy = access.address, proxy_of(access)
        host, port = (proxy.host, proxy.port) if proxy else (address.host, address.port)
        if address.scheme == "http":
            connection = http.client.HTTPConnection(
                host, port, timeout=CONNECT_SECONDS, blocksize=BLOCK_BYTES
            )
        else:
            self._tls = self._tls or access.tls()
            connection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, blocksize=BLOCK_BYTES, context=self._tls
            )
            if proxy:
                connection.set_tunnel(address.host, address.port)
        connection.connect()
        connection.sock.settimeout(_read_timeout(access))
        return connection


def proxy_of(access: Access) -> Address | None:
    """The proxy for a server, by the environment; None where there is none for it."""
    found = urllib.request.getproxies().get(access.address.scheme)
    if not found or urllib.request.proxy_bypass(access.address.host):
        return None
    return parse_address(found if "://" in found else f"http://{found}")


def _read_timeout(access: Access) -> float:
    text = access.environment.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "")
    return float(text) if text.isdecimal() and int(text) else READ_SECONDS
