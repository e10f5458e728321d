"""Every reserved tag: those of MLflow under its own constants' names, and the tracker's own.

Libraries read MLflow's from `mlflow.utils.mlflow_tags`, which is this module after
`tracker.as_mlflow.install()`.
"""

from __future__ import annotations

from typing import Final

# Of a run
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
MLFLOW_LOGGED_MODELS: Final = "mlflow.log-model.history"

# Of an experiment
MLFLOW_EXPERIMENT_NOTE: Final = "mlflow.note.content"

# Of a data set input
MLFLOW_DATASET_CONTEXT: Final = "mlflow.data.context"

# The tracker's own, of a run
TRACKER_COMMAND: Final = "tracker.command"
# What a run on an MLflow server was pushed from: the digest of all that was sent, the run's id.
TRACKER_DIGEST: Final = "tracker.digest"
TRACKER_EXCEPTION_MESSAGE: Final = "tracker.exception.message"
TRACKER_EXCEPTION_TYPE: Final = "tracker.exception.type"
TRACKER_FAILURE_REASON: Final = "tracker.failure_reason"
TRACKER_GIT_DIRTY: Final = "tracker.git.dirty"
TRACKER_HOST: Final = "tracker.host"
TRACKER_ONNX_FAILURE: Final = "tracker.onnx.failure"
TRACKER_PID: Final = "tracker.pid"
TRACKER_PYTHON: Final = "tracker.python"
TRACKER_RUN_ID: Final = "tracker.run_id"
# Of a sweep's run: its space and settings as JSON, the trials asked for, the best trial's run.
TRACKER_SWEEP_SPACE: Final = "tracker.sweep.space"
TRACKER_SWEEP_SETTINGS: Final = "tracker.sweep.settings"
TRACKER_SWEEP_TRIALS: Final = "tracker.sweep.trials"
TRACKER_SWEEP_BEST: Final = "tracker.sweep.best"
TRACKER_SWEEP_PAUSED: Final = "tracker.sweep.paused"
# Who won by how much, in a sentence, and the command that trains the winner again.
TRACKER_SWEEP_RESULT: Final = "tracker.sweep.result"
TRACKER_SWEEP_RETRAIN: Final = "tracker.sweep.retrain"
# Of a trial's run: its number, parameters as JSON, state, value, and whose parameters it retries.
TRACKER_SWEEP_TRIAL: Final = "tracker.sweep.trial"
TRACKER_SWEEP_PARAMS: Final = "tracker.sweep.params"
TRACKER_SWEEP_STATE: Final = "tracker.sweep.state"
TRACKER_SWEEP_VALUE: Final = "tracker.sweep.value"
TRACKER_SWEEP_RETRY_OF: Final = "tracker.sweep.retry_of"
TRACKER_SWEEP_STUDY: Final = "tracker.sweep.study"

# Of a version of a registered model
PROMOTION: Final = "promotion."
PROMOTION_DECISION: Final = "promotion.decision"
PROMOTION_DIGEST: Final = "promotion.digest"
PROMOTION_METRIC: Final = "promotion.metric"
PROMOTION_PREVIOUS: Final = "promotion.previous"
PROMOTION_RESTORED: Final = "promotion.restored"
PROMOTION_RULE: Final = "promotion.rule"
PROMOTION_VALUE: Final = "promotion.value"
PROMOTION_WHY: Final = "promotion.why"
# What a decision says where the champion stays.
KEPT_THE_CHAMPION: Final = "kept the champion"

# Why a run failed; removed when it runs again.
FAILURE_TAGS: Final = (TRACKER_FAILURE_REASON, TRACKER_EXCEPTION_TYPE, TRACKER_EXCEPTION_MESSAGE)
