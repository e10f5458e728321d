"""The active run: MLflow's fluent verbs, without a run id.

All of them are loaded with the first: a signal handler that logs must not meet a half-loaded one.
"""

from tracker.fluent import active, artifacts, database, experiments, records, runs, sampling

__all__ = ["active", "artifacts", "database", "experiments", "records", "runs", "sampling"]
