"""A small study on disk, as the trainer leaves one: four runs with histories and artifacts."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import random
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tracker.connection import Connection

SCHEMA = Path(__file__).parents[2] / "schema.sql"
BEGUN = 1_760_000_000_000
EPOCHS = 10
TEST_IMAGES = 1000
LAYERS = [
    "Sequential(",
    "  (0): Flatten(start_dim=1, end_dim=-1)",
    "  (1): Linear(in_features=784, out_features=10, bias=True)",
    ")",
]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {"hidden_size": 128, "max_samples": 60000, "top": 0.925, "blurred": 0.861},
    "small_hidden": {"hidden_size": 2, "max_samples": 60000, "top": 0.547, "blurred": 0.421},
    "small_dataset": {"hidden_size": 128, "max_samples": 100, "top": 0.188, "blurred": 0.187},
    "blurred_dataset": {"hidden_size": 128, "max_samples": 60000, "top": 0.876, "blurred": 0.892},
}


def connect(path: Path) -> sqlite3.Connection:
    fresh = not path.exists()
    connection = sqlite3.connect(path, isolation_level=None, factory=Connection)
    connection.execute("PRAGMA journal_mode = WAL")
    if fresh:
        connection.executescript(SCHEMA.read_text())
        add_experiment(connection, 0, "Default")
    return connection


def add_experiment(connection: sqlite3.Connection, number: int, name: str) -> None:
    connection.execute(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
        " creation_time, last_update_time) VALUES (?, ?, ?, 'active', ?, ?)",
        (number, name, f"artifacts/{number}", BEGUN, BEGUN),
    )


def add_run(
    connection: sqlite3.Connection,
    name: str,
    *,
    experiment: int = 1,
    status: str = "FINISHED",
    begun: int = BEGUN,
    uri: str | None = None,
) -> str:
    count = connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    run_id = hashlib.md5(f"{name}{count}".encode(), usedforsecurity=False).hexdigest()
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
        " status, start_time, end_time, source_version, lifecycle_stage, artifact_uri,"
        " experiment_id) VALUES (?, ?, 'UNKNOWN', '', '', 'ada', ?, ?, ?, '', 'active', ?, ?)",
        (
            run_id,
            name,
            status,
            begun,
            None if status == "RUNNING" else begun + 8_000,
            uri or f"artifacts/{experiment}/{run_id}/artifacts",
            experiment,
        ),
    )
    add_tag(connection, run_id, "mlflow.runName", name)
    return run_id


def add_tag(connection: sqlite3.Connection, run_id: str, key: str, value: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, run_id)
    )


def add_param(connection: sqlite3.Connection, run_id: str, key: str, value: object) -> None:
    connection.execute(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", (key, str(value), run_id)
    )


def add_metric(
    connection: sqlite3.Connection, run_id: str, key: str, values: list[float], first: int = 1
) -> None:
    rows = [
        (key, *stored(value), BEGUN + 800 * (first + index), run_id, first + index)
        for index, value in enumerate(values)
    ]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO metrics (key, value, is_nan, timestamp, run_uuid, step)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.execute(
        "INSERT OR REPLACE INTO latest_metrics (key, value, is_nan, timestamp, run_uuid, step)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows[-1],
    )
    connection.execute("COMMIT")


def stored(value: float) -> tuple[float, int]:
    if math.isnan(value):
        return 0.0, 1
    if math.isinf(value):
        return math.copysign(1.7976931348623157e308, value), 0
    return value, 0


def add_dataset(
    connection: sqlite3.Connection, run_id: str, name: str, digest: str, context: str, rows: int
) -> None:
    uuid = hashlib.md5(f"{name}{digest}".encode(), usedforsecurity=False).hexdigest()
    link = hashlib.md5(f"{uuid}{run_id}".encode(), usedforsecurity=False).hexdigest()
    connection.execute(
        "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest,"
        " dataset_source_type, dataset_source, dataset_schema, dataset_profile)"
        " VALUES (?, 1, ?, ?, 'local', ?, NULL, ?)",
        (uuid, name, digest, json.dumps({"uri": "data"}), json.dumps({"num_rows": rows})),
    )
    connection.execute(
        "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)"
        " VALUES (?, 'DATASET', ?, 'RUN', ?)",
        (link, uuid, run_id),
    )
    connection.execute(
        "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, 'mlflow.data.context', ?)",
        (link, context),
    )


def build_study(folder: Path) -> Path:
    """The four configurations, finished, with everything the trainer writes."""
    database = folder / "tracking.db"
    connection = connect(database)
    add_experiment(connection, 1, "MNIST_Experiments")
    for position, (name, made) in enumerate(CONFIGURATIONS.items()):
        run_id = add_run(connection, f"{name}_{position:08x}", begun=BEGUN + position * 60_000)
        add_tag(connection, run_id, "configuration", name)
        _log(connection, run_id, made, random.Random(position))
        root = folder / "artifacts" / "1" / run_id / "artifacts"
        _write_datasets(root, made)
        _write_model(root)
        for split, accuracy in (("test", made["top"]), ("test_blurred", made["blurred"])):
            _write_evaluation(root, split, accuracy, random.Random(position))
        _write_summary(root, made)
    connection.close()
    return database


def _log(connection: sqlite3.Connection, run_id: str, made: dict[str, Any], dice: Any) -> None:
    for key in ("hidden_size", "max_samples"):
        add_param(connection, run_id, key, made[key])
    fixed = {"batch_size": 64, "learning_rate": 0.01, "max_epochs": EPOCHS, "optimizer": "sgd"}
    for key, value in fixed.items():
        add_param(connection, run_id, key, value)
    for part, shift in (("train", 0.01), ("val", 0.0)):
        rise = [
            made["top"] * (1 - math.exp(-0.5 * epoch)) + shift + dice.gauss(0, 0.003)
            for epoch in range(1, EPOCHS + 1)
        ]
        add_metric(connection, run_id, f"{part}_accuracy", rise)
        add_metric(connection, run_id, f"{part}_loss", [2.3 * (1.05 - value) for value in rise])
    for key, value in (("test", made["top"]), ("test_blurred", made["blurred"])):
        add_metric(connection, run_id, f"{key}_accuracy", [value], EPOCHS)
        add_metric(connection, run_id, f"{key}_loss", [2.3 * (1.05 - value)], EPOCHS)
    add_dataset(connection, run_id, "mnist-train", "1f2e3d4c", "train", made["max_samples"])
    add_dataset(connection, run_id, "mnist-test", "5a6b7c8d", "test", 10_000)


def digit(value: int, size: int = 28) -> Image.Image:
    image = Image.new("L", (size, size), 0)
    ImageDraw.Draw(image).text((size // 2 - 4, size // 2 - 7), str(value), fill=255)
    return image


def sprite(count: int, *, blurred: bool) -> Image.Image:
    sheet = Image.new("L", (280, 28 * -(-count // 10)), 0)
    for index in range(count):
        sheet.paste(digit(index % 10), (index % 10 * 28, index // 10 * 28))
    return sheet.filter(ImageFilter.GaussianBlur(1.5)) if blurred else sheet


def _write_datasets(root: Path, made: dict[str, Any]) -> None:
    samples = root / "datasets" / "samples"
    samples.mkdir(parents=True)
    sprite(40, blurred=False).save(samples / "sharp.png")
    sprite(40, blurred=True).save(samples / "blurred.png")
    (root / "datasets" / "mnist_train.pt").write_bytes(b"\0" * 200_000)
    write_images(root / "datasets" / "mnist_test.pt", TEST_IMAGES)
    splits = {
        name: {"context": context, "class_counts": [rows // 10] * 10, "file": file}
        for name, context, rows, file in (
            ("mnist-train", "train", made["max_samples"], "mnist_train.pt"),
            ("mnist-test", "test", TEST_IMAGES, "mnist_test.pt"),
        )
    }
    described = {"name": "mnist", "source": "mnist", "blur_sigma": 2.0, "splits": splits}
    (root / "datasets" / "dataset_metadata.json").write_text(json.dumps(described))
    listed = {"indices": list(range(40)), "labels": [index % 10 for index in range(40)]}
    (root / "datasets" / "samples.json").write_text(json.dumps(listed))


def write_images(file: Path, count: int) -> None:
    """A file laid out as torch.save lays out uint8 images and int64 labels."""
    pixels = b"".join(digit(index % 10).tobytes() for index in range(10)) * (count // 10)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
        archive.writestr("archive/data/0", pixels)
        archive.writestr("archive/data/1", b"\0" * 8 * count)


def _write_model(root: Path) -> None:
    (root / "model").mkdir()
    weights = np.stack([np.asarray(digit(value), dtype=np.float32).ravel() for value in range(10)])
    weights = weights / np.linalg.norm(weights, axis=1, keepdims=True) / 5
    arrays = {"1.weight": weights, "1.bias": np.zeros(10, dtype=np.float32)}
    np.savez(root / "model" / "weights.npz", **arrays)
    for name in ("best.pt", "last.pt"):
        (root / "model" / name).write_bytes(b"\0" * 50_000)
    (root / "model" / "model_card.json").write_text(json.dumps({"layers": LAYERS}))


def _write_evaluation(root: Path, split: str, accuracy: float, dice: Any) -> None:
    folder = root / "evaluation"
    folder.mkdir(exist_ok=True)
    counts = [[0] * 10 for _ in range(10)]
    with gzip.open(folder / f"predictions_{split}.csv.gz", "wt", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["index", "label", "prediction", "confidence", "loss"])
        for index in range(1000):
            label = index % 10
            guess = label if dice.random() < accuracy else dice.randrange(10)
            counts[label][guess] += 1
            sure = round(dice.uniform(0.3, 1.0), 4)
            loss = -math.log(sure if guess == label else 1.01 - sure)
            writer.writerow([index, label, guess, sure, round(loss, 4)])
    (folder / f"confusion_{split}.json").write_text(
        json.dumps({"labels": list(range(10)), "counts": counts})
    )
    sprite(20, blurred=split == "test_blurred").save(folder / f"images_{split}.png")
    pictures = [
        {
            "kind": "best" if index < 10 else "worst",
            "index": index * 7,
            "label": index % 10,
            "prediction": index % 10 if index < 10 else (index + 3) % 10,
            "confidence": 0.99 - index / 100,
            "position": index,
        }
        for index in range(20)
    ]
    (folder / f"images_{split}.json").write_text(json.dumps(pictures))


def _write_summary(root: Path, made: dict[str, Any]) -> None:
    summary = {
        split: {
            "loss": 2.3 * (1.05 - accuracy),
            "accuracy": accuracy,
            "per_class": [
                {"label": label, "precision": accuracy, "recall": accuracy, "f1": accuracy}
                | {"support": 1000}
                for label in range(10)
            ],
            "calibration": {
                "bins": [
                    {"low": low / 10, "high": low / 10 + 0.1, "confidence": low / 10 + 0.05}
                    | {"accuracy": min(1.0, (low / 10 + 0.05) * 0.95), "count": 40 + 30 * low}
                    for low in range(10)
                ],
                "ece": 0.031,
            },
        }
        for split, accuracy in (("test", made["top"]), ("test_blurred", made["blurred"]))
    }
    (root / "evaluation" / "summary.json").write_text(json.dumps(summary))
