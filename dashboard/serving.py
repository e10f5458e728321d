"""What a server started with `python -m tracker serve` on this machine says.

Only 127.0.0.1 is asked, without proxy or redirect. Whoever listens there may be another program:
nothing it says is taken for granted.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard.artifacts.inference import InferenceError, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

# `serve` takes the first free port of these.
PORTS = range(5001, 5006)
TOKEN = "TRACKER_SERVING_TOKEN"  # noqa: S105 -- the name of the variable
SECONDS = 0.5
MAX_BYTES = 65_536
MOST_MINUTES = 60


@dataclass(frozen=True)
class Minute:
    """One minute of a server; latencies in milliseconds, None where nothing was answered."""

    start_ms: int
    requests: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True)
class Service:
    """A server and what it has done.

    Args:
        port: Where it listens on 127.0.0.1.
        version: The version in service, as text.
        workers: How many processes it has; the counts are of the one that answered.
        started_ms: Milliseconds since the epoch.
        requests: Answered since then.
        errors: Those with a status of 400 or more.
        p50: Of the last answers, in milliseconds; None before the first.
        p99: The same.
        refused: Why the version that the alias names is not in service; empty if it is.
        minutes: The last ones in which something was asked, the oldest first.
    """

    port: int
    version: str
    workers: int
    started_ms: int
    requests: int
    errors: int
    p50: float | None
    p99: float | None
    refused: str
    minutes: tuple[Minute, ...]


@st.cache_data(show_spinner=False, ttl=2, max_entries=8)
def service_of(name: str) -> Service | None:
    """The server of a registered model; None if there is none on this machine."""
    for port in PORTS:
        try:
            status, content = _asked(port, "GET", "/status")
            found = json.loads(content)
            if status == http.HTTPStatus.OK and found.get("model") == name:
                return _service(port, found)
        except (OSError, http.client.HTTPException, ValueError, *_SHAPES):
            continue
    return None


def probabilities(service: Service, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the served model says of one image.

    Args:
        service: The server.
        image: (28, 28) float32 in [0, 1].

    Raises:
        InferenceError: It does not answer, or not as a classifier of digits does.
    """
    pixels = np.round(image * 255).astype(np.uint8).tobytes()
    try:
        status, content = _asked(service.port, "POST", "/invocations", pixels)
        answer = json.loads(content)
        if status != http.HTTPStatus.OK:
            raise InferenceError(str(answer["message"]))
        found = answer["predictions"]
        rows = next(iter(found.values())) if isinstance(found, dict) else found
        return softmax(np.asarray(rows[0], np.float32))
    except (OSError, http.client.HTTPException) as error:
        raise InferenceError("The server does not answer any more.") from error
    except (ValueError, StopIteration, *_SHAPES) as error:
        raise InferenceError("The server's answer is not a classifier's.") from error


# What reading a value of another shape than expected raises.
_SHAPES = (KeyError, IndexError, TypeError, AttributeError, OverflowError)


def _asked(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one answer, within limits of time and size."""
    headers = {"Content-Type": "application/octet-stream"} if body else {}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    deadline = time.monotonic() + 4 * SECONDS
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = b""
        while chunk := answer.read1(MAX_BYTES):
            content += chunk
            if len(content) > MAX_BYTES or time.monotonic() > deadline:
                raise TimeoutError
    return answer.status, content


def _service(port: int, status: dict[str, Any]) -> Service:
    latency = status.get("latency_ms") or {}
    minutes = [
        Minute(int(m["start_ms"]), int(m["requests"]), _number(m.get("p50")), _number(m.get("p99")))
        for m in list(status.get("minutes") or ())[-MOST_MINUTES:]
    ]
    return Service(
        port,
        str(status["version"]),
        int(status.get("workers") or 1),
        int(status["started_ms"]),
        int(status["requests"]),
        int(status["errors"]),
        _number(latency.get("p50")),
        _number(latency.get("p99")),
        str(status.get("refused") or ""),
        tuple(minutes),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
