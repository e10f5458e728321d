"""What the README and docs/ print, run as printed."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys

import pytest

from tracker.client import TrackingClient

pytestmark = pytest.mark.slow


def blocks(repository, language, file="README.md"):
    text = (repository / file).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_main_job_leaves_four_finished_runs_with_their_accuracies(study):
    folder, printed = study
    runs = TrackingClient(folder / "tracking.db").search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    for run in runs:
        assert f"{100 * run.data.metrics['test_accuracy']:.2f}" in printed or (
            f"{run.data.metrics['test_accuracy']:.4f}" in printed
        )
    assert "-m tracker --db tracking.db ui" in printed


def test_digits_that_are_not_mnist_are_never_called_so(study):
    folder, printed = study
    source = "mnist" if os.environ.get("MNIST_ROOT") else "stroke-digits"
    for run in TrackingClient(folder / "tracking.db").search_runs(["1"]):
        assert run.data.params["data_source"] == run.data.tags["data_source"] == source
        names = [entry.dataset.name for entry in run.inputs.dataset_inputs]
        assert names
        assert all(name.startswith(source) for name in names)
    assert ("stroke-digits" in printed) == (source == "stroke-digits")


def test_data_sets_are_on_disk_once_and_in_every_run(study):
    folder, _ = study
    client = TrackingClient(folder / "tracking.db")
    files = [path.stat() for path in (folder / "artifacts").rglob("*") if path.is_file()]
    on_disk = sum({(file.st_dev, file.st_ino): file.st_size for file in files}.values())
    assert on_disk < 300_000_000
    source = "mnist" if os.environ.get("MNIST_ROOT") else "stroke_digits"
    for run in client.search_runs(["1"]):
        names = {file.path for file in client.list_artifacts(run.info.run_id, "datasets")}
        blurred = "_blurred" if run.data.params["train_on"] == "blurred" else ""
        assert {f"datasets/{source}_train{blurred}.pt", f"datasets/{source}_test.pt"} <= names


def test_every_sql_recipe_prints_a_table_of_the_study(study, repository):
    if not shutil.which("sqlite3"):
        pytest.skip("the sqlite3 command is not installed")
    folder, _ = study
    found = [*blocks(repository, "bash"), *blocks(repository, "bash", "docs/queries.md")]
    recipes = [block for block in found if block.startswith("sqlite3")]
    assert len(recipes) >= 5
    for recipe in recipes:
        done = subprocess.run(
            ["bash", "-c", recipe], cwd=folder, check=True, capture_output=True, text=True
        )
        assert len(done.stdout.splitlines()) >= 4, recipe
        assert done.stderr == ""


def test_the_api_in_twelve_lines_runs_as_printed(python, repository):
    (example,) = [block for block in blocks(repository, "python") if "set_experiment" in block]
    assert "accuracy" in python(example).stdout


def test_the_search_for_runs_finds_some_of_the_study(study, repository):
    folder, _ = study
    (example,) = [block for block in blocks(repository, "python") if "search_runs(\n" in block]
    done = subprocess.run(
        [sys.executable, "-c", f"import tracker\n{example}"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "default" in done.stdout


def test_an_evaluation_is_logged_as_printed(python, repository, tmp_path):
    python("\n".join(blocks(repository, "python", "docs/evaluation.md")))
    files = {path.name for path in (tmp_path / "artifacts").rglob("evaluation/*")}
    assert files == {"predictions_test.json", "summary.json"}


def test_a_model_is_logged_registered_and_moved_as_printed(python, repository, tmp_path):
    pytest.importorskip("sklearn")
    page = "docs/models.md"
    printed = python("\n".join(blocks(repository, "python", page))).stdout
    assert re.match(r"runs:/\w{32}/model\n\['sepal length \(cm\)': double \(required\), ", printed)
    (shown,) = [
        block for block in blocks(repository, "console", page) if "models register" in block
    ]
    for each in re.split(r"^\$ ", shown, flags=re.MULTILINE)[1:]:
        command, _, expected = each.partition("\n")
        done = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        found = re.sub(r"\b\w{32}\b", "ID", done.stdout)
        assert re.sub(r"\b\w{32}\b", "ID", expected).strip() in {"", found.strip()}, command
    (query,) = blocks(repository, "sql", page)
    rows = sqlite3.connect(tmp_path / "tracking.db").execute(query).fetchall()
    assert [row[:2] for row in rows] == [("challenger", 2), ("champion", 2)]


def test_a_search_of_a_function_runs_as_printed(python, repository):
    (example,) = [block for block in blocks(repository, "python") if "Sweep" in block]
    assert len(example.strip().splitlines()) <= 13
    assert abs(ast.literal_eval(python(example).stdout)["lr"] - 0.03) < 0.01


def test_the_two_commands_are_the_first_two_of_the_readme(repository):
    first, second = blocks(repository, "bash")[:2]
    assert "-m training" in first
    assert "pytest" in second
