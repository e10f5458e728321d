"""The active run: MLflow's fluent verbs, without a run id."""
