"""What a run's evaluation left among its artifacts, parsed; a file of another shape is no file."""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import untrusted
from dashboard.artifacts import files, scores
from dashboard.artifacts.files import FileKey, file_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

SPLITS = {"test": "Sharp", "test_blurred": "Blurred"}
FOLDER = "evaluation"
SUMMARY = f"{FOLDER}/summary.json"
OF_A_SPLIT = re.compile(
    r"(?:confusion_(?=.*\.json$)|predictions_(?=.*\.(?:csv\.gz|csv|json)$))([^.]+)\..*"
)
# Of a table of predictions: the first is what the tracker's own `log_table` writes.
ENDINGS = (".json", ".csv.gz", ".csv")
MAX_SPLITS = 30
PREDICTION_COLUMNS = ["index", "label", "prediction", "confidence", "loss"]
BIN_COLUMNS = ["confidence", "accuracy", "count"]
MAX_ROWS = 200_000
MAX_INDEX = 100_000_000
MAX_PIXELS = 4_000_000
SIDE = 28


def title(split: str) -> str:
    """What a split is called on the page."""
    return SPLITS.get(split, split)


def results(store: ArtifactStore) -> dict[str, dict[str, Any]]:
    """Results by split: those of the summary, and splits that only have a file of their own.

    What was not recorded but follows from the other files is there, too. The study's own splits
    come first; thirty at most.
    """
    found = files.read_json(store, SUMMARY)
    summary = found if isinstance(found, dict) else {}
    named = {str(split): value for split, value in summary.items() if isinstance(value, dict)}
    alone: dict[str, dict[str, Any]] = {
        split: {} for split in _splits_with_files(store) or () if split not in named
    }
    ordered = sorted({**named, **alone}.items(), key=lambda item: item[0] not in SPLITS)
    return {split: _completed(store, split, value) for split, value in ordered[:MAX_SPLITS]}


def _completed(store: ArtifactStore, split: str, result: dict[str, Any]) -> dict[str, Any]:
    if "accuracy" in result and "calibration" in result:
        return result
    return scores.completed(result, matrix(store, split), predictions(store, split))


@untrusted.or_none
def _splits_with_files(store: ArtifactStore) -> list[str]:
    names = (PurePosixPath(info.path).name for info in store.list(FOLDER))
    return sorted({match[1] for name in names if (match := OF_A_SPLIT.fullmatch(name))})


@untrusted.or_none
def sureness(result: dict[str, Any]) -> tuple[float, float]:
    """The mean confidence of one split, and its expected calibration error, both in [0, 1]."""
    bins = calibration(result)
    share = bins["count"] / bins["count"].sum()
    gap = (bins["accuracy"] - bins["confidence"]).abs()
    if bins.empty:
        raise ValueError("no bins")
    return float((share * bins["confidence"]).sum()), float((share * gap).sum())


@untrusted.or_none
def accuracy(result: dict[str, Any]) -> float | None:
    """The accuracy of one split, in [0, 1]; None where there is none."""
    value = float(result["accuracy"])
    return value if math.isfinite(value) else None


def calibration(result: dict[str, Any]) -> pd.DataFrame:
    """Calibration by bin: confidence, accuracy, count; may be empty."""
    bins = _bins(result)
    if bins is None:
        return pd.DataFrame(columns=BIN_COLUMNS)
    return bins[bins["count"] > 0]


