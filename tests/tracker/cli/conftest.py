from __future__ import annotations

from dataclasses import dataclass

import pytest

from tracker.__main__ import main
from tracker.client import TrackingClient
from tracker.entities import Dataset


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd, tmp_path):
    """The command line on the database of this test: cli("runs", "--limit", 5)."""

    def run(*arguments: object, db: object = None) -> Said:
        capfd.readouterr()
        code = main(["--db", str(db or tmp_path / "tracking.db"), *map(str, arguments)])
        return Said(code, *capfd.readouterr())

    return run


@pytest.fixture
def runs(tmp_path):
    """Run ids by name: two trained runs of the experiment `digits` and a failed one."""
    client = TrackingClient(tmp_path / "tracking.db")
    experiment_id = client.create_experiment("digits")
    return {
        "wide_1a": _train(client, experiment_id, "wide_1a", hidden=128, accuracy=0.92531),
        "narrow_2b": _train(client, experiment_id, "narrow_2b", hidden=2, accuracy=0.547),
        "broken": _fail(client, experiment_id),
    }


def _train(client, experiment_id, name, hidden, accuracy):
    run_id = client.create_run(
        experiment_id, run_name=name, start_time=1_760_000_000_123
    ).info.run_id
    client.log_params(run_id, {"hidden_size": hidden, "batch_size": 64})
    client.log_history(run_id, "loss", [2.0, 0.5, 1.0], timestamps=[1_760_000_001_000] * 3)
    client.log_metric(run_id, "accuracy", accuracy, step=2)
    client.set_tags(run_id, {"stage": "candidate", "mlflow.note.content": "First.\nSecond."})
    client.log_input(
        run_id, Dataset("MNIST", "abc", "local", "{}", None, '{"num_rows": 60000}'), "train"
    )
    client.log_text(run_id, "weights", "model/weights.txt")
    client.log_text(run_id, "same in all", "data.txt")
    client.set_terminated(run_id, end_time=1_760_000_125_123)
    return run_id


def _fail(client, experiment_id):
    run_id = client.create_run(experiment_id, run_name="broken").info.run_id
    client.log_metric(run_id, "loss", float("nan"))
    client.set_terminated(run_id, "FAILED")
    return run_id
