"""A study written for MLflow 2: it logs configurations with their models, or reads them back.

    python study_for_mlflow.py write|read

Written with `import mlflow`, whatever that is in this process. What it read is printed as JSON.
"""

import json
import os
import sys
from pathlib import Path

# PyTorch of the interpreter that runs the tests, after MLflow's own packages.
sys.path += filter(None, os.environ.get("FRAMEWORKS", "").split(os.pathsep))

import mlflow
import numpy as np
import torch
from mlflow.models.signature import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types.schema import Schema, TensorSpec

EXPERIMENT = "Configurations"
CONFIGURATIONS = [
    {"name": "wide", "hidden_size": 8, "max_samples": None},
    {"name": "narrow", "hidden_size": 2, "max_samples": 4},
]
IMAGES = torch.linspace(0, 1, 5 * 16).reshape(5, 4, 4)


class Net(torch.nn.Module):
    """Two layers; no other process can import this class."""

    def __init__(self, hidden_size):
        super().__init__()
        self.hidden = torch.nn.Linear(16, hidden_size)
        self.output = torch.nn.Linear(hidden_size, 3)

    def forward(self, x):
        """Log-probabilities (N, 3) for images (N, 4, 4)."""
        hidden = torch.relu(self.hidden(x.view(-1, 16)))
        return torch.log_softmax(self.output(hidden), dim=1)


def write():
    """One run a configuration."""
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, artifact_location="./mlruns")
    mlflow.set_experiment(EXPERIMENT)
    for configuration in CONFIGURATIONS:
        torch.manual_seed(0)
        with mlflow.start_run(run_name=configuration["name"]):
            mlflow.log_params(configuration)
            mlflow.log_param("timestamp", "2026-11-30")
            Path("data").mkdir(exist_ok=True)
            torch.save((IMAGES, torch.zeros(5)), "data/images.pt")
            mlflow.log_artifact(Path("data/images.pt"), "datasets/original")
            mlflow.log_dict({"original": {"size": 5}}, "dataset_metadata.json")
            for epoch in range(3):
                mlflow.log_metrics({"train_loss": 1 / (epoch + 1), "val_loss": 2.0}, step=epoch)
            mlflow.log_metrics({"test_accuracy": 0.9})
            inputs = Schema([TensorSpec(np.dtype(np.float32), (-1, 4, 4), name="images")])
            outputs = Schema([TensorSpec(np.dtype(np.float32), (-1, 3), name="output")])
            signature = ModelSignature(inputs=inputs, outputs=outputs)
            mlflow.pytorch.log_model(
                Net(configuration["hidden_size"]), "model", signature=signature
            )


def read():
    """Every run with its curve, its files and what its model predicts."""
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    runs = mlflow.search_runs(experiment_ids=[experiment.experiment_id])
    client = MlflowClient()
    found = {}
    for _, run in runs.iterrows():
        run_id = run["run_id"]
        history = mlflow.MlflowClient().get_metric_history(run_id, "train_loss")
        weights = Path(client.download_artifacts(run_id, "model/data/model.pth"))
        metadata = client.download_artifacts(run_id, "dataset_metadata.json")
        model = mlflow.pytorch.load_model(f"runs:/{run_id}/model")
        found[run["tags.mlflow.runName"]] = {
            "params": [run["params.hidden_size"], run["params.max_samples"]],
            "curve": [[point.step, round(point.value, 6)] for point in history],
            "weights": weights.stat().st_size,
            "metadata": json.loads(Path(metadata).read_text(encoding="utf-8")),
            "accuracy": run["metrics.test_accuracy"],
            "predicted": model(IMAGES).detach().numpy().round(5).tolist(),
        }
    return found


if __name__ == "__main__":
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    if sys.argv[1] == "write":
        write()
    else:
        sys.stdout.write("\n" + json.dumps(read()))
