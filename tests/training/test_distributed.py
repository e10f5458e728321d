from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracker import TrackingClient
from training.world import World


def launched(study_file, processes, *arguments):
    """Runs the study under torchrun, as its users do."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", "-m", "training", "--config", str(study_file)),
            *("--only", "default", *arguments),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=180,
        check=False,
    )


@given(st.integers(0, 200), st.integers(1, 8))
def test_the_shares_of_all_processes_are_the_batch(count, processes):
    batch = torch.arange(count)
    shares = [World(rank, processes).share(batch) for rank in range(processes)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
def test_two_processes_leave_one_run_with_the_numbers_of_one_process(train, study_file):
    # 320 images in batches of 33: an odd share, and a last batch of 23.
    odd = ("--set", "model_configs.default.batch_size=33")
    result = launched(study_file, 2, *odd)
    assert result.returncode == 0, result.stderr
    assert train("--only", "default", *odd).returncode == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    alone, together = client.search_runs(["1"])
    assert together.data.params["processes"] == "2"
    for key in ("train_loss", "val_loss", "test_loss", "test_accuracy"):
        ours, theirs = (client.get_metric_history(r.info.run_id, key) for r in (alone, together))
        assert [p.step for p in ours] == [p.step for p in theirs]
        assert [p.value for p in theirs] == pytest.approx([p.value for p in ours], rel=1e-4)


@pytest.mark.slow
def test_a_loss_that_breaks_ends_all_processes(study_file):
    result = launched(study_file, 2, "--set", "model_configs.default.learning_rate=1e30")
    assert result.returncode == 1
    assert "no longer finite at step" in result.stdout
    (run,) = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    assert run.info.status == "FAILED"
