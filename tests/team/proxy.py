"""An HTTP server that answers as a test says, or stands before another server and disturbs it."""

import http.client
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {
    "x-from",
    "connection",
    "transfer-encoding",
    "content-length",
    "date",
    "server",
    "keep-alive",
}


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def route(self):
        """The path without its query and without what all routes share."""
        return self.path.partition("?")[0].removeprefix("/api/2.0/").removeprefix("mlflow/")


@dataclass
class Reply:
    """What to answer: `body` may be bytes or a text; `claimed_size` is a lie about its length."""

    status: int = 200
    body: bytes | str = "{}"
    headers: dict = field(default_factory=dict)
    claimed_size: int | None = None


CUT_OFF = object()


class HttpServer:
    """A server in threads of this process.

    Args:
        answer: From a `Seen` to a `Reply`, or CUT_OFF to close the connection without a word.
        tls: An `ssl.SSLContext`, for HTTPS.
    """

    def __init__(self, answer, tls=None):
        self.answer = answer
        self.seen = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def routes(self):
        """(method, route) of each request."""
        return [(seen.method, seen.route) for seen in self.seen]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """What a client breaks off is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers["x-from"] = self.client_address[1]
        seen = Seen(self.command, self.path, headers, self.rfile.read(size))
        self.server.owner.seen.append(seen)
        reply = self.server.owner.answer(seen)
        if reply is CUT_OFF:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        names = {name.lower() for name in reply.headers}
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "content-type" not in names:
            self.send_header("Content-Type", "application/json")
        claimed = len(body) if reply.claimed_size is None else reply.claimed_size
        self.send_header("Content-Length", str(claimed))
        self.end_headers()
        self.wfile.write(body)
        if claimed != len(body):
            self.close_connection = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def date_time_string(self, timestamp=None):
        """The date header, by a clock of the test's where it has set one."""
        return getattr(self.server.owner, "date", None) or super().date_time_string(timestamp)

    def log_message(self, *_):
        """Nothing."""


class Forward:
    """Answers with what another server answers; a test's own `disturb` comes first.

    Args:
        port: Of the other server.
        disturb: From a `Seen` and `forward` to a `Reply`, CUT_OFF or None for no disturbance.
            `forward()` passes the request on and returns what came.
    """

    def __init__(self, port, disturb=lambda _seen, _forward: None):
        self.port = port
        self.disturb = disturb

    def __call__(self, seen):
        reply = self.disturb(seen, lambda: self._forwarded(seen))
        return self._forwarded(seen) if reply is None else reply

    def _forwarded(self, seen):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {name: text for name, text in seen.headers.items() if name not in HOP_BY_HOP}
        headers["host"] = f"127.0.0.1:{self.port}"
        try:
            connection.request(seen.method, seen.path, seen.body, headers)
            response = connection.getresponse()
            body = response.read()
        except OSError:
            return Reply(502, "no server", {"Content-Type": "text/plain"})
        finally:
            connection.close()
        kept = {
            name: text for name, text in response.getheaders() if name.lower() not in HOP_BY_HOP
        }
        return Reply(response.status, body, kept)


@contextmanager
def raw_server(talk):
    """The port of a server that lets `talk` have each connection: no HTTP at all."""

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def tls_of(authority, *names):
    """(a server's TLS, the path-less PEM of its authority) made by trustme."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context
