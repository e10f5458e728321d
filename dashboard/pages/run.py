"""Run: everything about one run, and the few things that may be changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import editing, view_state, watch
from dashboard.artifacts import files
from dashboard.curves import panels
from dashboard.queries import records, run_lists
from dashboard.view import only
from dashboard.widgets import (
    failure,
    html,
    markdown,
    media,
    run_files,
    run_head,
    run_values,
    try_it,
)
from dashboard.widgets.run_choice import ask_for_runs
from tracker.exceptions import TrackerError
from tracker.tags import MLFLOW_GIT_COMMIT, TRACKER_COMMAND
from tracker.text import MISSING, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboard.view import View
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

DIFF_FILE, PACKAGES_FILE = "environment/uncommitted.diff", "environment/packages.txt"
EDITED = "note_edited"
# What links of earlier editions call the parts.
EARLIER = {"Values": "Overview", "Artifacts": "Files"}


def show(view: View) -> None:
    """One run: why it failed, its values, curves, files, output, code; what may be changed."""
    run_id = view.run_id
    if run_id is None:
        st.title("Run")
        ask_for_runs(view, "science", "Choose a run in the run list.")
        return
    run = view.listing.runs.by_id[run_id]
    tags = records.tags_of_run(view.source, run_id)
    run_head.show(view, run, tags)
    _in_use(view, run_id)
    failure.show(_store(view, run_id), str(run["status"]), tags)
    if run["lifecycle_stage"] != "deleted":
        _note(view, run_id, tags.get(editing.NOTE, ""))
    _family(view, run_id, tags)
    _parts(view, run_id, tags)
    if run["status"] == "RUNNING":
        watch.follow(view)


def _parts(view: View, run_id: str, tags: Mapping[str, str]) -> None:
    parts: dict[str, Callable[[], None]] = {
        "Overview": partial(_overview, view, run_id, tags),
        "Curves": partial(_curves, view, run_id),
        "Files": partial(_files, view, run_id),
        "Output": partial(_output, view, run_id),
        "Code and diff": partial(_code, view, run_id, tags),
    }
    if (store := _store(view, run_id)) is not None and try_it.keeps_network(store):
        parts["Try it"] = partial(_try, view, run_id)
    if (named := st.query_params.get("part")) in EARLIER:
        st.session_state["part"] = EARLIER[named]
    tabs = st.tabs(list(parts), key="part", bind="query-params", on_change="rerun")
    for tab, draw in zip(tabs, parts.values(), strict=True):
        with tab:
            if tab.open:
                draw()


def _try(view: View, run_id: str) -> None:
    """The pad, for this run's network alone."""
    try_it.show(only(view.source, [run_id]))


def _store(view: View, run_id: str) -> ArtifactStore | None:
    try:
        return view.store(run_id)
    except TrackerError:
        return None


def _in_use(view: View, run_id: str) -> None:
    """Before a run is deleted that a process works on: which, and whether anyway."""
    if st.session_state.get(run_head.IN_USE) != run_id:
        return
    if sentence := editing.user_of(view.source, [run_id]):
        st.warning(html.code_span(sentence), icon=":material/warning:")
        st.button(
            "Delete anyway",
            icon=":material/delete:",
            help="What its process logs from then on is refused, and lost.",
            on_click=partial(run_head.act, view, run_id, {"do": "delete", "force": True}),
        )


def _note(view: View, run_id: str, note: str) -> None:
    """The note; a field in its place while it is edited, which closes when it is saved."""
    if st.session_state.get(EDITED) == run_id:
        with st.form(f"note-{run_id}", border=False):
            written = st.text_area("Note, in Markdown", note, max_chars=8000, height=160)
            with st.container(horizontal=True):
                is_saved = st.form_submit_button("Save", type="primary")
                is_dropped = st.form_submit_button("Cancel")
        if is_saved and not editing.attempt(
            partial(editing.annotate, view.source, run_id, written.strip()), "Saved"
        ):
            return
        if is_saved or is_dropped:
            _edit("")
            st.rerun()
        return
    if note:
        markdown.show(note)
    st.button(
        "Edit note" if note else "Write a note",
        icon=":material/edit_note:",
        type="tertiary",
        on_click=_edit,
        args=(run_id,),
    )


def _edit(run_id: str) -> None:
    st.session_state[EDITED] = run_id


def _family(view: View, run_id: str, tags: Mapping[str, str]) -> None:
    """The ways to the run that this one belongs to, and to those that belong to it."""
    parent = run_lists.runs_by_id(view.source, (tags.get(run_lists.PARENT, ""),))
    children = records.children_of(view.source, run_id)
    if not len(parent) and not children:
        return
    with st.container(horizontal=True):
        if len(parent):
            above = str(parent["run_id"].iloc[0])
            name = str(parent["name"].iloc[0] or above[: run_lists.DIGITS_SHOWN])
            st.button(
                f"Part of {html.code_span(name)}",
                icon=":material/arrow_upward:",
                on_click=_turn_to,
                args=(above,),
            )
        if children:
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


def _overview(view: View, run_id: str, tags: Mapping[str, str]) -> None:
    run_values.show(view, run_id, tags)
    _inputs(view, run_id)
    try:
        found = files.listing(view.store(run_id))
    except TrackerError:
        return
    media.show(view, run_id, found)


def _inputs(view: View, run_id: str) -> None:
    used = records.datasets_of(view.source, (run_id,))
    if used.empty:
        return
    st.subheader("Data sets")
    names = {"name": "Data set", "context": "Used for", "rows": "Rows", "digest": "Digest"}
    grouped: dict[str, Any] = {"Rows": st.column_config.NumberColumn(format="localized")}
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


def _files(view: View, run_id: str) -> None:
    try:
        store = view.store(run_id)
        found: list[FileInfo] = files.listing(store)
    except TrackerError as error:
        html.empty("inventory_2", str(error))
        return
    if not found:
        html.empty("inventory_2", "This run keeps no artifact.")
        return
    run_files.show(store, run_id, found)


def _output(view: View, run_id: str) -> None:
    text = _read(view, run_id, failure.OUTPUT_FILE)
    if text:
        st.caption(plural(len(text.splitlines()), "line"))
        st.code(text, language=None, wrap_lines=True, height=600)
    else:
        html.empty(
            "terminal",
            "This run kept no output. The trainer does; your own code, so:",
            "with tracker.start_run(), tracker.capture_output(): ...",
        )


def _code(view: View, run_id: str, tags: Mapping[str, str]) -> None:
    if command := tags.get(TRACKER_COMMAND):
        st.subheader("Command")
        st.code(command, language="bash", wrap_lines=True)
    st.subheader("Uncommitted changes")
    commit = tags.get(MLFLOW_GIT_COMMIT, "")
    if diff := _read(view, run_id, DIFF_FILE):
        st.caption(f"On top of commit {html.code_span(commit)}" if commit else "")
        st.code(diff, language="diff", wrap_lines=True, height=480)
    else:
        said = f"None on top of commit {html.code_span(commit)}." if commit else "None are known."
        st.caption(said)
    if packages := _read(view, run_id, PACKAGES_FILE):
        st.subheader("Packages")
        st.code(packages, language=None, height=320)


def _read(view: View, run_id: str, path: str) -> str:
    store = _store(view, run_id)
    content = None if store is None else files.read_bytes(store, path)
    return "" if content is None else content.decode("utf-8", errors="replace")
