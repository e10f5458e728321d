from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracker import TrackingClient
from training.distributed import World


def launched(study_file, processes, *arguments):
    """Runs the study under torchrun, as its users do."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", "-m", "training", "--config", str(study_file)),
            *arguments,
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
    shares = [World(rank, processes).shard(batch) for rank in range(processes)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
def test_two_processes_leave_one_run_with_the_numbers_of_one_process(train, study_file):
    # 320 images in batches of 33: an odd share, and a last batch of 23.
    odd = ("--set", "model_configs.default.batch_size=33")
    result = launched(study_file, 2, "--only", "default", *odd)
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
def test_a_loss_that_breaks_ends_its_configuration_in_all_processes_and_no_other(study_file):
    broken = ("--set", "model_configs.default.learning_rate=1e30")
    result = launched(study_file, 2, "--seeds", "2", *broken)
    assert result.returncode == 1
    assert "no longer finite at step" in result.stdout
    found = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    ended = Counter((run.data.tags["configuration"], run.info.status) for run in found)
    assert ended == {("default", "FAILED"): 2, ("blurred_dataset", "FINISHED"): 3}


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_processes_that_were_interrupted_go_on_by_the_command_that_they_print(
    study_file, interrupt, sent
):
    long = ("--only", "default", "--set", "model_configs.default.max_epochs=20")
    done = interrupt(study_file, sent, *long, processes=2)
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    command = shlex.split(told[0].partition("resume with: ")[2])
    assert subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == 0
    assert launched(study_file, 2, *long).returncode == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    first, second = client.search_runs(["1"])
    assert first.info.status == second.info.status == "FINISHED"
    assert first.data.metrics["val_loss"] == second.data.metrics["val_loss"]
    assert first.data.params["processes"] == "2"


@pytest.mark.slow
@pytest.mark.parametrize(
    "mistake",
    [("--resume", "absent"), ("--set", "model_configs.default.data_split_ratio=0.001")],
)
def test_of_all_processes_one_tells_a_mistake(study_file, mistake):
    """What only the first of them looks at, and what all of them do."""
    result = launched(study_file, 2, *mistake)
    assert result.stderr.count("error: ") == 1
    assert result.stderr.count("Traceback") == 1  # torchrun's own
