"""A database as real life leaves one: 308 runs in six experiments, long names, odd values.

python tests/dashboard/messy.py FOLDER

Nested folds, 240 parameters a run, names of 200 characters, media of every kind, NaN and
infinities, runs that failed, were killed, are deleted or still scheduled.
"""

from __future__ import annotations

import importlib.util
import json
import math
import random
import sys
import wave
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

RUNS = {"resnet-sweep": 124, "misc": 10, "folds": 61, "long names": 24, "odd values": 49}
RUNS["states"] = 40
PARAMETERS = 240
LONG = 200
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/me/train.py", line 88, in <module>
    main(name, runs)
  File "/usr/lib/python3.12/site-packages/torch/nn/modules/module.py", line 1501, in _call_impl
    return forward_call(*args, **kwargs)
  File "/home/me/train.py", line 73, in main
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB
"""
NOTE = """\
# What I tried

A **bold** idea with `code`, a [paper](https://example.org/paper) and a table:

| lr | acc |
|---|---|
| 0.1 | 0.93 |

1. first
2. second
"""
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 120]/Contents 4 0 R
/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F1 18 Tf 20 60 Td (One page) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 60" width="300" height="180">'
    '<rect width="100" height="60" fill="#2a78d6"/><circle cx="50" cy="30" r="20"/></svg>'
)


def study() -> Any:
    """The module beside this one: tests are no package."""
    spec = importlib.util.spec_from_file_location("study", Path(__file__).with_name("study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Writer:
    """Writes runs in one transaction, as MLflow stores them."""

    def __init__(self, folder: Path) -> None:
        self.study = study()
        self.folder = folder
        self.connection: sqlite3.Connection = self.study.connect(folder / "tracking.db")
        self.dice = random.Random(0)
        self.begun = self.study.BEGUN

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        yield
        self.connection.execute("COMMIT")
        self.connection.close()

    def run(self, experiment: int, name: str, **about: Any) -> str:
        self.begun += 60_000
        run_id = self.study.add_run(
            self.connection, name, experiment=experiment, begun=self.begun, **about
        )
        self.tags(run_id, {"tracker.command": f"python train.py --name '{name}'"})
        self.tags(run_id, {"tracker.host": "node-17", "mlflow.source.name": "/home/me/train.py"})
        return run_id

    def tags(self, run_id: str, found: dict[str, Any]) -> None:
        for key, value in found.items():
            self.study.add_tag(self.connection, run_id, key, value)

    def params(self, run_id: str, found: dict[str, Any]) -> None:
        self.connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            [(key, str(value), run_id) for key, value in found.items()],
        )

    def metric(self, run_id: str, key: str, values: list[float], first: int = 0) -> None:
        rows = [
            (key, *self.study.stored(value), self.begun + 800 * step, run_id, first + step)
            for step, value in enumerate(values)
        ]
        columns = "(key, value, is_nan, timestamp, run_uuid, step) VALUES (?, ?, ?, ?, ?, ?)"
        self.connection.executemany(f"INSERT INTO metrics {columns}", rows)
        self.connection.execute(f"INSERT INTO latest_metrics {columns}", rows[-1])

    def curves(self, run_id: str, steps: int = 20) -> None:
        top = self.dice.uniform(0.85, 0.98)
        rise = [top * (1 - math.exp(-0.3 * (step + 1))) for step in range(steps)]
        for part, gap in (("train", 0.02), ("val", 0.0)):
            self.metric(run_id, f"{part}/acc", [value - gap for value in rise])
            self.metric(run_id, f"{part}/loss", [2.3 * (1 - value) + gap for value in rise])
        self.metric(run_id, "test_f1", [top])

    def file(self, run_id: str, experiment: int, path: str, content: bytes | str) -> None:
        target = self.folder / "artifacts" / str(experiment) / run_id / "artifacts" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def build(folder: Path) -> Path:
    """Write the database; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(folder)
    with writer.writing():
        for number, name in enumerate(RUNS, 1):
            writer.study.add_experiment(writer.connection, number, name)
        _sweep(writer)
        _folds(writer)
        _long_names(writer)
        _odd_values(writer)
        _states(writer)
        _misc(writer)
    return folder / "tracking.db"


def _sweep(writer: Writer) -> None:
    heads = [
        f"model.encoder.layers.{layer}.attention.heads.{head}.dropout_probability"
        for layer in range(12)
        for head in range(20)
    ]
    for number in range(RUNS["resnet-sweep"]):
        status = "FAILED" if number % 15 == 3 else "FINISHED"
        name = f"resnet-{writer.dice.choice(['sgd', 'adam'])}-lr{writer.dice.random():.2e}"
        run_id = writer.run(1, name, status=status)
        # Eight runs have them all: more would only take the tests longer.
        kept = heads if number >= RUNS["resnet-sweep"] - 8 else heads[:4]
        writer.params(run_id, {key: writer.dice.choice([0.0, 0.1, 0.2]) for key in kept})
        writer.params(run_id, {"lr": 10 ** writer.dice.uniform(-5, -1), "batch_size": 32})
        writer.curves(run_id)
        if status == "FAILED":
            fail(writer, run_id, 1)


def fail(writer: Writer, run_id: str, experiment: int) -> None:
    message = "CUDA out of memory. Tried to allocate 2.00 GiB"
    reason = {"type": "RuntimeError", "message": message}
    writer.tags(run_id, {f"tracker.exception.{key}": text for key, text in reason.items()})
    writer.tags(run_id, {"tracker.failure_reason": f"RuntimeError: {message}"})
    writer.file(run_id, experiment, "exception.txt", TRACEBACK)
    lines = [f"step {step}  train/loss {1 / (step + 1):.4f}" for step in range(20)]
    writer.file(run_id, experiment, "output.log", "\n".join([*lines, f"RuntimeError: {message}"]))


def _folds(writer: Writer) -> None:
    """One study, four configurations, five folds each with two seeds."""
    top = writer.run(3, "cross-validation")
    for number in range(4):
        parent = writer.run(3, f"config-{number}")
        writer.tags(parent, {"mlflow.parentRunId": top})
        for fold in range(7):
            child = writer.run(3, f"config-{number}-fold-{fold}")
            writer.tags(child, {"mlflow.parentRunId": parent})
            writer.params(child, {"lr": 0.1**number, "fold": fold, "seed": 0})
            writer.curves(child)
            if fold:
                seed = writer.run(3, f"config-{number}-fold-{fold}-again")
                writer.tags(seed, {"mlflow.parentRunId": child})
                writer.params(seed, {"lr": 0.1**number, "fold": fold, "seed": 1})
                writer.curves(seed)
    for _ in range(RUNS["folds"] - 57):
        writer.params(writer.run(3, "alone"), {"lr": 1})


def _long_names(writer: Writer) -> None:
    def text(start: str) -> str:
        return (start + "_a_name_that_somebody_s_template_made" * 9)[:LONG]

    for number in range(RUNS["long names"]):
        run_id = writer.run(4, text(f"run_{number:03}") if number % 3 else "W" * LONG)
        writer.params(run_id, {text("parameter"): text(f"{number}"), "p" * LONG: number})
        writer.tags(run_id, {text("tag"): text("value"), "short": "x" * LONG})
        writer.metric(run_id, text("val_accuracy"), [0.5, 0.6 + number / 100])
        writer.metric(run_id, "m" * LONG, [1.0, 2.0])
        writer.file(run_id, 4, f"{text('folder')}/{text('file')}.txt", "content " * 500)
    writer.study.add_dataset(writer.connection, run_id, text("data set"), "d1", text("used"), 5)


def _odd_values(writer: Writer) -> None:
    odd = [math.nan, math.inf, -math.inf, 1e-300, 1e300, -0.0, 123456789.123456789]
    for number in range(RUNS["odd values"]):
        run_id = writer.run(5, f"odd {number}")
        writer.metric(run_id, "loss", [*writer.dice.sample(odd, 5), writer.dice.random()])
        writer.metric(run_id, "only nan", [math.nan] * 4)
        writer.metric(run_id, "val_loss", [writer.dice.choice(odd)], first=number * 1000)
        writer.metric(run_id, "backwards", [1.0, 2.0, 3.0], first=-2)
        # Names as no program of ours would choose them.
        writer.metric(run_id, "a.b[0]:{c}/d\\e'f\"g", [0.1, 0.2])
        writer.params(run_id, {"": "empty", " ": " ", "lr": ["1e-3", "", "None"][number % 3]})


def _states(writer: Writer) -> None:
    states = ["FINISHED", "FAILED", "KILLED", "SCHEDULED"]
    for number in range(RUNS["states"]):
        status = states[number % 4]
        run_id = writer.run(6, f"{status.lower()} {number}", status=status)
        writer.params(run_id, {"lr": number, "seed": number % 4})
        if number % 8 < 4:
            writer.curves(run_id, 5)
        if status == "FAILED" and number % 8 == 1:
            fail(writer, run_id, 6)
        if status == "KILLED":
            writer.tags(run_id, {"tracker.failure_reason": "stopped by SIGTERM"})
        if number % 10 == 9:
            writer.connection.execute(
                "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (run_id,)
            )


def _misc(writer: Writer) -> None:
    """Runs with media; the last of all runs, so that a dashboard opens on them."""
    for number in range(RUNS["misc"]):
        run_id = writer.run(2, f"misc-lion-lr5.04e-05-bs{2**number}")
        writer.params(run_id, {"optimizer": "lion", "lr": 5.04e-5, "batch_size": 2**number})
        writer.tags(run_id, {"team": "nlp", "stage": "draft", "mlflow.note.content": NOTE})
        writer.curves(run_id, 60)
        _media(writer, run_id, 10 if number == RUNS["misc"] - 1 else 3)
        _evaluation(writer, run_id)


def _media(writer: Writer, run_id: str, steps: int) -> None:
    def put(path: str, content: bytes | str) -> None:
        writer.file(run_id, 2, path, content)

    for step in range(steps):
        pixels = np.random.default_rng(step).integers(0, 255, (16, 16, 3), dtype="uint8")
        pixels[:, : step + 1] = (200, 30, 30)
        named = f"images/samples+step+{step}+timestamp+{writer.begun + step}+{step:04x}"
        put(f"{named}.png", _encoded(pixels, "PNG"))
        put(f"{named}+compressed.webp", _encoded(pixels, "WEBP"))
    gray = np.tile(np.arange(96, dtype="uint8") * 2, (64, 1))
    for suffix in ("PNG", "JPEG", "GIF", "WEBP", "BMP"):
        put(f"fig/plot.{suffix.lower()}", _encoded(gray, suffix))
    put("fig/x.pdf", PDF)
    put("fig/x.svg", SVG)
    put("audio/tone.wav", tone())
    put("README.md", NOTE)
    put("report.html", "<h1>Report</h1><p style='color:teal'>of a <b>run</b></p>")
    put("code/train.py", "def main() -> None:\n    print('x')\n")
    put("environment/uncommitted.diff", "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-old\n+new\n")
    put("output.log", "\n".join(f"step {step}" for step in range(300)))
    put("data/rows.csv", "x,y\n" + "\n".join(f"{n},{n * n}" for n in range(50)))
    put("data/broken.json", '{"a": ')
    put("data/table.json", json.dumps({"columns": ["x"], "data": [[1], [2]]}))
    put("data/bytes.bin", bytes(range(256)))
    put("empty.txt", "")
    for number in range(100 if steps > 3 else 3):
        put(f"many/file_{number:03}.txt", f"{number}")


def _encoded(pixels: Any, kind: str) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def tone(seconds: float = 0.2) -> bytes:
    """A wave file."""
    from io import BytesIO

    buffer = BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        times = np.arange(int(8000 * seconds)) / 8000
        sound.writeframes((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes())
    return buffer.getvalue()


def _evaluation(writer: Writer, run_id: str) -> None:
    """The documented form, as somebody else's code writes it."""
    labels = ["cat", "dog", "W" * LONG]
    counts = {"labels": labels, "counts": [[48, 2, 0], [5, 45, 0], [1, 1, 8]]}
    writer.file(run_id, 2, "evaluation/confusion_holdout.json", json.dumps(counts))
    scores = [
        {"label": label, "precision": 0.9, "recall": 0.8, "f1": math.nan, "support": 50}
        for label in labels
    ]
    summary = {"holdout": {"accuracy": 0.92, "per_class": scores}}
    writer.file(run_id, 2, "evaluation/summary.json", json.dumps(summary))


def run_ids(database: Path) -> dict[str, str]:
    """The newest run of each experiment and of each status, by its name."""
    import sqlite3

    with sqlite3.connect(database) as connection:
        found = connection.execute(
            "SELECT experiments.name, status, run_uuid FROM runs"
            " JOIN experiments USING (experiment_id) WHERE runs.lifecycle_stage = 'active'"
            " ORDER BY start_time"
        ).fetchall()
    return {name: run for *names, run in found for name in names}


if __name__ == "__main__":
    build(Path(sys.argv[1]))
