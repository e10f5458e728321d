"""The tracker under MLflow's name, and what it refuses by name."""

import subprocess
import sys

import pytest

import tracker
from tracker import TrackingClient, data
from tracker.exceptions import NotFoundError, UnsafePathError, UnsupportedError


def run(code, folder):
    """What a program prints; it starts with the tracker installed as MLflow."""
    program = f"import tracker.as_mlflow\ntracker.as_mlflow.install()\n{code}"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    return ended.stdout.split() or ended.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("from mlflow.exceptions import MlflowException", "from tracker import TrackerError"),
        ("from mlflow.tracking import MlflowClient", "from tracker import TrackingClient"),
        ("from mlflow.tracking.client import MlflowClient", "from mlflow import MlflowClient"),
        ("from mlflow.entities import Metric", "from tracker import Metric"),
        ("from mlflow.data import from_numpy", "from tracker.data import from_numpy"),
        ("import mlflow.tracking.fluent", "import tracker"),
        ("from mlflow.utils import validation", "import mlflow.utils.validation"),
        ("from mlflow.artifacts import load_text", "from tracker.artifacts import load_text"),
    ],
)
def test_a_thing_is_one_object_under_both_names(tmp_path, left, right):
    code = f"{left} as a\n{right} as b\nprint(a is b)"
    assert run(code, tmp_path) == ["True"]


def test_attributes_reach_what_imports_reach(tmp_path):
    code = """
import mlflow
print(mlflow.tracking.MlflowClient is mlflow.MlflowClient)
print(mlflow.exceptions.MlflowException is mlflow.MlflowException)
print(mlflow.entities.Run.__name__, mlflow.utils.validation.MAX_TAG_VAL_LENGTH)
"""
    assert run(code, tmp_path) == ["True", "True", "Run", "8000"]


@pytest.mark.parametrize("module", ["server", "genai.scorers", "store.tracking", "locations"])
def test_a_module_that_the_tracker_lacks_is_refused_by_name(tmp_path, module):
    name = module.split(".")[0]
    message = run(f"import mlflow.{module}", tmp_path)
    assert message.startswith(
        f"ModuleNotFoundError: ml-tracker stands in for MLflow and has no 'mlflow.{name}'"
    )


def test_installing_twice_changes_nothing(tmp_path):
    code = (
        "import sys; n = sys.meta_path[:]; tracker.as_mlflow.install(); print(sys.meta_path == n)"
    )
    assert run(code, tmp_path) == ["True"]


def test_mlflow_that_is_there_already_is_not_replaced(tmp_path):
    (tmp_path / "mlflow.py").write_text("")
    code = "import mlflow, tracker.as_mlflow; tracker.as_mlflow.install()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "MLflow is imported already" in ended.stderr


@pytest.mark.parametrize(
    "name",
    [
        "evaluate",
        "start_span",
        "trace",
        "log_trace",
        "log_feedback",
        "load_prompt",
        "doctor",
        "gateway",
    ],
)
def test_a_call_without_a_counterpart_is_refused_by_name(name):
    with pytest.raises(UnsupportedError, match=f"no '{name}'"):
        getattr(tracker, name)


@pytest.mark.parametrize(
    ("name", "arguments", "refused"),
    [
        ("log_metric", {"key": "m", "value": 1, "model_id": "m-1"}, "model_id"),
        ("log_metrics", {"metrics": {"m": 1}, "dataset": "d"}, "dataset"),
        ("set_experiment", {"trace_location": "t"}, "trace_location"),
        ("create_experiment", {"name": "e", "trace_location": "t"}, "trace_location"),
        ("log_input", {"dataset": None, "model": "m"}, "model"),
        ("log_inputs", {"datasets": [], "models": [1]}, "models"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_argument_without_a_counterpart_is_refused_by_name(name, arguments, refused):
    with pytest.raises(UnsupportedError, match=f"argument '{refused}'"):
        getattr(tracker, name)(**arguments)


def test_a_data_set_of_another_kind_is_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"no 'from_spark'.*from_pandas"):
        data.from_spark  # noqa: B018


@pytest.fixture
def run_id(tmp_path):
    """A run with a file, in a database that the fluent calls use."""
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    client = TrackingClient(tmp_path / "tracking.db")
    found = client.create_run("0").info.run_id
    client.log_text(found, "hello", "notes/a.txt")
    yield found
    tracker.set_tracking_uri("")


@pytest.mark.parametrize(
    "uri",
    [
        "runs:/{run_id}/notes/a.txt",
        "artifacts/0/{run_id}/artifacts/notes/a.txt",
        "{folder}/artifacts/0/{run_id}/artifacts/notes/a.txt",
    ],
)
def test_an_artifact_is_found_by_its_uri(tmp_path, run_id, uri):
    text = tracker.artifacts.load_text(uri.format(run_id=run_id, folder=tmp_path))
    assert text == "hello"


@pytest.mark.parametrize(
    "uri",
    [
        "runs:/{run_id}/../a.txt",
        "runs:/{other}/notes/a.txt",
        "s3://bucket/0/{run_id}/artifacts/notes/a.txt",
        "/etc/passwd",
        "elsewhere/{run_id}/artifacts/notes/a.txt",
    ],
)
def test_an_artifact_uri_leads_nowhere_but_into_a_run(run_id, uri):
    with pytest.raises(tracker.TrackerError):
        tracker.artifacts.load_text(uri.format(run_id=run_id, other="0" * 32))


ROOTS = ["runs:/{run_id}", "runs:/{run_id}/", "artifacts/0/{run_id}/artifacts/"]


@pytest.mark.parametrize("root", ROOTS)
def test_a_folder_may_end_in_a_slash(tmp_path, run_id, root):
    uri = root.format(run_id=run_id)
    place = tmp_path / "artifacts/0" / run_id / "artifacts"
    assert tracker.artifacts.download_artifacts(uri) == str(place)
    folder = f"{uri.rstrip('/')}/notes/"
    assert [file.path for file in tracker.artifacts.list_artifacts(folder)] == ["notes/a.txt"]


def test_the_path_of_a_folder_may_end_in_a_slash(run_id):
    for found in (
        tracker.artifacts.list_artifacts(run_id=run_id, artifact_path="notes/"),
        tracker.get_client().list_artifacts(run_id, "notes/"),
    ):
        assert [file.path for file in found] == ["notes/a.txt"]
    copy = tracker.artifacts.download_artifacts(run_id=run_id, artifact_path="notes/")
    assert copy == tracker.get_client().download_artifacts(run_id, "notes")
    with pytest.raises(UnsafePathError, match="it is absolute"):
        tracker.get_client().list_artifacts(run_id, "/")


def test_a_missing_artifact_says_so(run_id):
    with pytest.raises(NotFoundError, match=r"did you mean 'notes/a\.txt'"):
        tracker.artifacts.download_artifacts(run_id=run_id, artifact_path="notes/b.txt")


@pytest.mark.parametrize("uri", ["file:./mlruns", "file:mlruns", "file://{folder}/mlruns"])
def test_a_folder_of_runs_holds_the_database(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    client = TrackingClient(uri.format(folder=tmp_path))
    assert client.store.database.path == tmp_path / "mlruns" / "tracking.db"


def test_naming_the_same_database_again_keeps_the_experiment(tmp_path):
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    chosen = tracker.set_experiment("chosen")
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    with tracker.start_run() as started:
        assert started.info.experiment_id == chosen.experiment_id
    tracker.set_tracking_uri("")
