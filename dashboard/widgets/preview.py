"""An artifact shown as what it is: image, table, JSON or text; contents never act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import untrusted
from dashboard.artifacts import files
from dashboard.widgets import columns, logged_table
from tracker.exceptions import TrackerError
from tracker.text import size

if TYPE_CHECKING:
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

IMAGES = {"png", "jpg", "jpeg", "gif", "webp", "bmp"}
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
LANGUAGES = {"py": "python", "yaml": "yaml", "yml": "yaml", "toml": "toml", "diff": "diff"}
MAX_ROWS = 1000
MAX_SHOWN_WIDTH = 640
MAX_SHOWN_HEIGHT = 2000
SNIFFED_BYTES = 4096


def show(store: ArtifactStore, artifact: FileInfo) -> None:
    """Show the beginning of an artifact, or say why it is not shown."""
    try:
        if artifact.file_size == 0:
            st.caption("The file is empty.")
        elif files.kind(artifact.path) in IMAGES:
            image(store, artifact.path)
        elif artifact.path.lower().endswith(TABLES):
            _table(store, artifact.path)
        else:
            _text(store, artifact)
    except TrackerError as error:
        st.caption("This file cannot be shown.")
        st.text(str(error))


def image(store: ArtifactStore, path: str) -> None:
    """A picture, small ones at twice their size.

    Raises:
        TrackerError: If it cannot be read, or is no picture.
    """
    with store.open(path) as stream:
        content = stream.read(files.MAX_PICTURE_BYTES)
    picture = untrusted.picture(content, "The picture")
    width = min(2 * picture.width, MAX_SHOWN_WIDTH)
    if picture.width > MAX_SHOWN_WIDTH or picture.height > MAX_SHOWN_HEIGHT:
        picture.thumbnail((MAX_SHOWN_WIDTH, MAX_SHOWN_HEIGHT))
        st.image(picture, width=min(width, picture.width))
    else:
        st.image(content, width=width)


def _table(store: ArtifactStore, path: str) -> None:
    name = path.lower()
    separator = "\t" if ".tsv" in name else ","
    with store.open(path) as stream:
        frame = untrusted.table(
            stream, "The table", MAX_ROWS, separator, gzipped=name.endswith(".gz")
        )
    st.dataframe(frame, hide_index=True)
    if len(frame) == MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} rows.")


def _text(store: ArtifactStore, artifact: FileInfo) -> None:
    with store.open(artifact.path) as stream:
        head = stream.read(files.MAX_READ_BYTES)
    if b"\x00" in head[:SNIFFED_BYTES]:
        st.caption(f"Binary, {size(artifact.file_size)}.")
        return
    if files.kind(artifact.path) == "json" and len(head) == artifact.file_size:
        _json(head)
    else:
        language = LANGUAGES.get(files.kind(artifact.path))
        st.code(_decoded(head), language=language, wrap_lines=True, height=480)


def _json(content: bytes) -> None:
    """A table that was logged, or a tree; the text where it is no JSON or nested too deeply."""
    try:
        found = untrusted.parsed(content, "This JSON")
        table = logged_table.read(found, MAX_ROWS)
        if table:
            columns.show(table)
        else:
            st.json(found, expanded=2)
    except untrusted.UnreadableFileError as error:
        st.text(str(error))
        st.code(_decoded(content), language=None, wrap_lines=True, height=480)


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
