"""An artifact shown as what it is: image, table, JSON or text; contents never act."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Literal

import pandas as pd
import streamlit as st
from PIL import Image, UnidentifiedImageError

from dashboard import files
from dashboard.formats import size
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

IMAGES = {"png", "jpg", "jpeg", "gif", "webp", "bmp"}
LANGUAGES = {"py": "python", "yaml": "yaml", "yml": "yaml", "toml": "toml", "diff": "diff"}
MAX_ROWS = 1000
MAX_IMAGE_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
MAX_SHOWN_WIDTH = 640
SNIFFED_BYTES = 4096


def show(store: ArtifactStore, artifact: FileInfo) -> None:
    """Show the beginning of an artifact, or say why it is not shown."""
    try:
        if files.kind(artifact.path) in IMAGES:
            _image(store, artifact.path)
        elif artifact.path.lower().endswith((".csv", ".tsv", ".csv.gz")):
            _table(store, artifact.path)
        else:
            _text(store, artifact)
    except (TrackerError, OSError, ValueError) as error:
        st.caption("This file cannot be shown.")
        st.text(str(error))


def _image(store: ArtifactStore, path: str) -> None:
    content = files.read_bytes(store, path, MAX_IMAGE_BYTES) or b""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("The image is too large to be shown; download it.")
            image.load()
            width = image.width
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ValueError("The file is not an image of the kind its name says.") from error
    st.image(content, width=min(2 * width, MAX_SHOWN_WIDTH))


def _table(store: ArtifactStore, path: str) -> None:
    separator = "\t" if ".tsv" in path.lower() else ","
    compression: Literal["gzip"] | None = "gzip" if path.lower().endswith(".gz") else None
    with store.open(path) as stream:
        frame = pd.read_csv(stream, sep=separator, nrows=MAX_ROWS, compression=compression)
    st.dataframe(frame, hide_index=True)
    if len(frame) == MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} rows.")


def _text(store: ArtifactStore, artifact: FileInfo) -> None:
    head = files.read_bytes(store, artifact.path) or b""
    if not head:
        st.caption("The file is empty.")
        return
    if b"\x00" in head[:SNIFFED_BYTES]:
        st.caption(f"Binary, {size(artifact.file_size)}.")
        return
    text = head.decode("utf-8", errors="replace")
    if files.kind(artifact.path) == "json" and len(head) == artifact.file_size:
        st.json(json.loads(text), expanded=2)
        return
    language = LANGUAGES.get(files.kind(artifact.path))
    st.code(text, language=language, wrap_lines=True, height=480)
