"""`artifacts`: the files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import text
from tracker.cli.arguments import add_format, add_run
from tracker.cli.tables import Column, write
from tracker.cli.tree import artifact_lines
from tracker.exceptions import NotFoundError
from tracker.lookup import describe, find_run

if TYPE_CHECKING:
    from tracker.cli.arguments import Verbs
    from tracker.cli.session import Session
    from tracker.entities import FileInfo

_EXAMPLES: Final = """\
  artifacts default_1a2b3c4d
  artifacts default_1a2b3c4d model --download /tmp/model
"""


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add("artifacts", "The files of a run.", artifacts, examples=_EXAMPLES)
    add_run(parser)
    parser.add_argument("path", metavar="PATH", nargs="?", help="only this file or folder")
    parser.add_argument(
        "-d", "--download", metavar="FOLDER", type=Path, help="copy the files into this folder"
    )
    add_format(parser)


def artifacts(session: Session) -> None:
    """List the files, or copy them.

    Raises:
        NotFoundError: There is no such file or folder.
    """
    options, console = session.options, session.console
    info = find_run(session.store, options.run)
    store = session.reading.artifacts(info.run_id)
    path = (options.path or "").rstrip("/") or None
    files = list(store.walk(path))
    if path and not files:
        store.local_path(path)
    if options.download:
        if not files:
            raise NotFoundError(f"The run {describe(info)} has no artifacts to download.")
        _download(session, store.download(path, options.download), files)
    elif options.format == "table":
        for line in artifact_lines(console, files):
            console.line(line)
        console.remark(_total(files))
    else:
        columns = [Column("path"), Column("size_bytes")]
        write(console, columns, [[file.path, file.file_size] for file in files], options.format)


def _download(session: Session, target: Path, files: list[FileInfo]) -> None:
    session.console.line(text.clean(target))
    session.console.remark(_total(files))


def _total(files: list[FileInfo]) -> str:
    size_bytes = sum(file.file_size or 0 for file in files)
    return f"{text.plural(len(files), 'file')}, {text.size(size_bytes)}"
