"""Standard output as something that a training outlives."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

from tracker.cli import streams

if TYPE_CHECKING:
    from collections.abc import Iterator


class Output(io.TextIOBase):
    """A stream of text; once it cannot be written (a full disk), what follows is dropped.

    A reader that leaves, `head` for one, is no such case: it ends the program.

    Args:
        stream: Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why the stream can no longer be written."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether a person may be watching."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write, or drop, the text."""
        with self._outlived():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Send what is buffered on its way; nothing once the stream is closed."""
        if self._stream.closed:
            return
        with self._outlived():
            self._stream.flush()

    @contextmanager
    def _outlived(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failure = self.failure or error
            silence(self._stream)


def silence(stream: TextIO) -> None:
    """Send to nowhere what a stream that cannot be written holds, and all that follows."""
    with suppress(OSError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


@contextmanager
def outlived_output() -> Iterator[Output]:
    """Standard output that does not end the program when it is full, or was closed at the start."""
    streams.prepare()
    with redirect_stdout(Output(sys.stdout)) as output:
        yield output
