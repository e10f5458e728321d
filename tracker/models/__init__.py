"""MLflow's `mlflow.models`."""

from tracker.models.signature import ModelSignature, infer_signature
