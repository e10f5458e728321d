"""HTTP with one server: kept connections, bounded retries, safe redirects."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from tracker.exceptions import (
    InvalidValueError,
    ServerError,
    ServerUnreachableError,
)
from tracker.team.connections import BLOCK_BYTES, Connections, proxy_of
from tracker.team.credentials import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from tracker.team.credentials import Access, Address

MAX_REDIRECTS: Final = 5
# An answer of the API; histories of 25,000 points take some 3 MB.
MAX_ANSWER_BYTES: Final = 256 << 20
# Seconds between tries; the last value repeats.
# The first retry is immediate: servers close idle kept connections.
PAUSES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_PAUSE_SECONDS: Final = 300.0
# The server or its proxy is busy or starting: retried as long as an unreachable server.
BUSY: Final = frozenset({408, 429, 502, 503, 504})
# A status of 500 may be permanent: retried a few times only.
TRIES_AFTER_FAULT: Final = 4
Result = TypeVar("Result")

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Readable(Protocol):
    """What a request's body is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, none at the end."""


Opener: TypeAlias = "Callable[[], AbstractContextManager[Readable]]"


@dataclass(frozen=True)
class Request:
    """One request.

    Args:
        method: GET, POST, PUT.
        path: Below the server's own prefix, already quoted, with its query.
        headers: Its own headers.
        body: The bytes, or a function that opens them anew for each try.
        size: The length of the body in bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Opener | None = None
    size: int = 0


@dataclass(frozen=True)
class Answer:
    """What came back: `body` is empty where it went into a file instead."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing."""
        return self.headers.get(name.lower(), "")


