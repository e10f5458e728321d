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
        ("from mlflow.tracking import fluent", "import tracker"),
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


@pytest.mark.parametrize(
    "module", ["server", "genai.scorers", "store.tracking", "locations", "keras.callbacks"]
)
def test_a_module_that_the_tracker_lacks_is_refused_by_name(tmp_path, module):
    message = run(f"import mlflow.{module}", tmp_path)
    assert message.startswith(
        f"ModuleNotFoundError: ml-tracker stands in for MLflow and has no 'mlflow.{module}'"
    )


MODULES = [
    *("entities.run", "entities.run_info", "entities.run_data", "entities.metric"),
    *("entities.param", "entities.run_tag", "entities.experiment", "entities.experiment_tag"),
    *("entities.run_status", "entities.source_type", "entities.view_type", "entities.file_info"),
    *("entities.lifecycle_stage", "entities.dataset", "entities.dataset_input"),
    *("entities.input_tag", "entities.run_inputs"),
    *("store.entities", "store.entities.paged_list", "data.pandas_dataset", "data.numpy_dataset"),
    *("data.dataset", "data.dataset_source", "data.http_dataset_source"),
    *("tracking.artifact_utils", "tracking.fluent", "tracking.client", "utils.time"),
    *("utils.mlflow_tags", "utils.validation", "utils.async_logging.run_operations"),
    *("environment_variables", "version", "config", "system_metrics", "exceptions"),
    *("protos.databricks_pb2", "artifacts", "client", "keras", "transformers", "spark"),
]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_of_tracking_is_imported_in_every_form(tmp_path, module):
    parent, _, own = f"mlflow.{module}".rpartition(".")
    code = f"""
import importlib, importlib.util, sys
import mlflow.{module}
import mlflow.{module} as one
from {parent} import {own} as two
three = importlib.import_module("mlflow.{module}")
print(one is two is three is sys.modules["mlflow.{module}"])
print(importlib.util.find_spec("mlflow.{module}") is not None)
"""
    assert run(code, tmp_path) == ["True", "True"]


@pytest.mark.parametrize(
    "code",
    [
        "from mlflow.entities.run import Run; import tracker; print(Run is tracker.Run)",
        "from mlflow.entities.metric import Metric as M; print(M('k', 1.0, 2, 3).step == 3)",
        "from mlflow.store.entities.paged_list import PagedList; print(PagedList([], 't') == [])",
        "import mlflow.exceptions as e; print(issubclass(e.RestException, e.MlflowException))",
        "from mlflow.utils.time import get_current_time_millis as t; print(t() > 10**12)",
        "from mlflow.version import VERSION; import mlflow; print(mlflow.__version__ == VERSION)",
        "from mlflow.protos.databricks_pb2 import ErrorCode; print(len(ErrorCode.Name(1)) > 5)",
        "from mlflow.protos import databricks_pb2 as d; print(d.RESOURCE_DOES_NOT_EXIST == 3002)",
        (
            "import mlflow.environment_variables as e; e.MLFLOW_TRACKING_URI.set('a.db')\n"
            "print(e.MLFLOW_TRACKING_URI.get() == tracker.get_tracking_uri() == 'a.db')"
        ),
        "import mlflow.environment_variables as e; print(e.MLFLOW_REGISTRY_URI.get() is None)",
        (
            "import mlflow.config; mlflow.config.set_tracking_uri('b.db')\n"
            "print(tracker.get_tracking_uri() == 'b.db')"
        ),
        (
            "import mlflow; mlflow.set_registry_uri(None)\n"
            "print(mlflow.get_registry_uri() == mlflow.get_tracking_uri())"
        ),
        "import mlflow; print(mlflow.Image([[0]]).size == (1, 1))",
        (
            "import mlflow.data as d, numpy as np\n"
            "from mlflow.data.http_dataset_source import HTTPDatasetSource as H\n"
            "print(isinstance(d.get_source(d.from_numpy(np.eye(2), 'http://x/y')), H))"
        ),
        (
            "import mlflow; from mlflow.tracking.artifact_utils import get_artifact_uri as g\n"
            "r = mlflow.start_run(); print(g(r.info.run_id, 'a') == mlflow.get_artifact_uri('a'))"
        ),
    ],
)
def test_what_libraries_take_from_mlflow_is_there(tmp_path, code):
    assert run(code, tmp_path) == ["True"]


@pytest.mark.parametrize(
    "ask",
    [
        "metadata.version('mlflow')",
        "metadata.metadata('mlflow')['Version']",
        "metadata.distribution('mlflow').version",
        "[d.version for d in metadata.distributions() if d.metadata['Name'] == 'mlflow'][0]",
    ],
)
def test_libraries_that_look_for_the_distribution_find_a_recent_one(tmp_path, ask):
    code = f"from importlib import metadata; print(tuple(map(int, {ask}.split('.'))) >= (3, 0, 0))"
    assert run(code, tmp_path) == ["True"]


@pytest.mark.parametrize(
    "use",
    [
        "mlflow.keras.autolog()",
        "mlflow.transformers.log_model(None, 'm')",
        "mlflow.spark.load_model('m')",
        "mlflow.tensorflow.MlflowCallback",
        "mlflow.genai.evaluate",
    ],
)
def test_a_framework_without_a_counterpart_is_imported_and_refused_at_its_first_use(tmp_path, use):
    module = use.rpartition(".")[0]
    assert run(f"import mlflow\nimport {module}\nprint(True)", tmp_path) == ["True"]
    message = run(f"import {module}\n{use}", tmp_path)
    assert "UnsupportedError: ml-tracker stands in for MLflow and has no 'mlflow." in message
    assert "this needs MLflow itself" in message


@pytest.mark.parametrize("module", ["mlflow", "mlflow.keras"])
def test_a_module_can_be_sent_to_another_process(tmp_path, module):
    path = tmp_path / "module.pickle"
    code = f"import pickle, pathlib, {module}\npathlib.Path({str(path)!r}).write_bytes("
    assert run(f"{code}pickle.dumps({module}))\nprint(True)", tmp_path) == ["True"]
    load = f"import pickle; print(pickle.load(open({str(path)!r}, 'rb')).__name__)"
    ended = subprocess.run(
        [sys.executable, "-c", load], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == module


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
        ("log_metrics", {"metrics": {"m": 1}, "model_id": "m-1"}, "model_id"),
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
