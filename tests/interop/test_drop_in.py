"""Scripts and libraries written for MLflow, with the tracker in its place."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracker import RunStatus, TrackingClient

SCRIPTS = Path(__file__).parent / "scripts"
REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.interop, pytest.mark.slow]

INSTALL = """
import runpy, sys, tracker.as_mlflow
tracker.as_mlflow.install()
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(command, folder, *extra_paths):
    """What a script printed on stdout."""
    paths = os.pathsep.join(map(str, (REPOSITORY, *extra_paths)))
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
    )
    return ended.stdout


@pytest.fixture(scope="module")
def mlflow_sees(environments, tmp_path_factory):
    """What the script saw with MLflow itself."""
    python = environments / "newest" / "bin" / "python"
    command = [python, "-W", "ignore", SCRIPTS / "quickstart.py"]
    return json.loads(run(command, tmp_path_factory.mktemp("mlflow")))


def test_a_documented_script_sees_the_same_with_its_import_line_changed(tmp_path, mlflow_sees):
    text = (SCRIPTS / "quickstart.py").read_text(encoding="utf-8")
    text = text.replace("import mlflow\n", "import tracker as mlflow\n")
    (tmp_path / "script.py").write_text(text.replace("from mlflow", "from tracker"))
    seen = json.loads(run([sys.executable, "script.py"], tmp_path))
    assert seen == mlflow_sees


def test_a_documented_script_sees_the_same_with_the_tracker_installed(tmp_path, mlflow_sees):
    seen = json.loads(run([sys.executable, "-c", INSTALL, SCRIPTS / "quickstart.py"], tmp_path))
    assert seen == mlflow_sees


def test_lightnings_logger_writes_to_our_file(environments, tmp_path):
    script = SCRIPTS / "train_with_lightning.py"
    run([sys.executable, "-W", "ignore", script], tmp_path, environments / "loggers")
    client = TrackingClient(tmp_path / "tracking.db")
    experiment = client.get_experiment_by_name("lightning")
    [found] = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == ("line", RunStatus.FINISHED)
    assert found.data.params == {"lr": "0.1"}
    assert found.data.tags["team"] == "vision"
    losses = [point.value for point in client.get_metric_history(found.info.run_id, "train_loss")]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    stored = [info.path for info in client.list_artifacts(found.info.run_id, "line-epoch=2")]
    assert "line-epoch=2/line-epoch=2.ckpt" in stored


def test_optunas_callback_writes_to_our_file(environments, tmp_path):
    script = SCRIPTS / "optimize_with_optuna.py"
    run([sys.executable, "-W", "ignore", script], tmp_path, environments / "loggers")
    client = TrackingClient(tmp_path / "tracking.db")
    experiment = client.get_experiment_by_name("parabola")
    found = client.search_runs([experiment.experiment_id], order_by=["metrics.distance"])
    assert [run.info.status for run in found] == ["FINISHED"] * 5
    assert sorted(run.info.run_name for run in found) == ["0", "1", "2", "3", "4"]
    for each in found:
        x = float(each.data.params["x"])
        assert each.data.metrics == {"distance": (x - 2) ** 2, "seen while it ran": x}
        assert each.data.tags["state"] == "COMPLETE"


@pytest.mark.parametrize(
    ("library", "runs"), [("accelerate", 1), ("skorch", 1), ("transformers", 1)]
)
def test_a_client_records_what_it_records_in_mlflow(environments, tmp_path, library, runs):
    newest = environments / "newest" / "bin" / "python"
    places = run([newest, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], tmp_path)
    script = [sys.executable, "-W", "ignore", SCRIPTS / "train_with_clients.py", library]
    recorded = []
    for folder, arguments, paths in [
        ("theirs", [], [places.decode().strip()]),
        ("ours", ["tracker"], []),
    ]:
        (tmp_path / folder).mkdir()
        output = run([*script, *arguments], tmp_path / folder, environments / "clients", *paths)
        recorded.append(json.loads(output))
    theirs, ours = recorded
    assert len(theirs) == runs
    assert theirs[0]["points"]
    assert ours == theirs
