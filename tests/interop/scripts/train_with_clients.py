"""Trains a line with a library that writes to MLflow, and prints what was recorded as JSON.

python train_with_clients.py accelerate|skorch|transformers [tracker]

With `tracker` the tracker stands in for MLflow; without, it is MLflow itself.
"""

import sys

if sys.argv[2:] == ["tracker"]:
    import tracker.as_mlflow

    tracker.as_mlflow.install()

import json
import os
import re

import mlflow
import torch
from torch import nn

X = torch.linspace(-1, 1, 64)[:, None]
Y = 3 * X
# What differs between two runs of one script, and what the tracker records besides.
CHANGES = re.compile(r"second|_time|dur$|_runtime|^mlflow\.(source|user|runName)|^tracker\.")
ENVIRONMENT = "environment"


def with_accelerate():
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, log_with="mlflow", project_dir=".")
    settings = {"mlflow": {"run_name": "line", "tags": {"team": "vision"}}}
    accelerator.init_trackers("accelerate", {"lr": 0.1, "layers": [1, 1]}, settings)
    layer = nn.Linear(1, 1)
    layer, optimizer = accelerator.prepare(layer, torch.optim.SGD(layer.parameters(), lr=0.1))
    for step in range(3):
        loss = nn.functional.mse_loss(layer(X), Y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        accelerator.log({"loss": loss.item(), "phase": "warm-up"}, step=step)
    accelerator.end_training()


def with_skorch():
    from skorch import NeuralNetRegressor
    from skorch.callbacks import MlflowLogger

    mlflow.set_experiment("skorch")
    with mlflow.start_run(run_name="line"):
        logger = MlflowLogger(terminate_after_train=False)
        network = NeuralNetRegressor(
            nn.Linear,
            module__in_features=1,
            module__out_features=1,
            max_epochs=3,
            lr=0.1,
            callbacks=[logger],
        )
        network.fit(X.numpy(), Y.numpy())


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x, labels):
        predicted = self.layer(x)
        return {"loss": nn.functional.mse_loss(predicted, labels), "logits": predicted}


def with_transformers():
    """Two epochs, and a third that goes on in the same run as Transformers documents it."""
    from transformers import Trainer, TrainingArguments

    os.environ |= {"MLFLOW_EXPERIMENT_NAME": "transformers", "MLFLOW_TAGS": '{"team": "vision"}'}
    rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    for epochs in (2, 3):
        arguments = TrainingArguments(
            output_dir="checkpoints",
            run_name="line",
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            learning_rate=0.1,
            logging_steps=1,
            save_strategy="epoch",
            report_to=["mlflow"],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(model=Line(), args=arguments, train_dataset=rows)
        trainer.train(resume_from_checkpoint=epochs == 3)
        if mlflow.active_run():
            mlflow.end_run()
        [run] = mlflow.MlflowClient().search_runs(experiment_ids())
        os.environ["MLFLOW_RUN_ID"] = run.info.run_id


def experiment_ids():
    found = mlflow.MlflowClient().search_experiments()
    return [each.experiment_id for each in found if each.name != "Default"]


def recorded():
    """Every run without what changes by itself: name, status, params, tags, points, files."""
    client = mlflow.MlflowClient()
    return [
        {
            "experiment": client.get_experiment(run.info.experiment_id).name,
            "name": run.info.run_name,
            "status": run.info.status,
            "params": {key: text for key, text in run.data.params.items() if is_lasting(key)},
            "tags": {key: text for key, text in run.data.tags.items() if is_lasting(key)},
            "points": {
                key: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)]
                for key in sorted(run.data.metrics)
                if is_lasting(key)
            },
            "files": sorted(
                info.path
                for info in client.list_artifacts(run.info.run_id)
                if info.path != ENVIRONMENT
            ),
        }
        for run in client.search_runs(experiment_ids())
    ]


def is_lasting(key):
    return not CHANGES.search(key)


if __name__ == "__main__":
    mlflow.set_tracking_uri("sqlite:///tracking.db")
    os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///tracking.db"
    torch.manual_seed(0)
    output = os.dup(1)
    os.dup2(2, 1)  # What the libraries print.
    {
        "accelerate": with_accelerate,
        "skorch": with_skorch,
        "transformers": with_transformers,
    }[sys.argv[1]]()
    with os.fdopen(output, "w") as answer:
        json.dump(recorded(), answer)