@untrusted.or_none
def _bins(result: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(result["calibration"]["bins"])[BIN_COLUMNS].astype("float64")


def per_class(store: ArtifactStore, split: str, result: dict[str, Any]) -> pd.DataFrame | None:
    """The scores of each class of a split, recorded or counted: see `scores.SCORES`."""
    recorded = scores.recorded_per_class(result)
    if recorded is not None:
        return recorded
    counts = matrix(store, split)
    return None if counts is None else scores.per_class(counts)


def matrix(store: ArtifactStore, split: str) -> pd.DataFrame | None:
    """The confusion matrix of a split, recorded or counted: label, prediction, count, rate."""
    recorded = confusion(store, split)
    if recorded is not None:
        return recorded
    table = predictions(store, split)
    counts = None if table is None else scores.confusion(table)
    if counts is None:
        return None
    total = counts.groupby("label")["count"].transform("sum")
    return counts.assign(rate=counts["count"] / total.clip(lower=1))


@untrusted.or_none
def confusion(store: ArtifactStore, split: str) -> pd.DataFrame | None:
    """Counts of a split: label, prediction, count, rate (of the label's images)."""
    found = files.read_json(store, f"evaluation/confusion_{split}.json")
    labels = [str(label) for label in found["labels"]]
    counts = np.asarray(found["counts"], dtype=np.int64)
    if counts.shape != (len(labels), len(labels)) or not labels:
        return None
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs = [(label, guess) for label in labels for guess in labels]
    table = pd.DataFrame(pairs, columns=["label", "prediction"])
    return table.assign(count=counts.ravel(), rate=rates.ravel())


def predictions(store: ArtifactStore, split: str) -> pd.DataFrame | None:
    """What the model said of every example of a split, by index: PREDICTION_COLUMNS.

    Only label and prediction are needed: an index is counted, the others are NaN.
    """
    for ending in ENDINGS:
        key = file_key(store, f"{FOLDER}/predictions_{split}{ending}")
        if key is not None:
            return _predictions(key)
    return None


@st.cache_data(show_spinner=False, max_entries=64)
@untrusted.or_none
def _predictions(key: FileKey) -> pd.DataFrame | None:
    with Path(key.path).open("rb") as stream:
        if key.path.endswith(".json"):
            found = untrusted.parsed(stream.read(untrusted.MAX_TABLE_BYTES), key.path)
            table = pd.DataFrame(found["data"][:MAX_ROWS], columns=found["columns"])
        else:
            is_zipped = key.path.endswith(".gz")
            table = untrusted.table(stream, key.path, MAX_ROWS, gzipped=is_zipped)
    if "index" not in table:
        table["index"] = range(len(table))
    table = table.astype({"label": "str", "prediction": "str"}).reindex(columns=PREDICTION_COLUMNS)
    table = table.astype({"index": "int64", "confidence": "float64", "loss": "float64"})
    table = table[table["index"].between(0, MAX_INDEX)]
    return None if table.empty else table.set_index("index", drop=False)


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
    return _examples(store, split) or []


@untrusted.or_none
def _examples(store: ArtifactStore, split: str) -> list[Example]:
    sprite_key = file_key(store, f"evaluation/images_{split}.png")
    listed = files.read_json(store, f"evaluation/images_{split}.json")
    tiles = (_tiles(sprite_key) if sprite_key else None) or []
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


@st.cache_data(show_spinner=False, max_entries=64)
@untrusted.or_none
def _tiles(key: FileKey) -> list[NDArray[np.uint8]]:
    """A sprite of 28 by 28 pixel tiles in rows, taken apart."""
    with Path(key.path).open("rb") as stream:
        image = untrusted.picture(stream.read(files.MAX_PICTURE_BYTES), key.path, MAX_PIXELS)
    sheet = np.asarray(image.convert("L"), dtype=np.uint8)
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
@untrusted.or_none
def _images(key: FileKey) -> NDArray[np.uint8] | None:
    with zipfile.ZipFile(key.path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    area = SIDE * SIDE
    if largest.compress_type != zipfile.ZIP_STORED or largest.file_size % area:
        return None
    offset = _content_offset(Path(key.path), largest)
    shape = (largest.file_size // area, SIDE, SIDE)
    return np.memmap(key.path, dtype=np.uint8, mode="r", offset=offset, shape=shape)


def _content_offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin: behind its local header (zip format, 4.3.7)."""
    with path.open("rb") as stream:
        stream.seek(member.header_offset + 26)
        name_length = int.from_bytes(stream.read(2), "little")
        extra_length = int.from_bytes(stream.read(2), "little")
    return member.header_offset + 30 + name_length + extra_length
