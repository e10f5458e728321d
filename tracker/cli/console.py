"""Where the command line writes: plain into a pipe, in color and cut to fit on a terminal."""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from pathlib import Path
from typing import IO, Final, Self

from tracker import text
from tracker.numbers import now_ms
from tracker.text import clean

_EVERY_SECONDS: Final = 0.1
_STYLES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
}
_OF_STATUS: Final = {
    "FINISHED": "green",
    "FAILED": "red",
    "KILLED": "yellow",
    "RUNNING": "blue",
    "SCHEDULED": "dim",
}


class Console:
    """Standard output, with its width and colors.

    Args:
        out: For results (default: standard output).
        err: For remarks that are not part of the result (default: standard error).
    """

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.is_terminal = self.out.isatty()
        self.width = shutil.get_terminal_size().columns if self.is_terminal else None
        self.now = now_ms()
        self._colors = self.is_terminal and wants_color()

    @property
    def encoding(self) -> str:
        """The encoding of results, in lower case."""
        return str(getattr(self.out, "encoding", None) or "utf-8").lower()

    def use_utf8(self) -> None:
        """Write results in UTF-8 from here on, whatever the environment says."""
        if isinstance(self.out, io.TextIOWrapper):
            self.out.reconfigure(encoding="utf-8")

    def line(self, text: str = "") -> None:
        """Write one line of clean text."""
        self.out.write(text + "\n")

    def remark(self, text: str) -> None:
        """Write a line beside the result; the text need not be clean."""
        self.out.flush()
        self.err.write(clean(text) + "\n")

    def heading(self, text: str) -> None:
        """Write a heading below an empty line."""
        self.line()
        self.line(self.styled(text, "bold"))

    def styled(self, text: str, style: str) -> str:
        """The text in a style if the output is a terminal with colors."""
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colors and code else text

    def status(self, text: str | None) -> str:
        """A run's status in its color; "" if the row has none."""
        if text is None:
            return ""
        return self.styled(text, _OF_STATUS.get(text.strip(), ""))


def wants_color() -> bool:
    """Whether the environment allows colors (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def program_name() -> str:
    """How the user started this program, for messages and examples."""
    name = Path(sys.argv[0]).name
    return name if name == "ml-tracker" else "python -m tracker"


def piped_text() -> str:
    """All of standard input. Bytes that are not UTF-8 become surrogates, which SQLite refuses."""
    return sys.stdin.buffer.read().decode(errors="surrogateescape")


class StepCounter:
    """Counts the steps of a long job on one line of a terminal, erased at the end.

    Args:
        console: Its standard error is used.
        noun: What is counted, in the singular.
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
        """Show how many are done, at most ten times a second."""
        if self._shows and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            self._err.write(f"\r\x1b[K{text.plural(number, self._noun)} …")
            self._err.flush()
