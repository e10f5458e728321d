"""Data: what the selected runs were trained and tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.artifacts import files, shapes
from dashboard.palette import colors
from dashboard.queries import records
from dashboard.widgets import columns, html, images
from dashboard.widgets.columns import Column
from dashboard.widgets.run_choice import ask_for_runs, choose_run
from tracker.exceptions import TrackerError
from tracker.text import size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.view import View
    from tracker.entities import FileInfo
    from tracker.files import ArtifactStore

METADATA = "datasets/dataset_metadata.json"
DIGITS_SHOWN = 12
SPRITES = {"Sharp": "datasets/samples/sharp.png", "Blurred": "datasets/samples/blurred.png"}


def show(view: View) -> None:
    """Data sets used, class distribution, samples, and the files with their sizes."""
    st.title("Data")
    if view.runs.empty:
        ask_for_runs(view, "folder_open", "Choose runs in the run list to see their data.")
        return
    _inputs(view)
    run_id = choose_run(view, "Files and samples of", "data_of")
    try:
        store = view.store(run_id)
        found = files.listing(store)
    except TrackerError as error:
        html.empty("inventory_2", str(error))
        return
    _classes(store)
    _samples(store)
    _files(store, found, run_id)


def _inputs(view: View) -> None:
    used = records.datasets_of(view.source, view.run_ids)
    st.subheader("Data sets")
    if used.empty:
        st.caption("The selected runs name no data set.")
        return
    groups = used.groupby(["name", "digest"], sort=True, dropna=False)
    labels = view.labels
    runs = [sorted({labels[run_id] for run_id in group["run_id"]}) for _, group in groups]
    contexts = [sorted({str(c) for c in group["context"].dropna()}) for _, group in groups]
    first = [group.iloc[0] for _, group in groups]
    columns.show(
        {
            "name": columns.plain("Data set", [row["name"] for row in first]),
            "rows": columns.number("Rows", [row["rows"] for row in first]),
            "context": columns.plain("Used for", map(", ".join, contexts)),
            "digest": columns.plain("Digest", [row["digest"][:DIGITS_SHOWN] for row in first]),
            "source": columns.plain("Source", [row["source_type"] for row in first]),
            "runs": Column(pd.Series(runs), st.column_config.ListColumn("Runs", width="large")),
        }
    )


def _classes(store: ArtifactStore) -> None:
    counts = class_counts(files.read_json(store, METADATA))
    if counts.empty:
        return
    with st.container(border=True):
        st.subheader("Class distribution")
        splits = list(counts["split"].unique())
        shown = dict(zip(splits, colors(range(len(splits))), strict=True))
        html.legend(list(shown.items()))
        st.altair_chart(charts.bars(counts, "class", "images", "split", shown), key="classes")


def class_counts(metadata: Any) -> pd.DataFrame:
    """Class counts found in a data set description: class, images, split.

    Args:
        metadata: Parsed JSON in which each split has `class_counts`, a list or a mapping.
    """
    found: list[dict[str, Any]] = []
    for split, counts in _counted(metadata, ""):
        pairs = counts.items() if isinstance(counts, dict) else enumerate(counts)
        found.extend(
            {"class": str(label), "images": count, "split": split}
            for label, count in pairs
            if isinstance(count, int)
        )
    return pd.DataFrame(found, columns=["class", "images", "split"])


def _counted(node: Any, name: str) -> list[tuple[str, Mapping[str, Any] | list[Any]]]:
    """Every `class_counts` in a nested description, with the name of what holds it."""
    if not isinstance(node, dict):
        return []
    counts = node.get("class_counts")
    own = [(name or "all", counts)] if isinstance(counts, dict | list) else []
    if isinstance(counts, dict) and all(isinstance(v, dict | list) for v in counts.values()):
        own = [(str(split), inner) for split, inner in counts.items()]
    nested = [
        pair
        for key, value in node.items()
        if key != "class_counts"
        for pair in _counted(value, str(key))
    ]
    return own + nested


def _samples(store: ArtifactStore) -> None:
    sprites = {title: files.read_picture(store, path) for title, path in SPRITES.items()}
    present = {title: sprite for title, sprite in sprites.items() if sprite}
    if not present:
        return
    with st.container(border=True):
        st.subheader("Samples")
        for slot, (title, sprite) in zip(st.columns(len(present)), present.items(), strict=True):
            slot.caption(title)
            address = images.data_address(np.asarray(sprite))
            slot.html(f'<img alt="Samples, {title.lower()}" src="{address}" style="width:100%">')


def _files(store: ArtifactStore, listed: list[FileInfo], run_id: str) -> None:
    found = [item for item in listed if item.path.startswith("datasets/")]
    st.subheader("Files")
    if not found:
        st.caption("This run keeps no file under `datasets/`.")
        return
    strips = [shapes.samples(store, item.path) for item in found]
    drawn = [None if strip is None else images.data_address(strip) for strip in strips]
    table = {
        "path": columns.plain("File", [item.path for item in found]),
        "shape": columns.plain("Shape", [shapes.shape(store, item.path) for item in found]),
        "samples": Column(
            pd.Series(drawn, dtype="object"),
            st.column_config.ImageColumn("First images", width="large"),
        ),
        "size": columns.number("Size", [item.file_size for item in found], size),
        "url": Column(
            pd.Series([files.url(run_id, item.path) for item in found]),
            st.column_config.LinkColumn("Download", display_text=":material/download:"),
        ),
    }
    if not any(drawn):
        del table["samples"]
    columns.show(table)
    st.caption(f"Together {size(sum(item.file_size or 0 for item in found))}")