class RestClient:
    """Requests to one server, from any number of threads.

    Args:
        access: Where the server is, and what it is told of the caller.
        patience_seconds: How long to try again while the server is silent or busy.
        on_wait: Called with the reason and the pause in seconds before a request is tried again.
    """

    def __init__(
        self,
        access: Access,
        *,
        patience_seconds: float,
        on_wait: Callable[[ServerError, float], None] = lambda _problem, _pause: None,
    ) -> None:
        self.access = access
        self.patience_seconds = patience_seconds
        # How far the server's clock is ahead of this machine's.
        self.clock_lead_seconds = 0.0
        self._on_wait = on_wait
        self._stopped = threading.Event()
        self._connections = Connections()

    def get(self, path: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object behind a route; arguments that are None are left out of the query.

        Raises:
            ServerError: The server refuses, or is not MLflow.
            ServerUnreachableError: It does not answer.
        """
        given = urlencode(_given(arguments or {}))
        return self._json(Request("GET", f"{path}?{given}" if given else path))

    def post(
        self,
        path: str,
        arguments: Mapping[str, Any],
        recover: Callable[[], dict[str, Any] | None] | None = None,
    ) -> dict[str, Any]:
        """The JSON object that a route answers with; arguments that are None are left out.

        Args:
            path: The route.
            arguments: Its arguments.
            recover: Asked before each further try what an earlier one has done, whose answer was
                lost; needed where doing it twice does harm.

        Raises:
            ServerError: The server refuses, or is not MLflow.
            ServerUnreachableError: It does not answer.
        """
        # A lone surrogate has no UTF-8.
        body = json.dumps(_given(arguments), ensure_ascii=False).encode(errors="replace")
        headers = {"Content-Type": "application/json"}
        return self._json(Request("POST", path, headers, body, len(body)), recover)

    def upload(self, path: str, source: Opener, size: int) -> None:
        """Put a file of `size` bytes; `source` opens it for each try.

        Raises:
            ServerError: The server refuses.
            ServerUnreachableError: It does not answer.
        """
        headers = {"Content-Type": "application/octet-stream"}
        request = Request("PUT", path, headers, source, size)
        self._patiently(lambda: self._answer(request))

    def download(self, path: str, target: IO[bytes]) -> None:
        """Fetch a file into `target`, which must be seekable.

        Raises:
            ServerError: The server refuses.
            ServerUnreachableError: It does not answer, or breaks off again and again.
        """
        self._patiently(lambda: self._answer(Request("GET", path), target))

    def _json(
        self, request: Request, recover: Callable[[], dict[str, Any] | None] | None = None
    ) -> dict[str, Any]:
        def attempt() -> dict[str, Any]:
            answer = self._answer(request)
            try:
                found: object = json.loads(answer.body or b"{}")
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                return found
            raise self._not_mlflow(answer)

        return self._patiently(attempt, recover)

    def _patiently(
        self, attempt: Callable[[], Result], recover: Callable[[], Result | None] | None = None
    ) -> Result:
        """What an attempt returns, tried again while the server is silent, busy or at fault."""
        deadline = time.monotonic() + self.patience_seconds
        for tries, pause in enumerate(_pauses(), start=1):
            try:
                return attempt()
            except ServerError as error:
                problem = error
            if not _may_pass(problem, tries):
                raise problem
            wait = max(pause, problem.retry_after_seconds)
            if time.monotonic() + wait > deadline:
                raise problem
            self._on_wait(problem, wait)
            if self._stopped.wait(wait):
                raise problem
            if recover is not None and (found := recover()) is not None:
                return found
        raise AssertionError  # The pauses never end.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all requests and close the connections."""
        self.stop()
        self._connections.close()

    def stop(self) -> None:
        """End all requests and all waiting, in every thread."""
        self._stopped.set()
        self._connections.interrupt()

    # One try

    def _answer(self, request: Request, target: IO[bytes] | None = None) -> Answer:
        """The answer to one request, after redirects within the server.

        Raises:
            ServerError: The server refuses, or leads to another host.
            ServerUnreachableError: There is no answer.
        """
        try:
            answer = self._follow(request, target)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        if (date := _date(answer, "date")) is not None:
            self.clock_lead_seconds = date - time.time()
        if answer.status >= 400:  # noqa: PLR2004
            raise self._refusal(answer)
        return answer

    def _follow(self, request: Request, target: IO[bytes] | None) -> Answer:
        access, path = self.access, f"{self.access.address.prefix}{request.path}"
        for _ in range(MAX_REDIRECTS):
            answer = self._once(access, replace(request, path=path), target)
            location = answer.header("location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            url = urljoin(f"{replace(access.address, prefix='')}{path}", location)
            access, path = access.at(self._same_server(url)), _path_of(url)
            if path == f"{self.access.address.prefix}{request.path}":  # Only from HTTP to TLS.
                self.access = access
        raise ServerError(f"The server at {self.access.address} redirects in a loop.")

    def _same_server(self, url: str) -> Address:
        try:
            found = replace(parse_address(url), prefix=self.access.address.prefix)
        except InvalidValueError:
            found = None
        if found is None or not self.access.address.accepts(found):
            where = "elsewhere" if found is None else f"to another one, {found}"
            raise ServerError(
                f"The server at {self.access.address} redirects {where}: no credentials and no "
                f"data are sent there; if that is the right one, name it instead."
            )
        return found

    def _once(self, access: Access, request: Request, target: IO[bytes] | None) -> Answer:
        with self._connections.one(access) as connection:
            self._send(connection, access, request)
            response = connection.getresponse()
            answer = self._read(response, target)
            if response.will_close:
                connection.close()
            return answer

    def _send(
        self, connection: http.client.HTTPConnection, access: Access, request: Request
    ) -> None:
        headers = {"Accept": "*/*", "User-Agent": "ml-tracker", **access.headers, **request.headers}
        if request.method != "GET":
            headers["Content-Length"] = str(request.size)
        with contextlib.ExitStack() as files:
            body = request.body
            content = files.enter_context(body()) if callable(body) else body
            try:
                connection.request(request.method, self._target(access, request), content, headers)
            except (BrokenPipeError, ConnectionResetError):
                # It may have answered (413, 401) before it had read everything.
                if not request.size:
                    raise

    def _read(self, response: http.client.HTTPResponse, target: IO[bytes] | None) -> Answer:
        headers = {name.lower(): value for name, value in response.getheaders()}
        if target is None or response.status >= 300:  # noqa: PLR2004
            body = response.read(MAX_ANSWER_BYTES)
            if response.length:  # Also what is longer than the limit.
                raise http.client.IncompleteRead(body)
        else:
            body = b""
            target.seek(0)
            target.truncate()
            while block := response.read(BLOCK_BYTES):
                target.write(block)
            if response.length:
                raise http.client.IncompleteRead(b"")
        return Answer(response.status, headers, body)

    def _target(self, access: Access, request: Request) -> str:
        if access.address.scheme == "http" and proxy_of(access):
            return f"{replace(access.address, prefix='')}{request.path}"
        return request.path

    # Sentences

    def _unreachable(self, error: Exception) -> ServerUnreachableError:
        return ServerUnreachableError(
            f"The server at {self.access.address} cannot be reached: {_reason(error)}."
        )

    def _refusal(self, answer: Answer) -> ServerError:
        address = self.access.address
        code, message = _mlflow_error(answer)
        if answer.status == 401:  # noqa: PLR2004
            text = (
                f"The server at {address} requires a login (401): set "
                f"MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            )
        elif answer.status == 403:  # noqa: PLR2004
            said = f": {message}" if code else ""
            text = f"The server at {address} denies this user access (403){said}"
        elif code:
            text = message
        else:
            text = f"The server at {address} answers {answer.status} {_phrase(answer.status)}."
        wait = _retry_after(answer)
        return ServerError(text, status=answer.status, error_code=code, retry_after_seconds=wait)

    def _not_mlflow(self, answer: Answer) -> ServerError:
        kind = answer.header("content-type").partition(";")[0] or "nothing that says what it is"
        return ServerError(
            f"The server at {self.access.address} is not an MLflow server: it answers with {kind}.",
            status=answer.status,
        )


def quoted(path: str) -> str:
    """A path as part of a URL; slashes stay."""
    return quote(path, safe="/")


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if value is not None}


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _may_pass(problem: ServerError, tries: int) -> bool:
    """Whether trying again can help."""
    if isinstance(problem, ServerUnreachableError):
        return not _is_certificate(problem.__cause__)
    is_fault = problem.status == 500 and tries < TRIES_AFTER_FAULT  # noqa: PLR2004
    return is_fault or problem.status in BUSY


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]


def _retry_after(answer: Answer) -> float:
    """The wait that a busy server asks for, in seconds; by its own clock, which may be wrong."""
    text = answer.header("retry-after")
    if text.strip().isdecimal():
        return min(float(text), LONGEST_PAUSE_SECONDS)
    until, since = _date(answer, "retry-after"), _date(answer, "date")
    if until is None or since is None:
        return 0.0
    return min(max(until - since, 0.0), LONGEST_PAUSE_SECONDS)


def _date(answer: Answer, name: str) -> float | None:
    """The time that a header names, in seconds since the epoch."""
    try:
        return email.utils.parsedate_to_datetime(answer.header(name)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _mlflow_error(answer: Answer) -> tuple[str, str]:
    """(error code, message) of a refusal of MLflow's; empty for one of something else."""
    try:
        found = json.loads(answer.body)
        return str(found["error_code"]), _first_sentence(str(found.get("message", "")))
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", ""


def _first_sentence(message: str) -> str:
    """The message's first line, without the SQL that some carry after it."""
    line = message.strip().partition("\n")[0].partition("[SQL:")[0].strip()
    return line[:500].rstrip(".") + "."


def _reason(error: Exception) -> str:
    if _is_certificate(error):
        return (
            f"its certificate is not trusted ({getattr(error, 'verify_message', error)}); name "
            f"the authority's file in MLFLOW_TRACKING_SERVER_CERT_PATH, and look at this machine's "
            f"clock"
        )
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is incomplete or not HTTP ({type(error).__name__})"
    return str(getattr(error, "strerror", None) or error).lower().rstrip(".")


def _is_certificate(error: BaseException | None) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError)


def _phrase(status: int) -> str:
    return http.client.responses.get(status, "")
