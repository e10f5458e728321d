"""The last lines that a run printed, kept as an artifact: what to read when it failed."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections import deque
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Final, TextIO

from tracker.active_runs import active_run
from tracker.current import get_client
from tracker.exceptions import InvalidStateError, TrackerError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["capture_output"]

MAX_LINES: Final = 1_000
MAX_LINE_CHARACTERS: Final = 2_000

# Control sequences of terminals: colors, cursor movements, titles (ECMA-48).
_CONTROLS: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])"
)


@contextmanager
def capture_output(artifact_file: str = "output.log", max_lines: int = MAX_LINES) -> Iterator[None]:
    r"""Keep the last lines that Python code prints within a block, as an artifact of the run.

    What is printed still appears where it would have. Of a progress bar, the last state of its line
    is kept, without control sequences. What a library written in C prints is not seen.

    Args:
        artifact_file: Where to store the lines; written when the block ends, however it ends.
        max_lines: How many lines to keep, each cut after 2,000 characters.

    Raises:
        InvalidStateError: No run is active.

    Examples:
        >>> with tracker.start_run(), tracker.capture_output():  # doctest: +SKIP
        ...     train()
    """
    run = active_run()
    if run is None:
        raise InvalidStateError("No run is active: call capture_output() within start_run().")
    client, tail = get_client(), OutputTail(max_lines)

    def store() -> None:
        if text := tail.text():
            client.log_text(run.info.run_id, text, artifact_file)

    try:
        with _printed_to(tail):
            yield
    except BaseException:
        with suppress(TrackerError):  # the first error is the one to report
            store()
        raise
    store()


@contextmanager
def _printed_to(tail: OutputTail) -> Iterator[None]:
    out, err = _Tee(sys.stdout, tail), _Tee(sys.stderr, tail)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield
    finally:
        out.tail = err.tail = None  # a logging handler made within the block goes on to use them


class OutputTail:
    r"""The last lines of a text that arrives in pieces, as a terminal would show them.

    >>> tail = OutputTail(max_lines=2)
    >>> for piece in ("one\ntwo\n", "10 %\r", "\x1b[2K100 %", "\nthree"):
    ...     tail.write(piece)
    >>> tail.text()
    '100 %\nthree\n'
    """

    def __init__(self, max_lines: int) -> None:
        self._lines: deque[str] = deque(maxlen=max_lines)
        self._open = ""  # the line that has not ended yet
        self._is_rewound = False
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Take what was printed."""
        with self._lock:
            *ended, rest = _CONTROLS.sub("", text).split("\n")
            for line in ended:
                self._extend(line)
                self._lines.append(self._open)
                self._open, self._is_rewound = "", False
            self._extend(rest)

    def text(self) -> str:
        """The lines, each with its newline; empty if nothing was printed."""
        with self._lock:
            lines = [*self._lines, self._open] if self._open else [*self._lines]
            return "".join(f"{line}\n" for line in lines[-(self._lines.maxlen or 0) :])

    def _extend(self, text: str) -> None:
        """Go on with the open line; a carriage return starts it anew."""
        for number, part in enumerate(text.split("\r")):
            self._is_rewound = self._is_rewound or number > 0
            if part:
                kept = "" if self._is_rewound else self._open
                self._open, self._is_rewound = (kept + part)[:MAX_LINE_CHARACTERS], False


class _Tee(io.TextIOBase):
    """A text stream that also hands what is written to an `OutputTail`."""

    def __init__(self, stream: TextIO, tail: OutputTail) -> None:
        self._stream = stream
        self.tail: OutputTail | None = tail

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def buffer(self) -> io.BufferedIOBase:
        return self._stream.buffer  # type: ignore[return-value]

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.tail is not None:
            self.tail.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()
