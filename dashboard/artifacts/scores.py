"""What follows from a confusion matrix or from single predictions, where a run left no more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from dashboard import untrusted

BINS = 10
MAX_CLASSES = 200
SCORES = ["label", "precision", "recall", "f1", "support"]


def completed(
    result: dict[str, Any], counts: pd.DataFrame | None, table: pd.DataFrame | None
) -> dict[str, Any]:
    """The result of a split with what was not recorded but follows from other files.

    Args:
        result: Of the split; its own figures stay.
        counts: Its confusion matrix: label, prediction, count.
        table: Its predictions: label, prediction, confidence.
    """
    found = dict(result)
    if counts is not None and counts["count"].sum() > 0:
        hits = counts.loc[counts["label"] == counts["prediction"], "count"].sum()
        found.setdefault("accuracy", float(hits / counts["count"].sum()))
    if table is not None and table["confidence"].notna().any():
        found.setdefault("calibration", {"bins": calibration_bins(table)})
    return found


def confusion(table: pd.DataFrame) -> pd.DataFrame | None:
    """The confusion matrix of single predictions: label, prediction, count; None of too many.

    >>> table = pd.DataFrame({"label": ["cat", "cat"], "prediction": ["cat", "dog"]})
    >>> confusion(table)["count"].tolist()
    [1, 1, 0, 0]
    """
    labels = sorted({*table["label"], *table["prediction"]})
    if len(labels) > MAX_CLASSES:
        return None
    pairs = table.groupby(["label", "prediction"]).size()
    every = pd.MultiIndex.from_product([labels, labels], names=["label", "prediction"])
    return pairs.reindex(every, fill_value=0).rename("count").reset_index()


def per_class(counts: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of each label, in [0, 1], and how many examples it has: SCORES.

    NaN where a label was never predicted, or never occurs.
    """
    matrix = counts.pivot_table(index="label", columns="prediction", values="count", sort=False)
    matrix = matrix.reindex(columns=matrix.index)
    hits = pd.Series(np.diag(matrix), matrix.index, dtype="float64")
    support, claimed = matrix.sum(axis=1), matrix.sum(axis=0)
    found = {
        "label": matrix.index,
        "precision": hits / claimed.where(claimed > 0, math.nan),
        "recall": hits / support.where(support > 0, math.nan),
        "f1": 2 * hits / (claimed + support).where(claimed + support > 0, math.nan),
        "support": support.astype("int64"),
    }
    return pd.DataFrame(found).reset_index(drop=True)


@untrusted.or_none
def recorded_per_class(result: dict[str, Any]) -> pd.DataFrame:
    """The scores that a result holds under `per_class`: SCORES; None where it holds none."""
    found = pd.DataFrame(result["per_class"])
    table = found.reindex(columns=SCORES)
    table["label"] = found["label"].astype("str")
    table[SCORES[1:]] = table[SCORES[1:]].astype("float64")
    if table.empty:
        raise ValueError("no classes")
    return table


def calibration_bins(table: pd.DataFrame) -> list[dict[str, float]]:
    """Predictions by confidence in ten bins: mean confidence, accuracy, count."""
    sure = table["confidence"].clip(0, 1)
    place = (sure * BINS).fillna(-1).astype("int64").clip(upper=BINS - 1)
    is_hit = table["label"] == table["prediction"]
    return [
        {
            "confidence": float(sure[place == number].mean()),
            "accuracy": float(is_hit[place == number].mean()),
            "count": int((place == number).sum()),
        }
        for number in range(BINS)
        if (place == number).any()
    ]
