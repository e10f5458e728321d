"""MLflow servers, disturbed ones, and databases to push from."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracker import tags
from tracker.__main__ import main
from tracker.client import TrackingClient
from tracker.entities import Dataset, DatasetInput, InputTag
from tracker.team.credentials import access_to
from tracker.team.rest import RestClient
from tracker.team.server import Server

HERE = Path(__file__).parent
# They import MLflow.
collect_ignore = ["scripts"]


def load(name):
    spec = importlib.util.spec_from_file_location(f"team_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def http():
    """The module with HTTP servers of a test's own."""
    return load("proxy")


@pytest.fixture(scope="session")
def servers():
    """The module that starts PostgreSQL, an S3 store and MLflow."""
    return load("servers")


@pytest.fixture(scope="session")
def environments():
    """The folder that `tests/interop/environments.py` filled."""
    folder = os.environ.get("MLFLOW_ENVIRONMENTS")
    if not folder:
        pytest.skip("MLFLOW_ENVIRONMENTS is unset: see tests/interop/environments.py")
    return Path(folder).absolute()


@pytest.fixture(scope="session")
def mlflow(servers, environments, tmp_path_factory):
    """An MLflow server on SQLite, for all tests."""
    with servers.mlflow_server(environments, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def rest_of():
    """The routes of a server as functions."""
    with contextlib.ExitStack() as clients:

        def make(server):
            access = access_to(server.url, {**os.environ, "HOME": "/"})
            client = RestClient(access, patience_seconds=300)
            return Server(clients.enter_context(client))

        yield make


@pytest.fixture
def rest(rest_of, mlflow):
    """The routes of the server that all tests share."""
    return rest_of(mlflow)


@pytest.fixture(scope="session")
def reader(environments, tmp_path_factory):
    """A process with MLflow's own client, whose import takes seconds."""
    log = tmp_path_factory.mktemp("reader") / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [environments / "server" / "bin" / "python", HERE / "scripts" / "read_back.py"],
            env=os.environ | {"PYTHONPATH": "", "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:

        def answer(*question):
            process.stdin.write(f"{json.dumps(question)}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, log.read_text()
            return json.loads(line)

        yield answer


@pytest.fixture
def read_back(reader, request):
    """All of an experiment on a server, by MLflow's own client."""

    def read(name, server=None, *database):
        server = server or request.getfixturevalue("mlflow")
        return reader(server.url, name, *database)

    return read


@pytest.fixture(autouse=True)
def no_credentials_of_the_user(monkeypatch, tmp_path):
    """Neither the user's own credentials nor a proxy take part."""
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def cli(capfd, tmp_path):
    """The command line on the database of this test: cli("push", "--to", url)."""

    def run(*arguments, db=None):
        capfd.readouterr()
        code = main(["--db", str(db or tmp_path / "tracking.db"), *map(str, arguments)])
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def start_cli(tmp_path):
    """The command line as a process of its own."""

    def start(*arguments, db=None):
        command = [sys.executable, "-m", "tracker", "--db", str(db or tmp_path / "tracking.db")]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


@pytest.fixture
def client(tmp_path):
    """The database of this test."""
    return TrackingClient(tmp_path / "tracking.db")


@pytest.fixture
def name(request):
    """A name for an experiment that no other test has."""
    return f"{request.node.name} {os.getpid()}"


@pytest.fixture
def make_runs(client, name):
    """Makes ended runs with something of everything in an experiment; their ids."""

    def make(count, points=20):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            experiment_id = client.create_experiment(name, tags={"team": "vision"})
        else:
            experiment_id = experiment.experiment_id
        names = [f"run_{number}" for number in range(count)]
        return [make_run(client, experiment_id, run_name, points) for run_name in names]

    return make


def make_run(client, experiment_id, run_name, points):
    started = 1_700_000_000_000
    run = client.create_run(experiment_id, started, {"mlflow.user": "ada", "a/b": "ü"}, run_name)
    run_id = run.info.run_id
    client.log_params(run_id, {"lr": 0.1, "text": "x" * 6000, "empty": ""})
    client.log_history(run_id, "loss", [1 / (1 + step) for step in range(points)])
    client.log_history(run_id, "odd", [float("nan"), float("inf"), float("-inf"), -0.0, 1e-300])
    client.log_text(run_id, run_name, "notes/a b.txt")
    client.log_text(run_id, "same everywhere", "same.txt")
    dataset = Dataset("digits", "d1", "local", '{"uri": "x"}', '{"a": 1}', '{"num_rows": 3}')
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    client.set_terminated(run_id, "FINISHED", started + 5_000)
    return run_id


@pytest.fixture
def described():
    """All of an experiment of a database, as `scripts/read_back.py` says it."""

    def describe(client, name):
        experiment = client.get_experiment_by_name(name)
        runs = client.search_runs([experiment.experiment_id])
        return {"tags": experiment.tags, "runs": {r.info.run_name: of(client, r) for r in runs}}

    def of(client, run):
        run_id = run.info.run_id
        store = client.artifacts(run_id)
        return {
            "id": run_id,
            "status": run.info.status,
            "stage": run.info.lifecycle_stage,
            "start_time": run.info.start_time,
            "end_time": run.info.end_time,
            "user": run.info.user_id,
            "params": run.data.params,
            "tags": run.data.tags,
            "histories": {
                key: sorted(
                    [point.step, point.timestamp, repr(point.value)]
                    for point in client.get_metric_history(run_id, key)
                )
                for key in run.data.metrics
            },
            "inputs": sorted(
                [used.dataset.name, used.dataset.digest, used.dataset.source_type,
                 used.dataset.source, used.dataset.schema, used.dataset.profile,
                 [[tag.key, tag.value] for tag in used.tags]]
                for used in run.inputs.dataset_inputs
            ),
            "files": {
                info.path: hashlib.sha256(store.local_path(info.path).read_bytes()).hexdigest()
                for info in store.walk()
            },
        }  # fmt: skip

    return describe


@pytest.fixture
def but_for_ids():
    """A description without what a copy has of its own."""

    def strip(found):
        ids = {run["id"]: name for name, run in found["runs"].items()}
        for run in found["runs"].values():
            del run["id"]
            own = {tags.TRACKER_RUN_ID, tags.TRACKER_DIGEST}
            run["tags"] = {
                key: ids.get(text, text) for key, text in run["tags"].items() if key not in own
            }
        return found

    return strip
