"""MLflow's `mlflow.utils.validation`: the limits by which libraries cut what they log."""

from __future__ import annotations

from typing import Final

from tracker import validation

MAX_ENTITY_KEY_LENGTH: Final = validation.MAX_KEY
MAX_PARAM_VAL_LENGTH: Final = validation.MAX_PARAM_VALUE
MAX_TAG_VAL_LENGTH: Final = validation.MAX_TAG_VALUE
MAX_EXPERIMENT_TAG_VAL_LENGTH: Final = validation.MAX_EXPERIMENT_TAG_VALUE
MAX_EXPERIMENT_NAME_LENGTH: Final = validation.MAX_EXPERIMENT_NAME

# Limits of MLflow's server; the tracker takes a batch of any size.
MAX_PARAMS_TAGS_PER_BATCH: Final = 100
MAX_METRICS_PER_BATCH: Final = 1_000
MAX_ENTITIES_PER_BATCH: Final = 1_000
