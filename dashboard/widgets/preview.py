"""An artifact shown as what it is: picture, sound, page, table, code or text; none ever acts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import untrusted
from dashboard.artifacts import files, pictures
from dashboard.widgets import columns, component, logged_table, markdown
from tracker.exceptions import TrackerError
from tracker.text import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

LANGUAGES = {
    "py": "python", "pyi": "python", "yaml": "yaml", "yml": "yaml", "toml": "toml", "diff": "diff",
    "patch": "diff", "sh": "bash", "js": "javascript", "ts": "typescript", "css": "css",
    "sql": "sql", "c": "c", "h": "c", "cpp": "cpp", "cu": "cpp", "rs": "rust", "go": "go",
    "java": "java", "ini": "ini", "cfg": "ini", "ipynb": "json", "xml": "xml", "tex": "latex",
    "r": "r", "jl": "julia",
}  # fmt: skip
KINDS = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp"), "picture"),
    **dict.fromkeys(("wav", "mp3", "ogg", "oga", "flac", "m4a"), "audio"),
    **dict.fromkeys(("mp4", "webm"), "video"),
    **dict.fromkeys(("html", "htm"), "html"),
    **dict.fromkeys(("md", "markdown"), "markdown"),
    **dict.fromkeys(LANGUAGES, "code"),
    "svg": "svg",
    "pdf": "pdf",
}
SOUND_TYPES = {"m4a": "audio/mp4", "mp3": "audio/mpeg", "oga": "audio/ogg"}
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MAX_ROWS = 1000
MAX_SHOWN_WIDTH = 640
MAX_SHOWN_HEIGHT = 2000
SNIFFED_BYTES = 4096


def look(path: str) -> str:
    """What a file of this name is shown as: 'picture', 'svg', 'table', …; empty for text.

    >>> look("a/B.PNG"), look("x.csv.gz"), look("LICENSE")
    ('picture', 'table', '')
    """
    return "table" if path.lower().endswith(TABLES) else KINDS.get(files.kind(path), "")


def show(store: ArtifactStore, artifact: FileInfo) -> None:
    """Show the beginning of an artifact, or say why it is not shown."""
    special: dict[str, Callable[[ArtifactStore, str], None]] = {
        "picture": image,
        "svg": _svg,
        "pdf": _pdf,
        "audio": _audio,
        "video": _video,
        "html": _html,
        "markdown": _markdown,
        "table": _table,
    }
    draw = special.get(look(artifact.path))
    try:
        if artifact.file_size == 0:
            st.caption("The file is empty.")
        elif draw:
            draw(store, artifact.path)
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
    content = _content(store, path, files.MAX_PICTURE_BYTES)
    picture = untrusted.picture(content, "The picture")
    st.caption(f"{picture.width} by {picture.height} pixels")
    width = min(2 * picture.width, MAX_SHOWN_WIDTH)
    if picture.width > MAX_SHOWN_WIDTH or picture.height > MAX_SHOWN_HEIGHT:
        picture.thumbnail((MAX_SHOWN_WIDTH, MAX_SHOWN_HEIGHT))
        st.image(picture, width=min(width, picture.width))
    else:
        st.image(content, width=width)


def _content(store: ArtifactStore, path: str, limit: int = files.MAX_READ_BYTES) -> bytes:
    with store.open(path) as stream:
        return stream.read(limit)


def _svg(store: ArtifactStore, path: str) -> None:
    """As an image: there, a drawing runs no script and fetches nothing."""
    content = base64.b64encode(_content(store, path)).decode()
    st.html(
        f'<img alt="The drawing" style="max-width:100%;max-height:70dvh"'
        f' src="data:image/svg+xml;base64,{content}">'
    )


def _pdf(store: ArtifactStore, path: str) -> None:
    key = f"page-{path}"
    page = pictures.pdf_page(store, path, int(st.session_state.get(key, 1)))
    if page.pages > 1:
        st.number_input(f"Page of {page.pages}", 1, page.pages, key=key, width=140)
    st.image(page.image, width="stretch")


def _audio(store: ArtifactStore, path: str) -> None:
    kind = files.kind(path)
    content = _content(store, path, files.MAX_PICTURE_BYTES)
    st.audio(content, format=SOUND_TYPES.get(kind, f"audio/{kind}"))


def _video(store: ArtifactStore, path: str) -> None:
    content = _content(store, path, files.MAX_PICTURE_BYTES)
    st.video(content, format=f"video/{files.kind(path)}")


def _html(store: ArtifactStore, path: str) -> None:
    page = {"html": _decoded(_content(store, path)), "title": f"The page {path}"}
    component.part("frame", "html-page", page)
    st.caption(
        "Scripts, links and whatever lies elsewhere are switched off. Download it for those."
    )


def _markdown(store: ArtifactStore, path: str) -> None:
    markdown.show(_decoded(_content(store, path)))


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
    head = _content(store, artifact.path)
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
