"""The process: Ctrl-C and SIGTERM, and an output that may break."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

from tracker.text import prepare_streams
from training.errors import (
    TrainingError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


SIGNALS = (signal.SIGINT, signal.SIGTERM)


def is_main_process() -> bool:
    """Whether this process tracks and prints; torchrun may have started others."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def interruptible() -> Iterator[None]:
    """A block that SIGINT and SIGTERM end in the same way, once, so that runs are closed properly.

    Under torchrun, each process gets both signals, one after the other. The other ranks wait for
    rank 0 to end: without them, it could not tell an interruption from a failure.

    Raises:
        KeyboardInterrupt: A signal arrived.
    """
    is_main, before = is_main_process(), [signal.getsignal(each) for each in SIGNALS]
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if is_main and len(received) == 1:
            raise KeyboardInterrupt

    for each in SIGNALS:
        signal.signal(each, stop)
    try:
        yield
    except TrainingError as error:
        if received:
            raise KeyboardInterrupt from error
        raise
    finally:
        for each, handler in zip(SIGNALS, before, strict=True):
            signal.signal(each, handler)


def complain(error: object, code: int) -> int:
    """Print an error message to standard error, and return the exit code."""
    try:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        silence(sys.stderr)
    return code


class TolerantOutput(io.TextIOBase):
    """A text stream that drops what follows once it cannot be written.

    The disk may be full, or the reader of a pipe, such as `head`, may have left: neither is a
    reason to stop a training.

    Args:
        stream: Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why the stream can no longer be written."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The file descriptor of the stream."""
        return self._stream.fileno()

    def exit_code(self, code: int) -> int:
        """The exit code of a program that printed here: 1 in place of 0 if output was lost."""
        self.flush()
        if self.failure is None or isinstance(self.failure, BrokenPipeError):
            return code
        return complain(f"not all output could be written: {self.failure.strerror}", code or 1)

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        with self._failure_kept():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless it is closed."""
        if self._stream.closed:
            return
        with self._failure_kept():
            self._stream.flush()

    @contextmanager
    def _failure_kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error
            silence(self._stream)


def silence(stream: TextIO) -> None:
    """Send everything that a broken stream holds, and all that follows, to the null device."""
    with suppress(OSError), open(os.devnull, "w") as null:  # noqa: PTH123
        os.dup2(null.fileno(), stream.fileno())


@contextmanager
def tolerant_stdout() -> Iterator[TolerantOutput]:
    """Standard output that does not end the program if it is full, or was closed at the start."""
    prepare_streams()
    with redirect_stdout(TolerantOutput(sys.stdout)) as output:
        yield output
