"""Writes an MLflow file store as crashes, version control and other systems leave it.

python damaged_mlruns.py FOLDER [FOLDER_FOR_WHAT_IS_LINKED]
"""

from __future__ import annotations

import sys
from pathlib import Path

EXPERIMENT = """\
artifact_location: file:///home/ada/mlruns/{id}
creation_time: 500
experiment_id: '{id}'
last_update_time: 600
lifecycle_stage: active
name: {name}
"""
RUN = """\
artifact_uri: file:///home/ada/mlruns/1/{id}/artifacts
end_time: 2000
entry_point_name: ''
experiment_id: '1'
lifecycle_stage: active
run_id: {id}
run_name: {name}
run_uuid: {id}
source_name: ''
source_type: 4
source_version: ''
start_time: 1000
status: 3
tags: []
user_id: ada
"""
IDS = {
    name: f"{number:032x}"
    for number, name in enumerate(
        ("whole", "torn", "crlf", "conflict", "nul", "junk", "linked", "no_meta", "binary"), 1
    )
}
POINTS = 50_000


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write_run(folder: Path, name: str) -> Path:
    run = folder / IDS[name]
    write(run / "meta.yaml", RUN.format(id=IDS[name], name=name))
    lines = (f"{1000 + step} {step / 7} {step}\n" for step in range(100))
    write(run / "metrics/loss", "".join(lines))
    write(run / "metrics/val/acc", "1000 0.5 0\n")
    write(run / "params/lr", "0.1")
    write(run / "tags/mlflow.user", "ada")
    write(run / "artifacts/model/weights.bin", f"weights of {name}")
    return run


def write_store(root: Path, elsewhere: Path) -> None:
    """Write the store, with one run and one experiment that lie elsewhere."""
    first = root / "1"
    write(first / "meta.yaml", EXPERIMENT.format(id=1, name="'It''s a study'  # renamed"))
    write(first / ".DS_Store", b"\0\0\0\1Bud1\xff")
    runs = {name: write_run(first, name) for name in IDS if name != "linked"}

    torn = "".join(f"{1000 + step} {step / 7} {step}\n" for step in range(POINTS))
    cut = torn.splitlines(keepends=True)
    cut[40_000] = "41000 5714.28"[:5] + "\n"
    write(runs["torn"] / "metrics/loss", "".join(cut))
    write(runs["torn"] / "metrics/tail", b"1000 0.5 0\n1001 0.25 1\n" + bytes(300))

    for path in runs["crlf"].rglob("*"):
        if path.is_file() and "artifacts" not in path.parts:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    meta = runs["conflict"] / "meta.yaml"
    ours = "<<<<<<< HEAD\nrun_name: ours\n=======\nrun_name: theirs\n>>>>>>> feature: rename\n"
    write(meta, meta.read_text().replace("run_name: conflict\n", ours))

    meta = runs["nul"] / "meta.yaml"
    write(meta, meta.read_bytes() + bytes(4096))

    for folder in ("metrics", "params", "tags"):
        write(runs["junk"] / folder / ".DS_Store", b"\0\0\0\1Bud1\xff")
        write(runs["junk"] / folder / "._loss", b"\0\5\x16\7")

    write(runs["no_meta"] / "meta.yaml", bytes(600))
    write(runs["no_meta"] / "tags/mlflow.runName", "no_meta")
    write(runs["binary"] / "metrics/loss", bytes(range(256)) * 40)

    linked = write_run(elsewhere / "runs", "linked")
    (first / IDS["linked"]).symlink_to(linked)
    (first / "latest").symlink_to(runs["whole"].name)
    (first / "lost").symlink_to(root / "nowhere")
    write(elsewhere / "second/meta.yaml", EXPERIMENT.format(id=2, name="linked experiment"))
    (root / "2").symlink_to(elsewhere / "second")
    write(root / "3/meta.yaml", b"\0" * 512)
    write(
        root / "4/meta.yaml",
        "<<<<<<< HEAD\n" + EXPERIMENT.format(id=4, name="fourth") + "=======\n",
    )


if __name__ == "__main__":
    here = Path(sys.argv[1])
    write_store(here, Path(sys.argv[2]) if len(sys.argv) > 2 else here.with_name("elsewhere"))
