"""Run: everything about one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import files, literal, preview, queries
from dashboard.choice import choose_run
from dashboard.formats import duration, moment, number, size
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from dashboard.view import View
    from tracker.artifacts import ArtifactStore
    from tracker.entities import FileInfo

RESERVED = "mlflow."
ROWS_WITHOUT_SCROLL = 16
CHECKPOINTS = ("model/best.pt", "model/model.pt2", "model/last.pt")


def show(view: View) -> None:
    """One run: facts, parameters, metrics, tags, artifacts."""
    if view.runs.empty:
        st.title("Run")
        literal.empty("🔬", "Choose a run in the sidebar.")
        return
    run_id = choose_run(view, "Run", "run")
    run = view.runs.set_index("run_id", drop=False).T[run_id]
    tags = queries.tags_of(view.source, (run_id,)).set_index("key")["value"]
    literal.heading(str(run["name"] or run_id), str(run["status"]), run_id)
    note = tags.get("mlflow.note.content")
    if note:
        st.text(note)
    with st.container(border=True):
        literal.facts(_facts(run, tags))
    values, artifacts = st.tabs(["Values", "Artifacts"])
    with values:
        _values(view, run_id, tags)
    with artifacts:
        _artifacts(view, run_id)


def _facts(run: pd.Series[Any], tags: pd.Series[str]) -> list[tuple[str, str]]:
    begun, ended = run["start_time"], run["end_time"]
    facts = [
        ("Started", moment(int(begun))),
        ("Ended", moment(None if pd.isna(ended) else int(ended))),
        ("Duration", duration(run["seconds"])),
        ("User", str(run["user_id"] or "")),
        ("Source", str(tags.get("mlflow.source.name", ""))),
        ("Commit", str(tags.get("mlflow.source.git.commit", ""))[:12]),
    ]
    return [(name, value) for name, value in facts if value]


def _values(view: View, run_id: str, tags: pd.Series[str]) -> None:
    left, right = st.columns(2)
    latest = queries.latest_of(view.source, (run_id,))
    params = queries.params_of(view.source, (run_id,))
    with left:
        st.subheader("Metrics")
        st.dataframe(
            pd.DataFrame(
                {
                    "Metric": latest["key"],
                    "Last value": [number(value) for value in latest["value"]],
                    "Step": latest["step"],
                }
            ),
            hide_index=True,
        )
    with right:
        st.subheader("Parameters")
        st.dataframe(
            pd.DataFrame({"Parameter": params["key"], "Value": params["value"]}), hide_index=True
        )
    st.subheader("Tags")
    own = tags[~tags.index.str.startswith(RESERVED)]
    st.dataframe(pd.DataFrame({"Tag": own.index, "Value": own.to_numpy()}), hide_index=True)
    _inputs(view, run_id)


def _inputs(view: View, run_id: str) -> None:
    used = queries.datasets_of(view.source, (run_id,))
    if used.empty:
        return
    st.subheader("Data sets")
    shown = used[["name", "context", "rows", "digest"]]
    shown.columns = ["Data set", "Used for", "Rows", "Digest"]
    st.dataframe(shown, hide_index=True)


def _artifacts(view: View, run_id: str) -> None:
    try:
        store = view.store(run_id)
        found = files.listing(store)
    except TrackerError as error:
        literal.empty("📦", str(error))
        return
    if not found:
        literal.empty("📦", "This run keeps no artifact.")
        return
    _checkpoints(run_id, found)
    left, right = st.columns([2, 3])
    with left:
        chosen = _tree(run_id, found)
    with right:
        _chosen(store, run_id, chosen)


def _checkpoints(run_id: str, found: list[FileInfo]) -> None:
    present = {item.path: item for item in found}
    with st.container(horizontal=True):
        st.link_button("All as zip", files.zip_url(run_id), icon=":material/folder_zip:")
        for path in CHECKPOINTS:
            if path in present:
                st.link_button(
                    f"{path.removeprefix('model/')} · {size(present[path].file_size)}",
                    files.url(run_id, path),
                    icon=":material/download:",
                    type="primary" if path == CHECKPOINTS[0] else "secondary",
                )


def _tree(run_id: str, found: list[FileInfo]) -> FileInfo:
    table = pd.DataFrame(
        {
            "Artifact": [item.path for item in found],
            "Size": [size(item.file_size) for item in found],
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"tree-{run_id}",
        on_select="rerun",
        selection_mode="single-row",
        height="content" if len(found) <= ROWS_WITHOUT_SCROLL else 560,
    )
    picked = event["selection"]["rows"]
    return found[picked[0] if picked else 0]


def _chosen(store: ArtifactStore, run_id: str, chosen: FileInfo) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(literal.code_span(chosen.path))
            st.link_button(
                f"Download · {size(chosen.file_size)}",
                files.url(run_id, chosen.path),
                icon=":material/download:",
            )
        preview.show(store, chosen)
