"""A tracking script as MLflow's documentation teaches them; prints what it saw as JSON.

The same file runs with MLflow, with the tracker installed in its place, and with its import line
changed to `import tracker as mlflow`. What differs from run to run (ids, times) is left out.
"""

import json
import sys
import tempfile
from pathlib import Path

import mlflow


def quickstart(seen):
    mlflow.set_tracking_uri("sqlite:///tracking.db")
    experiment = mlflow.set_experiment("MLflow Quickstart")
    seen["experiment"] = [experiment.name, experiment.lifecycle_stage, experiment.tags]
    with mlflow.start_run(run_name="logreg", description="A **note**.") as run:
        mlflow.log_params({"solver": "lbfgs", "max_iter": 1000, "seed": None})
        mlflow.log_param("multi_class", "auto")
        mlflow.log_metric("accuracy", 0.75)
        for epoch in range(3):
            mlflow.log_metrics({"loss": 1 / (epoch + 1), "lr": 0.1}, step=epoch)
        mlflow.set_tag("Training Info", "Basic LR model for iris data")
        mlflow.set_tags({"team": "vision", "draft": True})
        mlflow.delete_tag("draft")
        seen["active"] = mlflow.active_run().info.run_id == run.info.run_id
    seen["after"] = mlflow.active_run() is None
    found = mlflow.get_run(run.info.run_id)
    seen["run"] = [found.info.status, found.info.run_name, found.data.metrics, found.data.params]
    seen["tags"] = {k: v for k, v in found.data.tags.items() if not k.startswith(("mlflow.s", "t"))}
    seen["last"] = mlflow.last_active_run().info.run_id == run.info.run_id
    seen["dictionary"] = sorted(found.to_dictionary()["data"])
    return run.info.run_id


def nested_runs(seen):
    with mlflow.start_run(run_name="parent") as parent:
        for depth in (1, 2):
            with mlflow.start_run(run_name=f"child {depth}", nested=True, tags={"depth": depth}):
                mlflow.log_metric("score", depth)
        with mlflow.start_run(nested=True) as child:
            pass
    seen["parent"] = mlflow.get_parent_run(child.info.run_id).info.run_name
    children = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' AND metrics.score > 0",
        order_by=["metrics.score DESC"],
    )
    seen["children"] = children[["tags.mlflow.runName", "metrics.score", "status"]].values.tolist()
    with mlflow.start_run(run_id=parent.info.run_id) as resumed:
        mlflow.log_metric("late", 1)
    seen["resumed"] = resumed.info.run_id == parent.info.run_id
    try:
        with mlflow.start_run(run_name="broken"):
            int("stop")
    except ValueError:
        seen["broken"] = mlflow.last_active_run().info.status
    mlflow.log_metric("implicit", 1)
    mlflow.end_run("KILLED")
    seen["killed"] = mlflow.last_active_run().info.status


def tables_of_runs(seen):
    names = ["MLflow Quickstart"]
    frame = mlflow.search_runs(experiment_names=names, order_by=["attributes.run_id"])
    columns = sorted(name for name in frame.columns if not name.startswith("tags."))
    seen["columns"] = [[name, frame[name].dtype.kind] for name in columns]
    seen["metrics"] = sorted(frame["metrics.score"].fillna(-1))
    seen["params"] = sorted(map(str, frame["params.solver"]))
    seen["time zone"] = str(frame.start_time.dt.tz)
    listed = mlflow.search_runs(
        experiment_names=names, order_by=["attributes.run_id"], output_format="list", max_results=2
    )
    seen["list"] = [run.info.run_id for run in listed] == frame.run_id.tolist()[:2]
    nothing = mlflow.search_runs(experiment_names=names, filter_string="metrics.score > 99")
    seen["nothing"] = [len(nothing), len(mlflow.search_runs(experiment_names=["no such"]))]
    everywhere = mlflow.search_runs(search_all_experiments=True)
    seen["everywhere"] = len(everywhere) == len(frame)


def experiments(seen):
    experiment_id = mlflow.create_experiment("Other", tags={"a": "1"})
    mlflow.set_experiment(experiment_id=experiment_id)
    mlflow.set_experiment_tag("b", 2)
    mlflow.set_experiment_tags({"c": "3", "d": "4"})
    found = mlflow.get_experiment(experiment_id)
    seen["experiment tags"] = found.tags
    seen["by name"] = mlflow.get_experiment_by_name("Other").experiment_id == experiment_id
    seen["none by name"] = mlflow.get_experiment_by_name("no such")
    seen["searched"] = [
        [each.name for each in mlflow.search_experiments(filter_string=text)]
        for text in ("name = 'Other'", "tags.a = '1'", "name LIKE 'Ml%'", "name ILIKE 'ml%'")
    ]
    with mlflow.start_run() as run:
        seen["in it"] = run.info.experiment_id == experiment_id
    mlflow.delete_run(run.info.run_id)
    seen["deleted run"] = mlflow.get_run(run.info.run_id).info.lifecycle_stage
    mlflow.delete_experiment(experiment_id)
    seen["deleted"] = mlflow.get_experiment(experiment_id).lifecycle_stage
    mlflow.set_experiment("MLflow Quickstart")
    seen["uri"] = [mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()]


