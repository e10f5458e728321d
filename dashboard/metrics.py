"""What a metric's name says: which part of the data, and whether more is better."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
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
    r"loss(es)?|err(ors?)?|perplexity|ppl|r?mse|mae|mape|nll|wer|cer|fid|ece|brier|regret"
    r"|seconds|duration|latency"
)
MORE_IS_BETTER = re.compile(
    r"acc(uracy|uracies)?|f1|auc|auroc|auprc|precision|recall|sensitivity|specificity|scores?"
    r"|m?iou|dice|bleu|rouge|r2|map|ndcg|mrr|psnr|ssim|reward|throughput"
)
A_SPEED = re.compile(r"per_?(second|sec|s)$")
A_SPREAD = re.compile(r"_(std|stdev|stddev|sem|variance)$")
SEPARATOR = re.compile(r"([_/.\-: ])")
# Tables ask the same names again and again.
NAMES_KEPT = 4096
WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
NOT_IN_WORDS = re.compile(r"[^a-z0-9]+")


@lru_cache(NAMES_KEPT)
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


@lru_cache(NAMES_KEPT)
def better(key: str) -> Literal["less", "more", ""]:
    """Whether less or more of a metric is better; empty where its name does not say.

    The last word that says something decides: an IoU loss is a loss.

    >>> better("val_iou"), better("iou_loss"), better("grad_accum_loss"), better("accum")
    ('more', 'less', 'less', '')
    """
    words = NOT_IN_WORDS.sub("_", WORD_STARTS.sub("_", key).lower())
    if A_SPEED.search(words):
        return "more"
    if A_SPREAD.search(words):
        return ""
    for word in reversed(words.split("_")):
        for meant in (word, word.rstrip("0123456789")):
            if LESS_IS_BETTER.fullmatch(meant):
                return "less"
            if MORE_IS_BETTER.fullmatch(meant):
                return "more"
    return ""


def ranked(keys: Iterable[str]) -> list[str]:
    """Metrics by how much a study is judged by them: test first, accuracy before loss.

    >>> ranked(["train_loss", "val_accuracy", "test_accuracy", "images_per_second"])
    ['test_accuracy', 'val_accuracy', 'train_loss', 'images_per_second']
    """
    return sorted(keys, key=_rank)


def by_interest(key: str) -> tuple[bool, bool, str]:
    """A sorting key for curves: losses first, then the rest, times and speeds last."""
    return ("second" in key, better(key) != "less", key)


def _rank(key: str) -> tuple[bool, int, int, int, str]:
    subject, part = split_part(key)
    parts, directions = ["test", "validation", "train", ""], ["more", "less", ""]
    return ("second" in key, parts.index(part), directions.index(better(key)), len(subject), key)
