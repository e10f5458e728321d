"""Why a run failed or was stopped: exception, traceback and the last lines of its output."""

from __future__ import annotations

import re
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from dashboard.artifacts import files
from dashboard.widgets import component, html
from tracker.exceptions import TrackerError
from tracker.tags import (
    TRACKER_EXCEPTION_MESSAGE,
    TRACKER_EXCEPTION_TYPE,
    TRACKER_FAILURE_REASON,
)
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracker.files import ArtifactStore

EXCEPTION_FILE, OUTPUT_FILE = "exception.txt", "output.log"
LINES_SHOWN = 8
LINE_LENGTH = 400
FRAME = re.compile(r'^ *File "(?P<path>[^"]*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
OF_LIBRARIES = re.compile(r"[\\/](site|dist)-packages[\\/]|[\\/]lib[\\/]python\d|^<frozen ")
PRE = "margin:0;font:400 11.5px/17px monospace;white-space:pre-wrap;overflow-wrap:anywhere"
SMALL = "font-size:11px;color:var(--text-3)"


class Piece(NamedTuple):
    """Some lines of a traceback: a frame, or what stands between frames.

    Args:
        text: The lines.
        path: The frame's file; empty between frames.
    """

    text: str
    path: str = ""

    @property
    def is_of_library(self) -> bool:
        """Whether the frame is in an installed package or in Python itself."""
        return bool(OF_LIBRARIES.search(self.path))


def show(store: ArtifactStore | None, status: str, tags: Mapping[str, str]) -> None:
    """The block above a run that failed or was killed; nothing for others or without a reason.

    Args:
        store: The run's artifacts; None where they cannot be read.
        status: The run's.
        tags: The run's.
    """
    reason = tags.get(TRACKER_FAILURE_REASON, "")
    if status not in {"FAILED", "KILLED"} or not reason:
        return
    kind, _, message = (
        reason.partition(": ") if TRACKER_EXCEPTION_TYPE in tags else ("", "", reason)
    )
    message = tags.get(TRACKER_EXCEPTION_MESSAGE, message)
    tone = "bad" if status == "FAILED" else "stopped"
    traceback, output = _text(store, EXCEPTION_FILE), _text(store, OUTPUT_FILE)
    columns = [_traceback(traceback)] if traceback else []
    columns += [_output(output)] if output else []
    body = (
        '<div style="display:grid;gap:12px 24px;padding:10px 14px;'
        f'grid-template-columns:repeat(auto-fit,minmax(280px,1fr))">{"".join(columns)}</div>'
        if columns
        else ""
    )
    block = (
        f'<section aria-label="Why it {"failed" if status == "FAILED" else "was stopped"}"'
        f' style="border:1px solid var(--line);border-left:3px solid var(--{tone});'
        f'border-radius:8px;overflow:hidden">'
        f'<div class="head" style="background:var(--{tone}-ground)"><div>'
        f'<b style="color:var(--{tone})">{escape(kind)}</b> '
        f"{html.shown(message, LINE_LENGTH)}{_where(traceback)}</div></div>{body}</section>"
    )
    component.part("failure", "failure", {"html": block, "traceback": traceback})


def _where(traceback: str) -> str:
    """The run's own line that raised, as far as the traceback tells."""
    heads = (p.text.partition("\n")[0] for p in pieces(traceback) if not p.is_of_library)
    own = [FRAME.match(head) for head in heads]
    frame = next((found for found in reversed(own) if found), None)
    if frame is None:
        return ""
    name = f"{frame['name']}, " if frame["name"] else ""
    said = f"raised in {name}{PurePath(frame['path']).name} line {frame['line']}"
    return f'<div style="{SMALL}">{html.shown(said)}</div>'


def _text(store: ArtifactStore | None, path: str) -> str:
    """The end of a text among the artifacts; empty where there is none."""
    if store is None:
        return ""
    try:
        with store.open(path) as stream:
            return stream.read(files.MAX_READ_BYTES).decode("utf-8", errors="replace")
    except (TrackerError, OSError):
        return ""


def pieces(traceback: str) -> Iterator[Piece]:
    r"""A traceback by frames.

    >>> found = pieces('Traceback:\n  File "/a/b.py", line 3, in f\n    g()\nValueError: no\n')
    >>> [piece.path for piece in found]
    ['', '/a/b.py', '']
    """
    path, held = "", list[str]()
    for line in traceback.splitlines():
        frame = FRAME.match(line)
        if frame or (path and not line.startswith("    ")):
            if held:
                yield Piece("\n".join(held), path)
            path, held = (frame["path"] if frame else ""), []
        held.append(line)
    if held:
        yield Piece("\n".join(held), path)


def _traceback(text: str) -> str:
    """Frames of the run's own files in bold, those of libraries folded."""
    found = list(pieces(text))
    folded = sum(piece.is_of_library for piece in found)
    shown = "".join(_piece(piece) for piece in found if not piece.is_of_library)
    note = f" · {plural(folded, 'frame')} of libraries folded" if folded else ""
    whole = f'<details style="{SMALL}"><summary>All of it</summary>{_pre(escape(text))}</details>'
    return _column(f"Traceback{note}", _pre(shown) + (whole if folded else ""))


def _piece(piece: Piece) -> str:
    text = escape(piece.text, quote=False)
    if not piece.path:
        return f"{text}\n"
    name = escape(PurePath(piece.path).name, quote=False)
    return text.replace(escape(piece.path, quote=False), f"<b>{name}</b>", 1) + "\n"


def _output(text: str) -> str:
    lines = text.rstrip().splitlines()
    first = max(0, len(lines) - LINES_SHOWN)
    shown = "\n".join(
        f'<span style="color:var(--text-3)">{number:>5}</span>  {escape(line[:LINE_LENGTH])}'
        for number, line in enumerate(lines[first:], first + 1)
    )
    return _column(f"Last lines of output · {plural(len(lines), 'line')} in all", _pre(shown))


def _pre(content: str) -> str:
    return f'<pre style="{PRE}">{content}</pre>'


def _column(title: str, content: str) -> str:
    head = f'<div style="{SMALL};margin-bottom:4px">{title}</div>'
    return f'<div style="min-width:0">{head}{content}</div>'