def files(seen, run_id):
    with mlflow.start_run(run_id=run_id), tempfile.TemporaryDirectory() as folder:
        Path(folder, "features.txt").write_text("rooms, zipcode", encoding="utf-8")
        mlflow.log_artifact(f"{folder}/features.txt", artifact_path="features")
        mlflow.log_artifacts(folder, artifact_path="states")
        mlflow.log_text("text ✓", "text.txt")
        mlflow.log_dict({"n_cores": 10}, "config.json")
        mlflow.log_table({"inputs": ["a", "b"], "scores": [1, 2]}, "eval.json")
        mlflow.log_table({"inputs": ["c"], "scores": [3]}, "eval.json")
        uri = mlflow.get_artifact_uri()
        seen["artifact uri"] = mlflow.get_artifact_uri("features") == f"{uri}/features"
        seen["text"] = mlflow.artifacts.load_text(f"{uri}/text.txt")
    seen["dict"] = mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json")
    seen["listed"] = sorted(
        [info.path, info.is_dir]
        for info in mlflow.artifacts.list_artifacts(run_id=run_id)
        if info.path != "environment"
    )
    path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="states/features.txt")
    seen["downloaded"] = Path(path).read_text(encoding="utf-8")
    table = mlflow.load_table("eval.json", extra_columns=["run_id"])
    seen["table"] = [table[["inputs", "scores"]].values.tolist(), set(table.run_id) == {run_id}]


def images(seen):
    import numpy as np

    with mlflow.start_run() as run:
        for step in (0, 1):
            mlflow.log_image(np.eye(300), key="eyes/left", step=step)
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
    found = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")
    parts = [info.path.replace(".", "+").split("+") for info in found]
    seen["images"] = sorted([*part[:4], *part[6:]] for part in parts)
    seen["images tag"] = mlflow.get_run(run.info.run_id).data.tags["mlflow.loggedImages"]
    seen["pixels"] = mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/black.png").size


def data_sets(seen):
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({"x": [1.5, 2.5], "label": ["a", "b"]})
    with mlflow.start_run() as run:
        training = mlflow.data.from_pandas(
            table, source="https://example.org/wine.csv", name="wine", targets="label"
        )
        mlflow.log_input(training, context="training")
        held_out = mlflow.data.from_numpy(np.eye(3), source="data/x.npy", targets=np.arange(3))
        mlflow.log_input(held_out, context="test", tags={"fold": "1"})
    inputs = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    columns = ["name", "digest", "source_type", "source", "schema", "profile"]
    seen["data sets"] = sorted(
        [
            [getattr(each.dataset, column) for column in columns],
            sorted([t.key, t.value] for t in each.tags),
        ]
        for each in inputs
    )


def with_the_client(seen):
    from mlflow.entities import Metric, Param, RunStatus, RunTag, ViewType
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri="sqlite:///tracking.db")
    experiment_id = client.create_experiment("Social NLP", tags={"nlp.framework": "Spark NLP"})
    client.set_experiment_tag(experiment_id, "priority", "P1")
    run = client.create_run(experiment_id, run_name="batch")
    run_id = run.info.run_id
    metrics = [
        Metric(key="m", value=step / 2, timestamp=1_000 + step, step=step) for step in (1, 0)
    ]
    client.log_batch(run_id, metrics=metrics, params=[Param("p", "1")], tags=[RunTag("t", "x")])
    client.log_metric(run_id, "m", 7.5, timestamp=5, step=-1)
    client.log_param(run_id, "q", 2)
    client.set_tag(run_id, "mlflow.note.content", "note")
    client.update_run(run_id, status="SCHEDULED", name="renamed")
    client.set_terminated(run_id, status=RunStatus.to_string(RunStatus.FAILED), end_time=99)
    found = client.get_run(run_id)
    seen["client run"] = [found.info.status, found.info.end_time, found.info.run_name]
    seen["latest"] = found.data.metrics
    history = client.get_metric_history(run_id, "m")
    seen["history"] = sorted([m.step, m.timestamp, m.value] for m in history)
    client.delete_run(run_id)
    seen["deleted"] = [
        [run.info.run_name for run in client.search_runs([experiment_id], run_view_type=view)]
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
    ]
    client.restore_run(run_id)
    client.rename_experiment(experiment_id, "Renamed")
    renamed = client.get_experiment_by_name("Renamed")
    seen["renamed"] = [renamed.tags, client.get_experiment_by_name("Social NLP") is None]
    client.delete_experiment(experiment_id)
    seen["experiments"] = [e.name for e in client.search_experiments(order_by=["name"])]
    client.restore_experiment(experiment_id)
    page = client.search_experiments(max_results=1, order_by=["name"])
    seen["page"] = [len(page), page.token is not None]


