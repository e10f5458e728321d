"""What the README prints, run as printed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess

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


def test_a_search_of_a_function_runs_as_printed(python, repository):
    (example,) = [block for block in blocks(repository, "python") if "Sweep" in block]
    assert len(example.strip().splitlines()) <= 13
    assert abs(ast.literal_eval(python(example).stdout)["lr"] - 0.03) < 0.01


def test_the_two_commands_are_the_first_two_of_the_readme(repository):
    first, second = blocks(repository, "bash")[:2]
    assert "-m training" in first
    assert "pytest" in second
