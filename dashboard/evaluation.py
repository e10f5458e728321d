"""What a run's evaluation left among its artifacts, parsed; a file of another shape is no file."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from dashboard import files
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

SPLITS = {"test": "Sharp", "test_blurred": "Blurred"}
SUMMARY = "evaluation/summary.json"
PREDICTION_COLUMNS = ["index", "label", "prediction", "confidence", "loss"]
MAX_ROWS = 200_000
SIDE = 28


@dataclass(frozen=True)
class FileKey:
    """One state of one file: the key under which what was parsed is cached."""

    path: str
    modified: int


def file_key(store: ArtifactStore, path: str) -> FileKey | None:
    """The key of an artifact, or None where there is none."""
    try:
        found = store.local_path(path)
        return FileKey(str(found), found.stat().st_mtime_ns)
    except (TrackerError, OSError):
        return None


def summary(store: ArtifactStore) -> dict[str, dict[str, Any]]:
    """Results by split, for the splits this dashboard knows."""
    found = files.read_json(store, SUMMARY)
    if not isinstance(found, dict):
        return {}
    return {split: found[split] for split in SPLITS if isinstance(found.get(split), dict)}


def accuracy(result: dict[str, Any]) -> float | None:
    """The accuracy of one split, in [0, 1]."""
    value = result.get("accuracy")
    return float(value) if isinstance(value, int | float) else None


def calibration(result: dict[str, Any]) -> pd.DataFrame:
    """How right the model was when how sure: confidence, accuracy, count; may be empty."""
    columns = ["confidence", "accuracy", "count"]
    try:
        bins = pd.DataFrame(result["calibration"]["bins"])[columns].astype("float64")
    except (KeyError, TypeError, ValueError):
        return pd.DataFrame(columns=columns)
    return bins[bins["count"] > 0]


def confusion(store: ArtifactStore, split: str) -> pd.DataFrame | None:
    """Counts of a split: label, prediction, count, rate (of the label's images)."""
    found = files.read_json(store, f"evaluation/confusion_{split}.json")
    try:
        labels = [str(label) for label in found["labels"]]
        counts = np.asarray(found["counts"], dtype=np.int64)
    except (KeyError, TypeError, ValueError):
        return None
    if counts.shape != (len(labels), len(labels)) or not labels:
        return None
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs = [(label, guess) for label in labels for guess in labels]
    table = pd.DataFrame(pairs, columns=["label", "prediction"])
    return table.assign(count=counts.ravel(), rate=rates.ravel())


def predictions(store: ArtifactStore, split: str) -> pd.DataFrame | None:
    """What the model said of every image of a split, by index: PREDICTION_COLUMNS."""
    key = file_key(store, f"evaluation/predictions_{split}.csv.gz")
    return None if key is None else _predictions(key)


@st.cache_data(show_spinner=False, max_entries=64)
def _predictions(key: FileKey) -> pd.DataFrame | None:
    try:
        table = pd.read_csv(key.path, compression="gzip", nrows=MAX_ROWS)
        table = table[PREDICTION_COLUMNS].astype({"index": "int64", "confidence": "float64"})
    except (OSError, EOFError, ValueError, KeyError):
        return None
    return table.astype({"label": "str", "prediction": "str"}).set_index("index", drop=False)


@dataclass(frozen=True)
class Example:
    """One image and what the model made of it."""

    pixels: NDArray[np.uint8]
    kind: str
    label: str
    prediction: str
    confidence: float
    index: int


def examples(store: ArtifactStore, split: str) -> list[Example]:
    """The best and the worst predictions of a split, with their images."""
    sprite_key = file_key(store, f"evaluation/images_{split}.png")
    listed = files.read_json(store, f"evaluation/images_{split}.json")
    if sprite_key is None or not isinstance(listed, list):
        return []
    tiles = _tiles(sprite_key)
    try:
        return [
            Example(
                tiles[int(item["position"])],
                str(item["kind"]),
                str(item["label"]),
                str(item["prediction"]),
                float(item["confidence"]),
                int(item["index"]),
            )
            for item in listed[: len(tiles)]
        ]
    except (KeyError, TypeError, ValueError, IndexError):
        return []


@st.cache_data(show_spinner=False, max_entries=64)
def _tiles(key: FileKey) -> list[NDArray[np.uint8]]:
    """A sprite of 28 by 28 pixel tiles in rows, taken apart."""
    try:
        with Image.open(key.path) as image:
            sheet = np.asarray(image.convert("L"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError):
        return []
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    return [
        sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        for row in range(rows)
        for column in range(columns)
    ]


def image_set(store: ArtifactStore, split: str) -> NDArray[np.uint8] | None:
    """All images of a split, (N, 28, 28) uint8, read where they lie; None where they do not.

    A `.pt` file is a zip whose largest uncompressed member is the images' memory: no torch needed.
    """
    described = files.read_json(store, "datasets/dataset_metadata.json")
    entry = _test_entry(described, blurred=split == "test_blurred")
    key = file_key(store, f"datasets/{entry.get('file')}") if entry else None
    return None if key is None else _images(key)


def _test_entry(described: Any, *, blurred: bool) -> dict[str, Any]:
    splits = described.get("splits") if isinstance(described, dict) else None
    for entry in splits.values() if isinstance(splits, dict) else ():
        if isinstance(entry, dict) and entry.get("context") == "test":
            whole = isinstance(entry.get("file"), str) and not entry.get("subset")
            if whole and bool(entry.get("blur_sigma")) == blurred:
                return dict(entry)
    return {}


@st.cache_resource(show_spinner=False, max_entries=8)
def _images(key: FileKey) -> NDArray[np.uint8] | None:
    try:
        with zipfile.ZipFile(key.path) as archive:
            largest = max(archive.infolist(), key=lambda member: member.file_size)
            offset = _content_offset(Path(key.path), largest)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    area = SIDE * SIDE
    if largest.compress_type != zipfile.ZIP_STORED or largest.file_size % area:
        return None
    shape = (largest.file_size // area, SIDE, SIDE)
    return np.memmap(key.path, dtype=np.uint8, mode="r", offset=offset, shape=shape)


def _content_offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin: behind its local header (zip format, 4.3.7)."""
    with path.open("rb") as stream:
        stream.seek(member.header_offset + 26)
        name_length = int.from_bytes(stream.read(2), "little")
        extra_length = int.from_bytes(stream.read(2), "little")
    return member.header_offset + 30 + name_length + extra_length