def entities(seen):
    import numpy as np
    from mlflow.entities import LifecycleStage, RunStatus, SourceType, ViewType

    with mlflow.start_run(run_name="taken apart") as run:
        mlflow.log_metric("m", 0.5, step=3, timestamp=7)
        data = mlflow.data.from_numpy(np.eye(2), source="x.npy", name="eye")
        mlflow.log_input(data, context="train", tags={"fold": "1"})
        mlflow.log_input(data, context="test")
        mlflow.log_text("hello", "a.txt")
        [file] = [
            f for f in mlflow.artifacts.list_artifacts(run_id=run.info.run_id) if not f.is_dir
        ]
    found = mlflow.get_run(run.info.run_id)
    [point] = mlflow.MlflowClient().get_metric_history(run.info.run_id, "m")
    whole = found.to_dictionary()
    seen["entities"] = [
        [name for name, _ in found.info],
        {name: dict(found.info)[name] for name in ("run_name", "status", "lifecycle_stage")},
        [dict(found.data)["metrics"], sorted(found.data.to_dictionary()), sorted(whole["info"])],
        [whole["inputs"]["dataset_inputs"], found.inputs.to_dictionary()["dataset_inputs"]],
        {name: dict(point)[name] for name in ("key", "value", "timestamp", "step")},
        [point.to_dictionary()["step"], dict(file), data.to_dict()],
        dict(mlflow.get_experiment("0"))["name"],
    ]
    seen["words"] = [
        [RunStatus.to_string(status) for status in RunStatus.all_status()],
        [ViewType.to_string(ViewType.ALL), ViewType.from_string("all") == ViewType.ALL],
        [SourceType.to_string(SourceType.JOB), SourceType.from_string("JOB") == SourceType.JOB],
        [LifecycleStage.is_valid("active"), LifecycleStage.is_valid("gone")],
        list(LifecycleStage.view_type_to_stages(ViewType.DELETED_ONLY)),
        LifecycleStage.matches_view_type(ViewType.ACTIVE_ONLY, "deleted"),
    ]


def without_waiting(seen):
    with mlflow.start_run() as run:
        operations = [
            mlflow.log_metric("m", 1, synchronous=False),
            mlflow.log_metrics({"n": 2}, synchronous=False),
            mlflow.log_param("p", 3, synchronous=False),
            mlflow.set_tag("t", 4, synchronous=False),
            mlflow.set_tags({"u": 5}, synchronous=False),
        ]
        seen["waited"] = [operation.wait() for operation in operations]
        seen["waits"] = [mlflow.log_param("q", 6, synchronous=True), mlflow.log_metric("o", 7)]
    data = mlflow.get_run(run.info.run_id).data
    seen["not waited for"] = [data.metrics, data.params, data.tags["t"], data.tags["u"]]


def mistakes(seen):
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "p", "1")
    deleted = client.create_run("0").info.run_id
    client.delete_run(deleted)
    gone = client.create_experiment("gone")
    client.delete_experiment(gone)
    wrong = {
        "name taken": lambda: client.create_experiment("Default"),
        "no such run": lambda: client.get_run("0" * 32),
        "no such experiment": lambda: client.get_experiment("999"),
        "param conflict": lambda: client.log_param(run_id, "p", "2"),
        "metric key": lambda: client.log_metric(run_id, "../x", 1),
        "metric value": lambda: client.log_metric(run_id, "x", "one"),
        "filter": lambda: client.search_runs(["0"], "metrics.x >"),
        "no such tag": lambda: client.delete_tag(run_id, "missing"),
        "run name": lambda: client.create_run("999"),
        "two names": lambda: client.create_run("0", run_name="a", tags={"mlflow.runName": "b"}),
        "timestamp": lambda: client.log_metric(run_id, "m", 1, timestamp=-1),
        "deleted run": lambda: client.log_metric(deleted, "m", 1),
        "deleted end": lambda: client.set_terminated(deleted),
        "deleted experiment": lambda: client.create_run(gone),
    }
    for name, call in wrong.items():
        try:
            call()
        except MlflowException as error:
            seen[f"mistake: {name}"] = error.error_code
    client.set_terminated(run_id)


def experiments_by_number(seen):
    mlflow.set_experiment("numbered")
    with mlflow.start_run(experiment_id=0) as run:
        mlflow.set_tag("mlflow.runName", "")
    seen["experiment 0"] = [
        run.info.experiment_id,
        mlflow.get_run(run.info.run_id).info.run_name == run.info.run_name,
        len(mlflow.MlflowClient().search_runs("0")) == len(mlflow.MlflowClient().search_runs(0)),
        len(mlflow.search_runs("0")) > len(mlflow.search_runs()),
    ]


def main():
    seen = {}
    run_id = quickstart(seen)
    nested_runs(seen)
    tables_of_runs(seen)
    experiments(seen)
    files(seen, run_id)
    images(seen)
    data_sets(seen)
    with_the_client(seen)
    entities(seen)
    without_waiting(seen)
    mistakes(seen)
    experiments_by_number(seen)
    mlflow.flush_async_logging()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
