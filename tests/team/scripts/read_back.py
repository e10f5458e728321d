"""Prints all runs of experiments as MLflow's own client reads them, as JSON by run name.

Each line of the standard input asks for one: a JSON list of the server's URL, the experiment's
name, and the server's database, from which histories are read where there are many points.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import ViewType


def read(url, name, database=None):
    client = MlflowClient(url)
    points = MlflowClient(database) if database else client
    experiment = client.get_experiment_by_name(name)
    runs = client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL)
    found = {run.info.run_name: describe(client, points, run) for run in runs}
    assert len(found) == len(runs), "two runs have one name"
    return {"tags": experiment.tags, "runs": found}


def describe(client, points, run):
    info, run_id = run.info, run.info.run_id
    return {
        "id": run_id,
        "status": info.status,
        "stage": info.lifecycle_stage,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "user": info.user_id,
        "params": run.data.params,
        "tags": run.data.tags,
        "histories": {key: history(points, run_id, key) for key in run.data.metrics},
        "inputs": sorted(
            [used.dataset.name, used.dataset.digest, used.dataset.source_type, used.dataset.source,
             used.dataset.schema, used.dataset.profile, [[t.key, t.value] for t in used.tags]]
            for used in run.inputs.dataset_inputs
        ),
        "files": files(client, run_id),
    }  # fmt: skip


def history(client, run_id, key):
    points = client.get_metric_history(run_id, key)
    return sorted([point.step, point.timestamp, shown(point.value)] for point in points)


def shown(value):
    """A number as a text, of which there is one for infinity, too."""
    return "inf" if value > 1.7e308 else "-inf" if value < -1.7e308 else repr(float(value))


def files(client, run_id):
    with tempfile.TemporaryDirectory() as folder:
        if not client.list_artifacts(run_id):
            return {}
        root = Path(client.download_artifacts(run_id, "", folder))
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file()
        }


for line in sys.stdin:
    print(json.dumps(read(*json.loads(line))), flush=True)  # noqa: T201
