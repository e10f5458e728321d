"""Where the command line writes: plain into a pipe, in colour and cut to fit on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import IO, Final

from tracker.text import clean

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
    """Standard output, and what its reader can see.

    Args:
        out: Where results go.
        err: Where remarks go that are no part of the result.
    """

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.is_terminal = self.out.isatty()
        self.width = shutil.get_terminal_size().columns if self.is_terminal else None
        self.now = time.time_ns() // 1_000_000
        self._colours = self.is_terminal and wants_colour()

    def line(self, text: str = "") -> None:
        """Write one line of clean text."""
        self.out.write(text + "\n")

    def remark(self, text: str) -> None:
        """Say something beside the result; the text need not be clean."""
        self.out.flush()
        self.err.write(clean(text) + "\n")

    def heading(self, text: str) -> None:
        """Write a heading, set off from what stands above it."""
        self.line()
        self.line(self.styled(text, "bold"))

    def styled(self, text: str, style: str) -> str:
        """The text in a style, where the reader is a terminal that wants colours."""
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours and code else text

    def status(self, text: str | None) -> str:
        """A run's status in its colour; nothing where a row lacks it."""
        if text is None:
            return ""
        return self.styled(text, _OF_STATUS.get(text.strip(), ""))


def wants_colour() -> bool:
    """Whether the environment allows colours (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
