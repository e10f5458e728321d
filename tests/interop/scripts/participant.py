"""One side of the exchange: writes a tracking database, or reads it, through MLflow's client API.

    python participant.py mlflow|tracker

The same calls run against MLflow and against the tracker; that is the point. Each line of the
input is a step, the name of a function below and its arguments; each line of the output is its
answer; both are JSON. The working folder is the folder of the databases.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import logging
import math
import sys
import tempfile
import time
from pathlib import Path

STARTED = 1_700_000_000_000
EDGES = [math.nan, math.inf, -math.inf, -0.5, 1e-300]


@functools.cache
def open_client(mlflow, database):
    """One client a file for the whole process: it lives through what others do to the file."""
    return mlflow.MlflowClient(f"sqlite:///{database}")


def write(mlflow, database, label):
    """Fill an experiment with runs of every kind; returns their ids by name."""
    client = open_client(mlflow, database)
    experiment_id = client.create_experiment(label, tags={"purpose": f"{label} ✓"})
    parent = _start(client, experiment_id, "parent")
    _log_all(mlflow, client, parent)
    child = _start(client, experiment_id, "child", {"mlflow.parentRunId": parent})
    client.log_metric(child, "loss", 0.25, STARTED + 9, 3)
    client.set_terminated(child, "FAILED", STARTED + 2_000)
    deleted = _start(client, experiment_id, "deleted")
    client.log_param(deleted, "lr", "0.5")
    client.delete_run(deleted)
    client.set_terminated(parent, "FINISHED", STARTED + 5_000)
    _start(client, experiment_id, "open")
    return {"parent": parent, "child": child, "deleted": deleted}


def log(mlflow, database, run_id, key, most, stop):
    """Log points one by one, so many or until a file appears; returns how many."""
    client = open_client(mlflow, database)
    count = 0
    while count < most and not Path(stop).exists():
        client.log_metric(run_id, key, count, step=count)
        count += 1
        time.sleep(0.002)  # As long as a training step: a loop of writes only starves the other.
    client.set_terminated(run_id)
    return count


def follow(mlflow, database, run_id, key, least):
    """The steps of a metric as soon as there are so many, or after a minute."""
    client, deadline = open_client(mlflow, database), time.monotonic() + 60
    while True:
        steps = sorted(point.step for point in client.get_metric_history(run_id, key))
        if len(steps) >= least or time.monotonic() > deadline:
            return steps
        time.sleep(0.05)


def _start(client, experiment_id, name, tags=None):
    """A new run's id."""
    run = client.create_run(experiment_id, STARTED + len(name), tags, name)
    return run.info.run_id


def _log_all(mlflow, client, run_id):
    entities = mlflow.entities
    edges = [
        entities.Metric("edge", value, STARTED + i, i * 10 - 20) for i, value in enumerate(EDGES)
    ]
    loss = [entities.Metric("train/loss", 1 / (i + 1), STARTED, i) for i in range(500)]
    last_is_nan = [entities.Metric("diverged", v, STARTED, i) for i, v in enumerate([1, math.nan])]
    client.log_batch(
        run_id,
        [*edges, *loss, *last_is_nan],
        [entities.Param("lr", "0.01"), entities.Param("layers", "[784, 128]")],
        [entities.RunTag("team", "vision ✓"), entities.RunTag("mlflow.note.content", "**note**")],
    )
    client.log_metric(run_id, "loss", 0.125, STARTED, 1)
    dataset = entities.Dataset("mnist", "0a1b2c3d", "local", '{"uri": "data"}', "{}", '{"n": 5}')
    context = [entities.InputTag("mlflow.data.context", "train")]
    client.log_inputs(run_id, [entities.DatasetInput(dataset, context)])
    client.log_text(run_id, "weights ✓", "model/weights.txt")
    client.log_dict(run_id, {"classes": 10}, "meta.json")


