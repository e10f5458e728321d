from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import TrackingClient
from training.__main__ import main
from training.config import ModelConfig
from training.seeds import derived_seed
from training.split import split_indices


def test_seeds_become_children_whose_mean_and_deviation_the_parent_holds(study_file, capsys):
    assert main(["--config", str(study_file), "--only", "default", "--seeds", "3"]) == 0
    runs = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in runs if run is not parent]
    accuracies = [run.data.metrics["test_accuracy"] for run in children]
    assert {run.data.params["seed"] for run in children} == {"42", "43", "44"}
    assert parent.data.metrics["test_accuracy_mean"] == pytest.approx(statistics.fmean(accuracies))
    assert parent.data.metrics["test_accuracy_std"] == pytest.approx(statistics.stdev(accuracies))
    printed = capsys.readouterr().out
    assert all(f"default, seed {seed}: epoch   2" in printed for seed in (42, 43, 44))
    assert "±" in printed


@given(st.integers(10, 500), st.floats(0.2, 0.8), st.integers(0, 2**40))
def test_a_split_divides_the_chosen_rows_and_repeats(total, ratio, seed):
    config = ModelConfig(data_split_ratio=ratio, max_samples=total // 2)
    split, again = (split_indices(total, config, seed) for _ in range(2))
    rows = split.train.tolist() + split.validation.tolist()
    assert len(set(rows)) == len(rows) == total // 2
    assert split.train.tolist() == again.train.tolist()


@given(st.integers(0, 2**63), st.text(max_size=5), st.text(max_size=5))
def test_streams_of_chance_differ_by_their_purpose(seed, one, other):
    assert 0 <= derived_seed(seed, one) < 2**63
    assert (derived_seed(seed, one) == derived_seed(seed, other)) == (one == other)
