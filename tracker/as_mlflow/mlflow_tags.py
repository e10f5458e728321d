"""MLflow's `mlflow.utils.mlflow_tags`: the reserved tags that libraries set by name."""

from __future__ import annotations

from typing import Final

MLFLOW_RUN_NAME: Final = "mlflow.runName"
MLFLOW_RUN_NOTE: Final = "mlflow.note.content"
MLFLOW_PARENT_RUN_ID: Final = "mlflow.parentRunId"
MLFLOW_USER: Final = "mlflow.user"
MLFLOW_SOURCE_NAME: Final = "mlflow.source.name"
MLFLOW_SOURCE_TYPE: Final = "mlflow.source.type"
MLFLOW_GIT_COMMIT: Final = "mlflow.source.git.commit"
MLFLOW_GIT_BRANCH: Final = "mlflow.source.git.branch"
MLFLOW_GIT_REPO_URL: Final = "mlflow.source.git.repoURL"
MLFLOW_PROJECT_ENTRY_POINT: Final = "mlflow.project.entryPoint"
MLFLOW_LOGGED_ARTIFACTS: Final = "mlflow.loggedArtifacts"
MLFLOW_LOGGED_IMAGES: Final = "mlflow.loggedImages"
MLFLOW_DATASET_CONTEXT: Final = "mlflow.data.context"