def survey(mlflow, database, filters):
    """All that the client can tell about the database, in a form that JSON can compare."""
    client = open_client(mlflow, database)
    every = mlflow.entities.ViewType.ALL
    experiments = client.search_experiments(view_type=every, order_by=["experiment_id"])
    ids = [experiment.experiment_id for experiment in experiments]
    runs = client.search_runs(ids, run_view_type=every)
    found = {text: [run.info.run_id for run in client.search_runs(ids, text)] for text in filters}
    return {
        "experiments": [_experiment(experiment) for experiment in experiments],
        "runs": {run.info.run_id: _run(client, run) for run in runs},
        "found": found,
    }


def _experiment(experiment):
    names = ["experiment_id", "name", "artifact_location", "lifecycle_stage", "tags"]
    found = {name: getattr(experiment, name) for name in names}
    return found | {"artifact_location": str(Path(experiment.artifact_location).resolve())}


def _run(client, run):
    names = ["run_id", "run_name", "experiment_id", "user_id", "status", "start_time", "end_time"]
    names += ["lifecycle_stage", "artifact_uri"]
    run_id = run.info.run_id
    alone = client.get_run(run_id)
    assert alone.data.params == run.data.params
    return {
        "info": {name: getattr(run.info, name) for name in names}
        | {"artifact_uri": str(Path(run.info.artifact_uri).resolve())},
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {key: _number(value) for key, value in run.data.metrics.items()},
        "histories": {key: _history(client, run_id, key) for key in run.data.metrics},
        "datasets": sorted(map(_dataset, run.inputs.dataset_inputs)),
        "artifacts": _artifacts(client, run_id),
    }


def _history(client, run_id, key):
    points = client.get_metric_history(run_id, key)
    return sorted((point.step, point.timestamp, _number(point.value)) for point in points)


def _number(value):
    """A float as text; MLflow returns the largest float for infinity."""
    return repr(math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value)


def _dataset(dataset_input):
    dataset = dataset_input.dataset
    tags = [(tag.key, tag.value) for tag in dataset_input.tags]
    columns = [dataset.name, dataset.digest, dataset.source_type, dataset.source]
    return [*columns, dataset.schema, dataset.profile, sorted(tags)]


def _artifacts(client, run_id, folder=None):
    """Each file's name, size and text, downloaded."""
    found = {}
    for info in client.list_artifacts(run_id, folder):
        if info.is_dir:
            found |= _artifacts(client, run_id, info.path)
            continue
        with tempfile.TemporaryDirectory() as target:
            path = Path(client.download_artifacts(run_id, info.path, target))
            found[info.path] = [info.file_size, path.read_text(encoding="utf-8")]
    return found


def registered(mlflow, database):
    """The registered models of a file with their aliases and versions."""
    client = open_client(mlflow, database)
    found = {}
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name = '{model.name}'")
        aliases = {alias: int(version) for alias, version in model.aliases.items()}
        found[model.name] = {
            "description": model.description,
            "aliases": aliases,
            "versions": sorted(
                [int(v.version), v.current_stage, v.run_id, dict(v.tags)] for v in versions
            ),
        }
    return found


def upgrade(_, database, revision):
    """Bring a file to a revision of MLflow's schema by MLflow's own migrations."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    address = f"sqlite:///{database}"
    if not Path(database).exists():
        Base.metadata.create_all(create_engine(address))
    command.upgrade(_get_alembic_config(address), revision)


def signatures(mlflow):
    """The arguments of every function of the fluent API and method of the client, by name."""
    spaces = {"": mlflow, "MlflowClient.": mlflow.MlflowClient}
    return {
        prefix + name: list(inspect.signature(call).parameters)
        for prefix, space in spaces.items()
        for name, call in inspect.getmembers(space, inspect.isfunction)
        if not name.startswith("_")
    }


def main():
    """Take the steps and answer them, until the input ends."""
    logging.disable(logging.INFO)
    answers, sys.stdout = sys.stdout, sys.stderr
    module = importlib.import_module(sys.argv[1])
    steps = (write, log, follow, survey, registered, upgrade, signatures)
    actions = {step.__name__: step for step in steps}
    for line in sys.stdin:
        action, *rest = json.loads(line)
        print(json.dumps(actions[action](module, *rest)), file=answers, flush=True)


if __name__ == "__main__":
    main()
