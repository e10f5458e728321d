"""Runs an Optuna study with its MLflowCallback, which imports mlflow by itself."""

import tracker.as_mlflow

tracker.as_mlflow.install()

import mlflow  # noqa: E402
import optuna  # noqa: E402
from optuna_integration.mlflow import MLflowCallback  # noqa: E402


def main():
    callback = MLflowCallback(
        tracking_uri="sqlite:///tracking.db", metric_name="distance", tag_study_user_attrs=True
    )

    @callback.track_in_mlflow()
    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        mlflow.log_metric("seen while it ran", x)
        return (x - 2) ** 2

    study = optuna.create_study(
        study_name="parabola", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.set_user_attr("purpose", "p" * 10_000)
    study.optimize(objective, n_trials=5, callbacks=[callback])


if __name__ == "__main__":
    main()
