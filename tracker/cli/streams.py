"""The standard streams as they are found: closed, of another encoding, or with bytes in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def prepare() -> None:
    """Let every text be written, and stand in for closed streams.

    Names in a database may hold halves of surrogate pairs, and a pipe may be ASCII. A stream that
    is closed at the start is None here, and its number would go to the next file that is opened,
    the database perhaps.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  Until the end.
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def piped_text() -> str:
    """What comes by standard input; the database refuses what is no UTF-8, in words."""
    return sys.stdin.buffer.read().decode(errors="surrogateescape")
