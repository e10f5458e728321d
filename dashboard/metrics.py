"""What a metric's name says: which part of the data, and whether more is better."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "eval": "test",
}
LESS_IS_BETTER = re.compile(
    r"loss|error|err\b|perplexity|rmse|mae|mse|nll|seconds|duration|latency"
)
MORE_IS_BETTER = re.compile(r"acc|f1|auc|precision|recall|score|iou|bleu|rouge|per_second|r2")
Stroke = Literal["solid", "dashed", "dotted"]
SEPARATOR = re.compile(r"([_/.\-: ])")


def split_part(key: str) -> tuple[str, str]:
    """A metric's subject and the part of the data it was measured on.

    >>> split_part("train_loss"), split_part("acc/val"), split_part("lr")
    (('loss', 'train'), ('acc', 'validation'), ('lr', ''))
    """
    pieces = SEPARATOR.split(key)
    for index in (0, len(pieces) - 1):
        part = PARTS.get(pieces[index].lower())
        if part and len(pieces) > 1:
            rest = pieces[2:] if index == 0 else pieces[:-2]
            return "".join(rest), part
    return key, ""


def panels(keys: Iterable[str]) -> dict[str, list[str]]:
    """Metrics that belong in one chart, by subject.

    >>> panels(["train_loss", "val_loss", "lr"])
    {'loss': ['train_loss', 'val_loss'], 'lr': ['lr']}
    """
    grouped: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        grouped[split_part(key)[0]].append(key)
    return dict(grouped)


def better(key: str) -> Literal["less", "more", ""]:
    """Whether less or more of a metric is better; empty where its name does not say."""
    if MORE_IS_BETTER.search(key.lower()):
        return "more"
    return "less" if LESS_IS_BETTER.search(key.lower()) else ""


def ranked(keys: Iterable[str]) -> list[str]:
    """Metrics by how much a study is judged by them: test first, accuracy before loss.

    >>> ranked(["train_loss", "val_accuracy", "test_accuracy", "images_per_second"])
    ['test_accuracy', 'val_accuracy', 'train_loss', 'images_per_second']
    """
    return sorted(keys, key=_rank)


def strokes(parts: Iterable[str]) -> dict[str, Stroke]:
    """How the line of each part is drawn: what a model is judged by is solid.

    >>> strokes({"train", "validation"}), strokes({"train", "test"})
    ({'train': 'dashed', 'validation': 'solid'}, {'test': 'solid', 'train': 'dashed'})
    """
    present = set(parts)
    drawn: dict[str, Stroke] = {"train": "dashed", "validation": "solid", "test": "dotted"}
    if "validation" not in present:
        drawn |= {"test": "solid"}
    if present == {"train"}:
        drawn |= {"train": "solid"}
    return {part: drawn.get(part, "solid") for part in sorted(present)}


def by_interest(key: str) -> tuple[bool, bool, str]:
    """A sorting key for curves: losses first, then the rest, times and speeds last."""
    return ("second" in key, better(key) != "less", key)


def _rank(key: str) -> tuple[bool, int, bool, int, str]:
    subject, part = split_part(key)
    parts = ["test", "validation", "train", ""]
    return ("second" in key, parts.index(part), better(key) != "more", len(subject), key)
