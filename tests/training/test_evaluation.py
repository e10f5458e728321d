from __future__ import annotations

import csv
import gzip
import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation import (
    Predictions,
    calibration,
    confusion_counts,
    extremes,
    per_class_scores,
    predictions_table,
    summary,
)


def predictions(labels, predicted, confidence=None, losses=None):
    count = len(labels)
    return Predictions(
        torch.tensor(labels),
        torch.tensor(predicted),
        torch.tensor(confidence or [0.5] * count),
        torch.tensor(losses or [1.0] * count),
    )


digits = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60)


@given(digits)
def test_the_confusion_matrix_counts_every_image_in_its_cell(pairs):
    labels, predicted = zip(*pairs, strict=True)
    counts = confusion_counts(predictions(labels, predicted))
    assert all(counts[r][c] == pairs.count((r, c)) for r in range(10) for c in range(10))


@given(digits)
def test_scores_of_a_class_follow_their_definitions(pairs):
    labels, predicted = zip(*pairs, strict=True)
    for row in per_class_scores(confusion_counts(predictions(labels, predicted))):
        digit = row["label"]
        hits = pairs.count((digit, digit))
        assert row["precision"] == pytest.approx(hits / max(1, predicted.count(digit)))
        assert row["recall"] == pytest.approx(hits / max(1, labels.count(digit)))
        both = row["precision"] + row["recall"]
        assert row["f1"] == pytest.approx(
            2 * row["precision"] * row["recall"] / both if both else 0
        )


def test_a_model_as_sure_as_it_is_right_is_calibrated():
    right = [1, 1, 1, 0, 1, 1, 1, 0]
    shown = predictions([1] * 8, right, [0.75] * 8)
    assert calibration(shown)["ece"] == pytest.approx(0)
    assert [row["count"] for row in calibration(shown)["bins"]] == [0] * 7 + [8, 0, 0]


def test_a_model_that_is_always_sure_and_half_wrong_is_off_by_a_half():
    shown = predictions([1, 1], [1, 2], [1.0, 1.0])
    assert calibration(shown)["ece"] == pytest.approx(0.5)


def test_the_table_of_predictions_reads_back_and_is_the_same_bytes_each_time():
    shown = predictions([3, 4], [3, 9], [0.9, 0.6], [0.1, 2.5])
    content = predictions_table(shown)
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    assert [row["prediction"] for row in rows] == ["3", "9"]
    assert [float(row["loss"]) for row in rows] == pytest.approx([0.1, 2.5])
    assert predictions_table(shown) == content


def test_the_extremes_are_the_surest_right_and_the_surest_wrong_answers():
    shown = predictions([1, 2, 3, 4], [1, 2, 0, 0], [0.6, 0.9, 0.7, 0.8])
    found = [(row["kind"], row["index"], row["position"]) for row in extremes(shown, 1)]
    assert found == [("best", 1, 0), ("worst", 3, 1)]


def test_a_perfect_model_has_no_worst_images():
    assert {row["kind"] for row in extremes(predictions([1, 2], [1, 2]))} == {"best"}


def test_the_summary_holds_the_mean_loss_and_the_share_read_right():
    scores = summary(predictions([1, 2, 3, 4], [1, 2, 3, 0], losses=[1.0, 2.0, 3.0, 6.0]))
    assert (scores["loss"], scores["accuracy"]) == (3.0, 0.75)
