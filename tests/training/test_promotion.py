"""The rule that lets a trained network replace the champion."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tracker import TrackingClient
from tracker.models.conversion import as_onnx
from tracker.promotion import champion_of
from training.__main__ import main
from training.config import Promotion
from training.errors import PromotionError
from training.promote import main as promote
from training.promotion import promote_run, run_sets

pytestmark = pytest.mark.slow

RULE = ("--set", "promotion.model=digits", "--set", "promotion.margin=0")
WEAK = ("--only", "default", "--set", "model_configs.default.learning_rate=1e-9")


def python(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory, study_text):
    """A study whose weak network is champion, and a better one that is not registered."""
    folder = tmp_path_factory.mktemp("promotion")
    (folder / "config.yaml").write_text(study_text)
    done = python(folder, "training", *WEAK, *RULE)
    assert done.returncode == 0, done.stderr
    assert "digits: version 1 is champion. test_accuracy" in done.stdout
    assert python(folder, "training", "--only", "default").returncode == 0
    client = TrackingClient(folder / "tracking.db")
    for run in client.search_runs(["1"]):
        as_onnx(client, run.info.run_id, "model")
    client.store.database.close()
    return folder


@pytest.fixture
def study(trained, tmp_path):
    """A copy of it: the folder, a client, the weak run and the good one."""
    folder = tmp_path / "study"
    shutil.copytree(trained, folder)
    client = TrackingClient(folder / "tracking.db")
    good, weak = client.search_runs(["1"], order_by=["metrics.test_accuracy DESC"])
    return folder, client, weak, good


def rule(**changes):
    return Promotion(**{"model": "digits", **changes})


def test_a_better_run_becomes_champion_and_says_why(study):
    _, client, _, good = study
    version, decision = promote_run(client, rule(), good)
    assert decision.promoted
    assert version.tags["promotion.why"] == decision.why
    assert "against" in decision.why
    assert champion_of(client, "digits").run_id == good.info.run_id
    assert client.get_model_version_by_alias("digits", "previous").version == 1


def test_the_registered_version_is_onnx_that_every_mlflow_loads(study):
    _, client, _, good = study
    version, _ = promote_run(client, rule(), good)
    files, path = client.model_files(f"models:/digits/{version.version}")
    assert (files.local_path(path) / "model.onnx").is_file()


def test_a_worse_run_is_kept_as_challenger(study):
    _, client, weak, _ = study
    _, decision = promote_run(client, rule(), weak)
    assert not decision.promoted
    assert decision.why.endswith("of champion 1: not better.")
    assert champion_of(client, "digits").version == 1
    assert client.get_model_version_by_alias("digits", "challenger").version == 2


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"minimum": 0.999}, "misses the minimum of 0.9990"),
        ({"max_calibration_error": 0.0}, "Calibration error"),
        ({"min_class_recall": 1.0}, "Recall"),
        ({"margin": 1.5}, "better by only"),
    ],
    ids=["minimum", "calibration", "recall", "margin"],
)
def test_a_limit_that_is_missed_keeps_the_champion(study, limit, sentence):
    _, client, weak, good = study
    _, decision = promote_run(client, rule(**limit), good)
    assert sentence in decision.why
    assert champion_of(client, "digits").run_id == weak.info.run_id


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"metric": "test_acuracy"}, "no 'test_acuracy'; did you mean 'test_accuracy'"),
        ({"data_set": "mnist-tset"}, "has no 'mnist-tset'"),
        ({"model": None}, "promotion.model is not set"),
    ],
    ids=["metric", "data set", "model"],
)
def test_a_rule_that_does_not_fit_the_run_registers_nothing(study, limit, sentence):
    _, client, _, good = study
    with pytest.raises(PromotionError, match=sentence):
        promote_run(client, rule(**limit), good)
    assert [v.version for v in client.search_model_versions("name = 'digits'")] == [1]


def test_networks_tested_on_other_images_are_not_compared(study):
    folder, client, _, good = study
    client.store.database.close()
    name = next(name for name in run_sets(good) if "blurred" not in name)
    import sqlite3

    with sqlite3.connect(folder / "tracking.db") as connection:
        connection.execute(
            "DELETE FROM inputs WHERE destination_id = ? AND source_id IN "
            "(SELECT dataset_uuid FROM datasets WHERE name = ?)",
            (champion_of(client, "digits").run_id, name),
        )
    connection.close()
    _, decision = promote_run(client, rule(), good)
    assert "was tested on other images" in decision.why


def test_going_back_is_one_command(study):
    folder, client, _, good = study
    promote_run(client, rule(), good)
    back = ("training.promote", "--back", *RULE)
    assert python(folder, *back).stdout == "digits: version 1 is the champion again.\n"
    assert champion_of(client, "digits").version == 1
    again = python(folder, *back)
    assert (again.returncode, "no champion before" in again.stderr) == (1, True)


def test_two_promotions_at_once_are_both_recorded_in_one_order(study):
    folder, client, weak, _ = study
    command = [sys.executable, "-m", "training.promote", weak.info.run_id, *RULE]
    processes = [
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = "".join(process.communicate(timeout=300)[0] for process in processes)
    assert "version 2 is challenger" in said
    assert "version 3 is challenger" in said
    assert client.get_model_version_by_alias("digits", "challenger").version == 3


def test_a_network_is_promoted_where_the_files_lie_outside_the_databases_folder(
    study_file, tmp_path_factory, capsys
):
    place = f"tracking.artifact_location={tmp_path_factory.mktemp('elsewhere')}"
    options = ["--config", str(study_file), "--set", place, "--set", "promotion.model=digits"]
    assert main([*options, "--only", "extra"]) == 0
    assert "digits: version 1 is champion." in capsys.readouterr().out
    assert promote([*options, "extra"]) == 0
    assert "digits: version 2 is challenger." in capsys.readouterr().out
