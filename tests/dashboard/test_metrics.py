"""What the names of metrics are taken to mean."""

from __future__ import annotations

import pytest

from dashboard import metrics


@pytest.mark.parametrize(
    "key",
    [
        *("loss", "val_iou_loss", "grad_accum_loss", "val_loss_accum", "trainLoss", "score error"),
        *("test/err", "rmse", "loss.val", "epoch_seconds", "seconds_per_epoch", "accuracy-loss"),
    ],
)
def test_less_of_a_loss_an_error_or_a_time_is_better(key):
    assert metrics.better(key) == "less"


@pytest.mark.parametrize(
    "key",
    [
        *("acc", "val/acc1", "top5_acc", "eval/bleu[4]", "f1.macro", "mAP50", "recall@10"),
        *("valScore", "images_per_second", "tokens per sec", "miou"),
    ],
)
def test_more_of_an_accuracy_a_score_or_a_speed_is_better(key):
    assert metrics.better(key) == "more"


@pytest.mark.parametrize(
    "key",
    [
        *("lr", "accumulated", "grad.norm", "glossy", "errand", "µ", ""),
        *("test_accuracy_std", "val/loss-stdev", "scoreStd"),
    ],
)
def test_a_name_that_does_not_say_has_no_direction(key):
    assert metrics.better(key) == ""


def test_what_a_study_is_judged_by_comes_before_what_has_no_direction():
    assert metrics.ranked(["lr", "loss", "acc"]) == ["acc", "loss", "lr"]
