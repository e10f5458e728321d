"""Run: everything about one run, and the few things that may be changed."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import editing, metrics, view_state, watch
from dashboard.artifacts import files
from dashboard.curves import panels
from dashboard.queries import extremes, records, run_lists
from dashboard.view import only
from dashboard.widgets import columns, failure, file_tree, html, media, preview
from dashboard.widgets.run_choice import ask_for_runs
from tracker.exceptions import TrackerError
from tracker.tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME
from tracker.text import MISSING, duration, local_time, number, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.view import View
    from dashboard.widgets.columns import Column
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

RESERVED = ("mlflow.", "tracker.")
ROWS_WITHOUT_SCROLL = 40
NAME_WIDTH, SIZE_WIDTH = 210, 86
CHECKPOINTS = ("model/best.pt", "model/data/model.pt2", "model/last.pt")
COMMIT_SHOWN = 12


def show(view: View) -> None:
    """One run: facts, parameters, metrics, tags, artifacts, and what may be changed."""
    run_id = view.run_id
    if run_id is None:
        st.title("Run")
        ask_for_runs(view, "science", "Choose a run in the run list.")
        return
    run = view.listing.runs.by_id[run_id]
    tags = records.tags_of_run(view.source, run_id)
    is_deleted = run["lifecycle_stage"] == "deleted"
    html.heading(
        str(run["name"] or run_id), "DELETED" if is_deleted else str(run["status"]), run_id
    )
    failure.show(_store(view, run_id), str(run["status"]), tags)
    if tags.get(editing.NOTE):
        st.text(tags[editing.NOTE])
    _actions(view, run, tags, is_deleted=is_deleted)
    with st.container(border=True):
        html.facts(_facts(run, tags))
    tabs = ["Values", "Curves", "Artifacts"]
    values, curves, artifacts = st.tabs(tabs, key="part", bind="query-params", on_change="rerun")
    with values:
        if values.open:
            _values(view, run_id, tags)
    with curves:
        if curves.open:
            _curves(view, run_id)
    with artifacts:
        if artifacts.open:
            _artifacts(view, run_id)
    if run["status"] == "RUNNING":
        watch.follow(view)


def _store(view: View, run_id: str) -> ArtifactStore | None:
    try:
        return view.store(run_id)
    except TrackerError:
        return None


def _facts(run: Mapping[str, Any], tags: dict[str, str]) -> list[tuple[str, str]]:
    begun, ended = run["start_time"], run["end_time"]
    source = tags.get(MLFLOW_SOURCE_NAME, "")
    facts = [
        ("Started", local_time(int(begun))),
        ("Ended", local_time(None if pd.isna(ended) else int(ended))),
        ("Duration", duration(run["seconds"])),
        ("User", str(run["user_id"] or "")),
        ("Commit", tags.get(MLFLOW_GIT_COMMIT, "")[:COMMIT_SHOWN]),
        ("Source", "/".join(PurePosixPath(source).parts[-2:])),
    ]
    return [(name, value) for name, value in facts if value]


def _actions(view: View, run: Mapping[str, Any], tags: dict[str, str], *, is_deleted: bool) -> None:
    run_id = str(run["run_id"])
    with st.container(horizontal=True):
        if is_deleted:
            if st.button("Restore", icon=":material/restore_from_trash:"):
                _make(partial(editing.restore, view.source, [run_id]), "Restored")
            return
        with st.popover("Name and note", icon=":material/edit:"):
            _description(view, run, tags)
        with st.popover("Delete", icon=":material/delete:"):
            _deletion(view, run_id, is_running=run["status"] == "RUNNING")
        _family(view, run_id, tags)


def _deletion(view: View, run_id: str, *, is_running: bool) -> None:
    st.write("The run leaves every list. It can be restored here or by the command line.")
    force = False
    if is_running and (sentence := editing.user_of(view.source, [run_id])):
        st.warning(html.code_span(sentence), icon=":material/warning:")
        force = st.checkbox(
            "Delete anyway", help="What its process logs from then on is refused, and lost."
        )
    if st.button("Delete this run", type="primary"):
        change = partial(editing.delete, view.source, [run_id], force=force)
        _make(change, "Deleted")


def _family(view: View, run_id: str, tags: dict[str, str]) -> None:
    """The ways to the run that this one belongs to, and to those that belong to it."""
    parent = run_lists.runs_by_id(view.source, (tags.get(run_lists.PARENT, ""),))
    if len(parent):
        above = str(parent["run_id"].iloc[0])
        name = str(parent["name"].iloc[0] or above[: run_lists.DIGITS_SHOWN])
        st.button(
            f"Part of {html.code_span(name)}",
            icon=":material/arrow_upward:",
            on_click=_turn_to,
            args=(above,),
        )
    if children := records.children_of(view.source, run_id):
        noun = "run" if len(children) == 1 else f"{len(children)} runs"
        st.button(
            f"Show the {noun} inside",
            icon=":material/visibility:",
            help="The runs that belong to this one, on every page.",
            on_click=_show,
            args=([run_id, *children],),
        )


def _turn_to(run_id: str) -> None:
    view_state.current().run = run_id


def _show(run_ids: list[str]) -> None:
    view_state.current().show(run_ids)


def _description(view: View, run: Mapping[str, Any], tags: dict[str, str]) -> None:
    run_id = str(run["run_id"])
    with st.form(f"describe-{run_id}", border=False):
        name = st.text_input("Name", str(run["name"] or ""), max_chars=250)
        note = st.text_area("Note", tags.get(editing.NOTE, ""), max_chars=8000, height=140)
        if st.form_submit_button("Save", type="primary"):
            change = partial(editing.describe, view.source, run_id, name, note)
            _make(change, "Saved")


def _make(change: partial[None], done: str) -> None:
    if editing.attempt(change, done):
        st.rerun()


def _values(view: View, run_id: str, tags: dict[str, str]) -> None:
    left, right = st.columns([3, 2])
    params = records.params_of(view.source, (run_id,))
    with left:
        st.subheader("Metrics")
        columns.show(_metrics(view, run_id))
    with right:
        st.subheader("Parameters")
        shown = {
            "key": columns.plain("Parameter", params["key"]),
            "value": columns.plain("Value", params["value"]),
        }
        columns.show(shown)
    _tags(view, run_id, tags)
    _inputs(view, run_id)


def _metrics(view: View, run_id: str) -> dict[str, Column]:
    """The last and the best value of each metric, the telling metrics first."""
    latest = records.latest_of(view.source, (run_id,)).set_index("key")
    order = metrics.ranked(latest.index)
    latest = latest.reindex(order)
    best = extremes.best_of(view.source, run_id)
    found = [best.get(key) for key in order]
    if latest["value"].notna().all():
        last = columns.number("Last", latest["value"], number)
    else:  # A table shows a NaN among numbers as nothing.
        last = columns.plain("Last", map(number, latest["value"]), alignment="right")
    return {
        "key": columns.plain("Metric", order),
        "last": last,
        "step": columns.number("Step", latest["step"]),
        "best": columns.number("Best", [one and one.value for one in found], number),
        "best_step": columns.number("At step", [one and one.step for one in found]),
    }


def _tags(view: View, run_id: str, tags: dict[str, str]) -> None:
    """The run's own tags, edited in place, and MLflow's, which are not."""
    st.subheader("Tags")
    own = {key: value for key, value in tags.items() if not key.startswith(RESERVED)}
    before = pd.DataFrame({"Tag": list(own), "Value": list(own.values())}, dtype="str")
    edited = st.data_editor(
        before,
        num_rows="dynamic",
        hide_index=True,
        key=f"tags-{run_id}-{hash(tuple(own.items()))}",
        width="stretch",
    )
    kept = edited.dropna(subset=["Tag"]).fillna("")
    after = dict(zip(kept["Tag"], kept["Value"], strict=True))
    if after != own and st.button("Save tags", type="primary", icon=":material/save:"):
        _make(partial(editing.replace_tags, view.source, run_id, own, after), "Tags saved")
    reserved = {key: value for key, value in tags.items() if key.startswith(RESERVED)}
    if reserved:
        with st.expander(f"Written by the tracker ({len(reserved)})"):
            table = pd.DataFrame({"Tag": list(reserved), "Value": list(reserved.values())})
            st.dataframe(table, hide_index=True, placeholder=MISSING)


def _inputs(view: View, run_id: str) -> None:
    used = records.datasets_of(view.source, (run_id,))
    if used.empty:
        return
    st.subheader("Data sets")
    names = {"name": "Data set", "context": "Used for", "rows": "Rows", "digest": "Digest"}
    grouped = {"Rows": st.column_config.NumberColumn(format="localized")}
    st.dataframe(
        used[list(names)].rename(columns=names),
        hide_index=True,
        placeholder=MISSING,
        column_config=grouped,
    )


def _curves(view: View, run_id: str) -> None:
    alone = only(view.source, [run_id])
    subjects = panels.subjects(alone)
    if not subjects:
        st.caption("No metric was logged more than once.")
        return
    panels.grid(alone, subjects, "run")


def _artifacts(view: View, run_id: str) -> None:
    try:
        store = view.store(run_id)
        found = files.listing(store)
    except TrackerError as error:
        html.empty("inventory_2", str(error))
        return
    if not found:
        html.empty("inventory_2", "This run keeps no artifact.")
        return
    _checkpoints(run_id, found)
    media.show(view, run_id, found)
    left, right = st.columns([2, 3])
    with left:
        chosen = _tree(run_id, media.without_twins(found))
    with right:
        _chosen(store, run_id, chosen)


def _checkpoints(run_id: str, found: list[FileInfo]) -> None:
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


def _tree(run_id: str, found: list[FileInfo]) -> FileInfo:
    """The tree of files; returns the one that the address names, whose row is ticked."""
    files_by_path = {item.path: item for item in found}
    named = st.query_params.get("file", "")
    path = named if named in files_by_path else file_tree.first_file(found)
    closed = _closed_folders(run_id, found, path)
    shown = file_tree.rows(found, closed)
    ticked = file_tree.row_of(shown, path)
    key = _tree_key(run_id, path)
    columns.show(
        {
            "name": columns.plain("Artifact", [row.label for row in shown], width=NAME_WIDTH),
            "size": columns.number("Size", [row.size for row in shown], size, width=SIZE_WIDTH),
        },
        key=key,
        on_select=partial(_take_row, key, run_id, shown, ticked),
        selection_mode="single-row",
        selection_default={"selection": {"rows": [ticked]}},
        # A folder that is turned makes the table anew, which would scroll it to its top.
        height="content" if len(shown) <= ROWS_WITHOUT_SCROLL else 640,
    )
    return files_by_path[path]


def _closed_folders(run_id: str, found: list[FileInfo], path: str) -> set[str]:
    """The folders that are closed; at first none above the file that is shown."""
    closed: dict[str, set[str]] = st.session_state.setdefault("closed_folders", {})
    if run_id not in closed:
        begun = file_tree.closed_at_first(found)
        closed[run_id] = {folder for folder in begun if not path.startswith(folder)}
    return closed[run_id]


def _tree_key(run_id: str, path: str) -> str:
    """A new key, and so a freshly ticked row, where another file was named than was clicked."""
    state = st.session_state
    if state.get("tree_knows") != (run_id, path):
        state["tree_knows"] = (run_id, path)
        state["tree_turn"] = state.get("tree_turn", 0) + 1
    return f"tree-{run_id}-{state['tree_turn']}"


def _take_row(key: str, run_id: str, shown: list[file_tree.Row], ticked: int) -> None:
    """Write the clicked file into the address, which decides what is shown; or turn a folder."""
    state = st.session_state
    rows = state[key]["selection"]["rows"]
    clicked = shown[rows[0] if rows else ticked]
    if clicked.is_folder:
        state["closed_folders"][run_id] ^= {clicked.path}
    elif rows:
        st.query_params["file"] = clicked.path
        state["tree_knows"] = (run_id, clicked.path)
        return
    del state["tree_knows"]


def _chosen(store: ArtifactStore, run_id: str, chosen: FileInfo) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(html.code_span(chosen.path))
            st.link_button(
                f"Download · {size(chosen.file_size)}",
                files.url(run_id, chosen.path),
                icon=":material/download:",
            )
        preview.show(store, chosen)
