from __future__ import annotations

import math
import os
import subprocess

import pytest

from tracker.entities import ViewType
from tracker.exceptions import InvalidValueError

RUN = "0123456789abcdef0123456789abcdef"
GONE = "fedcba9876543210fedcba9876543210"


def write(root, **files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def run_meta(run_id, name, **more):
    fields = {
        "artifact_uri": f"file:///elsewhere/{run_id}/artifacts",
        "end_time": 2000,
        "experiment_id": "'77'",
        "lifecycle_stage": "active",
        "run_id": run_id,
        "run_name": name,
        "start_time": 1000,
        "status": 3,
        "tags": "[]",
        "user_id": "ada",
    } | more
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


@pytest.fixture
def mlruns(tmp_path):
    root = tmp_path / "mlruns"
    write(
        root,
        **{
            "77/meta.yaml": "creation_time: 500\nexperiment_id: '77'\nlast_update_time: 600\n"
            "lifecycle_stage: active\nname: 'It''s a study'\n",
            "77/tags/team": "vision",
            f"77/{RUN}/meta.yaml": run_meta(RUN, "'first: one'"),
            f"77/{RUN}/metrics/loss": "1100 1.0 0\n1200 nan 1\n1300 0.5 2\n",
            f"77/{RUN}/metrics/deep/er": "1100 inf 0 MNIST abc\n",
            f"77/{RUN}/metrics/old": "1100 7\n",
            f"77/{RUN}/params/lr": "0.1",
            f"77/{RUN}/params/empty": "",
            f"77/{RUN}/params/text": "a\nb\n",
            f"77/{RUN}/tags/mlflow.note.content": "two\nlines\n",
            f"77/{RUN}/artifacts/model/weights.bin": "weights",
            f"77/{RUN}/inputs/1a/meta.yaml": "destination_id: x\ndestination_type: RUN\n"
            "source_id: 9f\nsource_type: DATASET\ntags:\n  mlflow.data.context: train\n",
            "77/datasets/9f/meta.yaml": 'digest: abc\nname: MNIST\nprofile: \'{"num_rows":\n'
            "  10}'\nschema: null\nsource: '{}'\nsource_type: local\n",
            f"77/{GONE}/meta.yaml": run_meta(
                GONE, "gone", lifecycle_stage="deleted", deleted_time=3000
            ),
            ".trash/88/meta.yaml": "experiment_id: '88'\nlifecycle_stage: deleted\nname: trashed\n",
        },
    )
    return root


def test_a_run_of_a_file_store_arrives_whole(client, merge, mlruns):
    merge(mlruns)
    run = client.get_run(RUN)
    assert (run.info.run_name, run.info.status, run.info.user_id) == (
        "first: one",
        "FINISHED",
        "ada",
    )
    assert run.data.params == {"empty": "", "lr": "0.1", "text": "a\nb\n"}
    assert run.data.tags["mlflow.note.content"] == "two\nlines\n"
    assert run.data.metrics == {"loss": 0.5, "deep/er": math.inf, "old": 7.0}
    assert client.artifacts(RUN).local_path("model/weights.bin").read_text() == "weights"


def test_a_history_keeps_steps_times_and_nan(client, merge, mlruns):
    merge(mlruns)
    history = client.get_metric_history(RUN, "loss")
    assert [(point.step, point.timestamp) for point in history] == [(0, 1100), (1, 1200), (2, 1300)]
    assert math.isnan(history[1].value)


def test_data_sets_arrive_with_their_context(client, merge, mlruns):
    merge(mlruns)
    (used,) = client.get_run(RUN).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.profile) == ("MNIST", '{"num_rows": 10}')
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "train")]


def test_deleted_runs_and_the_trash_arrive_deleted(client, merge, mlruns):
    merge(mlruns)
    assert client.get_run(GONE).info.lifecycle_stage == "deleted"
    assert [each.name for each in client.search_experiments(ViewType.DELETED_ONLY)] == ["trashed"]
    study = client.get_experiment_by_name("It's a study")
    assert (study.tags, study.creation_time) == ({"team": "vision"}, 500)


