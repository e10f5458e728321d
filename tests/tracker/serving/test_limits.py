"""Callers that are slow, endless, numerous, or malformed."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request

from tracker.serving.app import Service
from tracker.serving.champion import Champion
from tracker.serving.errors import RequestError
from tracker.serving.limits import BoundedProtocol, Gate, Limits
from tracker.serving.model import Target

pytestmark = pytest.mark.slow

SECONDS = 1.0
VALID = json.dumps({"inputs": [[1, 2, 3, 4]]}).encode()


@pytest.fixture(scope="module")
def impatient(model_folder):
    """A server in this process whose limits are a second; its port."""
    limits = Limits(header_seconds=SECONDS, body_seconds=SECONDS, connections=20, requests=10)

    class Impatient(BoundedProtocol):
        pass

    Impatient.limits = limits
    champion = Champion(lambda: Target("m", "m", "1", None, model_folder), poll_seconds=60)
    app = Service(champion, Gate(None, token=None), limits).app()
    config = uvicorn.Config(app, port=0, http=Impatient, ws="none", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10 * SECONDS)


def received(connection):
    """Everything until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_a_header_that_never_ends_closes_the_connection(impatient):
    with connected(impatient) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nX-")
        assert received(connection) == b""


def test_a_header_that_drips_closes_the_connection(impatient):
    start = time.monotonic()
    with connected(impatient) as connection:
        connection.settimeout(0.1)
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n")
        closed = False
        while not closed and time.monotonic() - start < 10 * SECONDS:
            try:
                connection.sendall(b"X: y\r\n")
                closed = connection.recv(100) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
    assert closed


def test_a_header_without_bounds_closes_the_connection(impatient):
    with connected(impatient) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\n")
        try:
            for i in range(3000):
                connection.sendall(b"X-%d: " % i + b"y" * 1000 + b"\r\n")
        except OSError:
            return
        assert not received(connection).startswith(b"HTTP/1.1 2")


def test_a_body_that_never_ends_is_answered_408(impatient):
    with connected(impatient) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert received(connection).startswith(b"HTTP/1.1 408 ")


def test_chunks_without_end_are_answered_413_or_cut(impatient):
    with connected(impatient) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(200):
                connection.sendall(chunk)
        except OSError:
            return
        assert received(connection).startswith(b"HTTP/1.1 413 ")


def test_more_connections_than_allowed_are_closed_and_others_served(impatient):
    held = [connected(impatient) for _ in range(40)]
    try:
        time.sleep(2 * SECONDS)
        assert ask(impatient, VALID).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in held:
            connection.close()


def ask(port, body, content_type=b"application/json", path=b"/invocations"):
    with connected(port) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(
                b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Content-Type: "
                + content_type
                + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
        return received(connection)


def mutated(chance):
    """A body that was valid before a few of its bytes were changed, removed, or repeated."""
    body = bytearray(chance.choice(BODIES))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(body) or 1)
        kind = chance.randrange(4)
        if kind == 0 and body:
            body[at % len(body)] = chance.randrange(256)
        elif kind == 1:
            del body[at : at + chance.randint(1, 8)]
        elif kind == 2:
            body[at:at] = chance.choice(PIECES)
        else:
            body += body[at : at + 20]
    return bytes(body)


BODIES = [
    VALID,
    b'{"dataframe_split": {"columns": ["a","b","c","d"], "data": [[1,2,3,4]]}}',
    b'{"dataframe_records": [{"a": 1, "b": 2, "c": 3, "d": 4}]}',
    b'{"instances": [{"pixels": [[[1,2],[3,4]]]}]}',
    b'{"inputs":[{"name":"pixels","shape":[1,1,2,2],"datatype":"FP32","data":[1,2,3,4]}]}',
    b"a,b,c,d\n1,2,3,4\n",
    bytes(range(8)),
    b"",
]
PIECES = [
    b"NaN", b"1e999", b"-1e999", b"null", b"[[[[", b"]]]", b"{}", b'"', b"9" * 5000, b"\x00",
    b"\xff",
    b"[" * 5000, b"1e-400", b'"\\ud800"', b"true", b"-0", b'{"a":' * 500,
]  # fmt: skip
TYPES = [
    b"application/json", b"application/json; charset=utf-16", b"text/csv", b"", b"image/png",
    b"application/octet-stream", b"multipart/form-data; boundary=x", b"\xe4\xf6", b"a" * 5000,
]  # fmt: skip
PATHS = [
    b"/invocations",
    b"/v2/models/m/infer",
    b"/v2/models/%2e%2e/infer",
    b"/v2/models/m/versions/x/infer",
]


def resident_bytes():
    """Of this process, in which the server runs."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def test_thousands_of_malformed_requests_get_4xx_and_leave_the_server_well(impatient):
    chance, before = random.Random(7), resident_bytes()
    for _ in range(2000):
        answer = ask(impatient, mutated(chance), chance.choice(TYPES), chance.choice(PATHS))
        assert answer[:10] in {b"HTTP/1.1 2", b"HTTP/1.1 4", b""}, answer[:300]
    assert ask(impatient, VALID).startswith(b"HTTP/1.1 200 ")
    assert resident_bytes() - before < 300_000_000


def test_a_wrong_token_is_refused():
    gate = Gate(None, token="secret")  # noqa: S106

    def request(value, path="/invocations"):
        headers = [(b"host", b"localhost"), (b"authorization", value)]
        return Request({"type": "http", "path": path, "headers": headers})

    gate.check(request(b"Bearer secret"))
    gate.check(request(b"", "/ping"))
    for wrong in (b"", b"Bearer", b"Bearer secret2", b"Basic secret", b"\xff"):
        with pytest.raises(RequestError, match="Authorization: Bearer"):
            gate.check(request(wrong))
