"""A run's files: the tree beside what one of them looks like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.artifacts import files
from dashboard.widgets import component, file_tree, html, media, preview
from tracker.text import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

KEY = "run-files"
CHECKPOINTS = ("model/best.pt", "model/data/model.pt2", "model/last.pt")
ICONS = {
    "picture": "image",
    "svg": "image",
    "pdf": "picture_as_pdf",
    "audio": "volume_up",
    "video": "movie",
    "html": "html",
    "markdown": "article",
    "table": "table",
    "code": "code",
}


def show(store: ArtifactStore, run_id: str, found: Sequence[FileInfo]) -> None:
    """Downloads, the tree, and the file that the address names.

    Args:
        store: The run's files.
        run_id: The run.
        found: The files; at least one.
    """
    _downloads(run_id, found)
    listed = media.without_twins(found)
    by_path = {item.path: item for item in listed}
    named = st.query_params.get("file", "")
    path = named if named in by_path else file_tree.first_file(listed)
    left, right = st.columns([2, 3])
    with left:
        _tree(run_id, listed, path)
    with right, st.container(border=True):
        _chosen(store, run_id, by_path[path])


def _downloads(run_id: str, found: Sequence[FileInfo]) -> None:
    present = {item.path: item for item in found}
    with st.container(horizontal=True):
        for path in CHECKPOINTS:
            if path in present:
                st.link_button(
                    f"{path.removeprefix('model/')} · {size(present[path].file_size)}",
                    files.url(run_id, path),
                    icon=":material/download:",
                    type="primary" if path == CHECKPOINTS[0] else "secondary",
                )
        total = sum(item.file_size or 0 for item in found)
        label = f"All {len(found)} files as zip · {size(total)}"
        st.link_button(label, files.zip_url(run_id), icon=":material/folder_zip:")


def _tree(run_id: str, listed: Sequence[FileInfo], path: str) -> None:
    rows = [
        {
            "path": row.path,
            "name": row.name,
            "size": size(row.size),
            "depth": row.depth,
            "folder": row.is_folder,
            "icon": "folder" if row.is_folder else ICONS.get(preview.look(row.path), "draft"),
            "thumb": files.picture_url(run_id, row.path) if _has_thumb(row) else "",
        }
        for row in file_tree.rows(listed)
    ]
    data = {
        "run": run_id,
        "chosen": path,
        "closed": sorted(file_tree.closed_at_first(listed)),
        "rows": rows,
    }
    component.part("files", KEY, data, on_event_change=_take)


def _has_thumb(row: file_tree.Row) -> bool:
    return not row.is_folder and preview.look(row.path) == "picture"


def _take() -> None:
    """Write the clicked file into the address, which decides what is shown."""
    if event := component.event(KEY):
        st.query_params["file"] = str(event["path"])


def _chosen(store: ArtifactStore, run_id: str, chosen: FileInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(html.code_span(chosen.path))
        st.link_button(
            f"Download · {size(chosen.file_size)}",
            files.url(run_id, chosen.path),
            icon=":material/download:",
        )
    st.fragment(partial(preview.show, store, chosen))()
