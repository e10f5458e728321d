"""A bounded sample of requests and answers, kept as artifacts of a run."""

from __future__ import annotations

import base64
import json
import random
import threading
from typing import TYPE_CHECKING, Any

from tracker.numbers import now_ms

if TYPE_CHECKING:
    from tracker.client import TrackingClient

FLUSH_RECORDS = 100
MAX_RECORDS = 10_000
MAX_BODY_BYTES = 65_536


class RequestLog:
    """Keeps a random share of the requests in `requests/NNNNNN.jsonl` of a run.

    Writing happens in a thread; a request never waits for it.

    Args:
        client: The database of the run.
        run_id: The run.
        share: Of requests kept, between 0 and 1.
    """

    def __init__(self, client: TrackingClient, run_id: str, share: float) -> None:
        self._client = client
        self._run_id = run_id
        self._share = share
        self._random = random.Random()  # noqa: S311
        self._pending: list[dict[str, Any]] = []
        self._files = 0
        self._writer: threading.Thread | None = None
        self.count = 0

    def offer(self, content_type: str | None, body: bytes, answer: bytes, version: str) -> None:
        """Keep this request if chance says so, up to 10,000 in all."""
        if self.count >= MAX_RECORDS or self._random.random() >= self._share:
            return
        self.count += 1
        text = body[:MAX_BODY_BYTES]
        self._pending.append(
            {
                "time_ms": now_ms(),
                "version": version,
                "content_type": content_type,
                "request": _readable(text),
                "cut": len(body) > MAX_BODY_BYTES,
                "answer": _readable(answer[:MAX_BODY_BYTES]),
            }
        )
        if len(self._pending) >= FLUSH_RECORDS and (
            self._writer is None or not self._writer.is_alive()
        ):
            self._writer = threading.Thread(target=self._write, args=(self._taken(),))
            self._writer.start()

    def close(self) -> None:
        """Write what is left and end the run."""
        if self._writer is not None:
            self._writer.join()
        if self._pending:
            self._write(self._taken())
        self._client.set_terminated(self._run_id)

    def _taken(self) -> list[dict[str, Any]]:
        pending, self._pending = self._pending, []
        return pending

    def _write(self, records: list[dict[str, Any]]) -> None:
        self._files += 1
        lines = "".join(json.dumps(record) + "\n" for record in records)
        self._client.log_text(self._run_id, lines, f"requests/{self._files:06d}.jsonl")


def _readable(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(content).decode()
