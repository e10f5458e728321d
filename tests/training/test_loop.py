"""The loop itself: when it stops, and how near to the command line it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import training
from tracker import TrackingClient
from training.__main__ import main
from training.config import ModelConfig
from training.distributed import World
from training.loop import Task, train_epochs
from training.model import build_model
from training.outcome import EpochResult, has_stalled
from training.seeds import GlobalGenerators
from training.step import build_optimizer, build_step

TRAINER = str(Path(training.__file__).parent)


def test_ten_calls_lead_from_the_command_line_to_the_optimizer(study_file, monkeypatch):
    depths = []

    class Counting(torch.optim.SGD):
        def step(self, closure=None):
            frame, names = sys._getframe(1), []
            while frame and frame.f_code is not main.__code__:
                if frame.f_code.co_filename.startswith(TRAINER):
                    names.append(frame.f_code.co_name)
                frame = frame.f_back
            depths.append(["main", *reversed(names), "step"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "SGD", Counting)
    momentum = ["--set", "model_configs.extra.momentum=0.5"]
    assert main(["--config", str(study_file), "--only", "extra", *momentum]) == 0
    assert len(depths[0]) <= 10, depths[0]


def epochs_with_losses(*losses):
    return [
        EpochResult(epoch, 1.0, 0.5, loss, 0.5, 0.1, 100.0)
        for epoch, loss in enumerate(losses, start=1)
    ]


@pytest.mark.parametrize(
    ("losses", "patience", "stalled"),
    [
        ((), 1, False),
        ((3.0, 2.0, 1.0), 1, False),
        ((1.0, 2.0), 1, True),
        ((1.0, 2.0), 2, False),
        ((1.0, 1.0, 1.0), 2, True),
        ((2.0, 1.0, 3.0, 4.0), 3, False),
        ((1.0, 9.0, 9.0, 9.0), None, False),
    ],
)
def test_a_training_has_stalled_after_so_many_epochs_without_a_better_one(
    losses, patience, stalled
):
    history = epochs_with_losses(*losses)
    assert has_stalled(history, ModelConfig(patience=patience)) == stalled


def test_an_early_stop_evaluates_the_best_epoch(study_file):
    """A huge learning rate makes the first epoch the best one."""
    sets = ["patience=2", "max_epochs=30", "learning_rate=3.0"]
    options = [part for each in sets for part in ("--set", f"model_configs.extra.{each}")]
    assert main(["--config", str(study_file), "--only", "extra", *options]) == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    (run,) = client.search_runs(["1"])
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")]
    best = int(run.data.metrics["best_epoch"])
    assert steps == list(range(1, best + 3))
    assert len(steps) < 30
    (tested,) = client.get_metric_history(run.info.run_id, "test_loss")
    assert tested.step == steps[-1]


@pytest.mark.parametrize(("drop_last", "steps"), [(False, [32, 32, 16]), (True, [32, 32])])
def test_a_smaller_last_batch_is_kept_unless_it_is_dropped(make_examples, drop_last, steps):
    config = ModelConfig(batch_size=32, max_epochs=1, drop_last=drop_last)
    model, train, sizes = build_model(config, seed=1), make_examples(80), []
    working = build_step(model, build_optimizer(model, config), config, World())

    def counting(images, labels, lr, batch_size):
        sizes.append(len(images))
        return working(images, labels, lr, batch_size)

    task = Task(model, counting, train, train, config, 1, World(), GlobalGenerators(1))
    (result,) = train_epochs(task, [])
    assert sizes == steps
    assert 0 <= result.train_accuracy <= 1