def test_importing_twice_changes_nothing(client, merge, mlruns):
    merge(mlruns.parent)
    before = list(client.store.database.connection.iterdump())
    assert merge(mlruns.parent).runs_unchanged == 2
    assert list(client.store.database.connection.iterdump()) == before


@pytest.mark.parametrize(
    "part", ["77", f"77/{RUN}", f"77/{RUN}/inputs", "77/datasets", ".trash/88"]
)
def test_a_part_of_a_store_is_not_taken_for_the_whole(client, merge, mlruns, part):
    with pytest.raises(InvalidValueError, match=rf"import the whole, '{mlruns}(/\.trash)?'"):
        merge(mlruns / part)
    assert [each.name for each in client.search_experiments(ViewType.ALL)] == ["Default"]


@pytest.mark.parametrize("place", ["params/stolen", "tags/stolen", "metrics/stolen", "meta.yaml"])
def test_a_link_out_of_the_store_is_not_followed(client, merge, mlruns, tmp_path, place):
    (tmp_path / "secret").write_text("12 34 56")
    (mlruns / "77" / RUN / place).unlink(missing_ok=True)
    (mlruns / "77" / RUN / place).symlink_to(tmp_path / "secret")
    merged = merge(mlruns)
    assert any("link" in trouble for trouble in merged.troubles)
    stored = "\n".join(client.store.database.connection.iterdump())
    assert "12 34 56" not in stored
    assert "34.0" not in stored


def test_a_damaged_run_does_not_keep_the_others_away(client, merge, mlruns):
    write(mlruns, **{f"77/{GONE}/meta.yaml": "no yaml at all"})
    merged = merge(mlruns)
    assert any(
        each.endswith(f"{GONE}/meta.yaml:1: 'no yaml at all' cannot be read")
        for each in merged.damaged
    )
    assert client.get_run(RUN)


def test_a_metric_that_is_no_number_is_named(merge, mlruns):
    write(mlruns, **{f"77/{RUN}/metrics/loss": "1100 much 0\n"})
    (said,) = merge(mlruns).damaged
    assert said.endswith("metrics/loss:1: '1100 much 0' is not a point")


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.skipif("MLFLOW_PYTHON" not in os.environ, reason="MLFLOW_PYTHON names no interpreter")
@pytest.mark.parametrize("uri", ["file:mlruns", "sqlite:///mlflow.db"])
def test_what_mlflow_itself_wrote_arrives_whole(client, merge, tmp_path, uri):
    folder = tmp_path / "theirs"
    folder.mkdir()
    subprocess.run(
        [os.environ["MLFLOW_PYTHON"], "-c", WRITE_WITH_MLFLOW, uri],
        cwd=folder,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},
        check=True,
        capture_output=True,
    )
    merge(folder / ("mlruns" if uri.startswith("file") else "mlflow.db"))
    experiment = client.get_experiment_by_name("theirs")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("it's: # odd", "FINISHED")
    assert run.data.params == {"lr": "0.1", "deep/er": "x y"}
    assert run.data.tags["long"] == "word " * 60 + "\n\nend 'q' \"d\" \\"
    assert [point.value for point in client.get_metric_history(run.info.run_id, "a/b")] == [0, 1, 2]
    assert client.artifacts(run.info.run_id).local_path("dir/a.txt").read_text() == "hi"


WRITE_WITH_MLFLOW = r"""
import sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="it's: # odd"):
    mlflow.log_params({"lr": 0.1, "deep/er": "x y"})
    for step in range(3):
        mlflow.log_metric("a/b", step, step=step)
    mlflow.set_tag("long", "word " * 60 + "\n\nend 'q' \"d\" \\")
    mlflow.log_text("hi", "dir/a.txt")
"""
