"""A line that counts, on a terminal only."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Self

from tracker import text

if TYPE_CHECKING:
    from tracker.cli.console import Console

_EVERY_SECONDS: Final = 0.1


class Steps:
    """Counts steps of a long job on one line, which is gone at the end.

    Args:
        console: Where to count.
        noun: What is counted.
    """

    def __init__(self, console: Console, noun: str) -> None:
        self._err = console.err
        self._noun = noun
        self._shows = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self._next = time.monotonic() + _EVERY_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            self._err.write("\r\x1b[K")
            self._err.flush()

    def done(self, number: int) -> None:
        """Say how many are done."""
        if self._shows and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            self._err.write(f"\r\x1b[K{text.plural(number, self._noun)} …")
            self._err.flush()
