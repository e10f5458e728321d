"""What a run leaves behind when its training cannot go on."""

from __future__ import annotations

import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tracker import TrackingClient
from tracker.exceptions import ArtifactError
from training import checkpoint
from training.__main__ import main
from training.checkpoint import Checkpoint, CheckpointKeeper, matching_states, saved_states
from training.config import ModelConfig
from training.distributed import World
from training.errors import ConfigError, NonFiniteLossError, RunFailedError, TrainingError
from training.loop import Task, train_epochs
from training.model import build_model
from training.outcome import EpochResult
from training.records import as_json, record_evaluation
from training.run import recorded
from training.seeds import GlobalGenerators
from training.step import build_optimizer, build_step


def only_run(study_file):
    (run,) = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    return run


def test_a_loss_that_is_no_number_fails_the_run_at_its_step(study_file):
    broken = ["--only", "default", "--set", "model_configs.default.learning_rate=1e30"]
    assert main(["--config", str(study_file), *broken]) == 1
    run = only_run(study_file)
    assert run.info.status == "FAILED"
    assert "no longer finite at step 2 (epoch 1)" in run.data.tags["tracker.failure_reason"]


def test_a_network_that_the_last_step_broke_is_neither_tested_nor_exported(study_file):
    """The loss of a step is from before its update: only validation sees what the last one did."""
    whole_set = ["--set", "model_configs.default.batch_size=320"]
    broken = ["--set", "model_configs.default.learning_rate=1e38"]
    one = ["--only", "default", "--set", "model_configs.default.max_epochs=1"]
    assert main(["--config", str(study_file), *one, *whole_set, *broken]) == 1
    run = only_run(study_file)
    assert run.info.status == "FAILED"
    assert "no longer finite at step 1 (epoch 1)" in run.data.tags["tracker.failure_reason"]
    assert not any(key.startswith("test_") for key in run.data.metrics)


def test_a_loss_that_breaks_on_the_test_images_alone_leaves_no_evaluation(experiment, tracked):
    model = build_model(experiment.settings, seed=1)
    with torch.no_grad():
        model[3].bias[0] = float("inf")
    with tracked.start_run() as run, pytest.raises(TrainingError, match="not finite"):
        record_evaluation(model, experiment.data, 100, experiment.device)
    assert tracked.get_client().list_artifacts(run.info.run_id, "evaluation") == []


def test_no_file_of_numbers_holds_what_json_has_no_word_for():
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"loss": float("nan")})


def test_the_step_at_which_the_loss_broke_is_counted_over_all_epochs(make_examples):
    config = ModelConfig(batch_size=10, max_epochs=3, hidden_size=4)
    model = build_model(config, seed=1)
    train = make_examples(30)
    working = build_step(model, build_optimizer(model, config), config, World())
    calls = []

    def breaking(images, labels, rate, total):
        calls.append(None)
        logits = working(images, labels, rate, total)
        return logits * float("nan") if len(calls) == 5 else logits

    task = Task(model, breaking, train, train, config, 1, World(), GlobalGenerators(1))
    with pytest.raises(NonFiniteLossError, match=r"step 5 \(epoch 2\)"):
        list(train_epochs(task, []))


@contextmanager
def no_file_larger_than(size):
    """Stands for a full disk: what is written beyond `size` bytes of a file is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def state_after(epoch, best=None):
    history = [EpochResult(done, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0) for done in range(1, epoch + 1)]
    weights = {"w": torch.full((5000,), float(epoch))}
    return Checkpoint(epoch, "mlp", weights, {}, history, best or epoch, 1, [], {})


def test_a_full_disk_during_a_checkpoint_keeps_the_one_before(tracked):
    with tracked.start_run() as run:
        keeper = CheckpointKeeper(run.info.run_id)
        keeper.note(state_after(1))
        keeper.write()
        keeper.note(state_after(2))
        with no_file_larger_than(10_000), pytest.raises(ArtifactError, match="model/"):
            keeper.write()
    artifacts = tracked.get_client().artifacts(run.info.run_id)
    assert checkpoint.load(artifacts.local_path("model/last.pt")).epoch == 1


def test_a_full_disk_is_the_reason_that_the_run_keeps(study_file):
    wide = ["--only", "default", "--set", "model_configs.default.hidden_size=2000"]
    with no_file_larger_than(3_000_000):
        assert main(["--config", str(study_file), *wide]) == 1
    run = only_run(study_file)
    assert run.info.status == "FAILED"
    assert "model/best.pt" in run.data.tags["tracker.failure_reason"]


def test_any_error_of_the_trainer_is_the_reason_that_the_run_keeps(experiment, tracked):
    with pytest.raises(RunFailedError, match="no luck") as caught, recorded(experiment):
        raise ConfigError("no luck")
    outcome = caught.value.outcome
    run = tracked.get_run(outcome.run_id)
    assert outcome.seconds > 0
    assert (run.info.status, run.data.tags["tracker.failure_reason"]) == (
        "FAILED",
        "ConfigError: no luck",
    )


LITTLE_MEMORY = """
import resource, sys, torch
from training.__main__ import main
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2_000_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory is used from /proc")
def test_a_network_too_large_for_the_memory_fails_alone(study_file, python):
    """Its weights take 3 GB."""
    huge = ["--set", "model_configs.default.hidden_size=1000000"]
    result = python(LITTLE_MEMORY, "--config", str(study_file), *huge, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    found = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    runs = {run.data.tags["configuration"]: run for run in found}
    assert "not enough memory" in runs["default"].data.tags["tracker.failure_reason"]
    assert runs["blurred_dataset"].info.status == "FINISHED"


@pytest.mark.parametrize(
    ("states", "last", "best"),
    [
        ([state_after(3, best=2), state_after(2)], 3, 2),
        ([state_after(3), state_after(1)], 3, 3),  # the best one was not put in its place
        ([state_after(3, best=2), state_after(1)], 1, 1),  # nor is it the last one
        ([state_after(2, best=1), state_after(3)], 3, 3),  # the last one was not
        ([state_after(1)], 1, 1),
    ],
)
def test_a_training_goes_on_from_the_latest_state_whose_best_one_is_there(states, last, best):
    saved = matching_states(states)
    assert (saved.last.epoch, saved.best.epoch) == (last, best)


def test_a_last_state_whose_best_one_is_lost_is_of_no_use():
    assert matching_states([state_after(3, best=2)]) is None


@pytest.fixture
def put_in_place():
    """The names that files were renamed or linked to, in order; an audit hook stays to the end."""
    names, listening = [], [True]

    def listen(event, arguments):
        if listening and event in {"os.rename", "os.link"}:
            names.append(Path(arguments[1]).name)

    sys.addaudithook(listen)
    yield names
    listening.clear()


def test_the_best_state_is_put_in_its_place_before_the_last_one(tracked, put_in_place):
    with tracked.start_run() as run:
        keeper = CheckpointKeeper(run.info.run_id)
        keeper.note(state_after(1))
        keeper.write()
    assert [name for name in put_in_place if name.endswith(".pt")] == ["best.pt", "last.pt"]


def test_checkpoints_wait_until_writing_is_worth_it_and_the_end_is_never_missed(tracked):
    with tracked.start_run() as run:
        keeper = CheckpointKeeper(run.info.run_id, pause_seconds=1_000)
        keeper.note(state_after(1))
        keeper.note(state_after(2))
        assert saved_states(run.info.run_id) is None
        keeper.write()
    assert saved_states(run.info.run_id).last.epoch == 2
