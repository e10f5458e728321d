"""Long names in short, so that what tells them apart is what is left."""

from __future__ import annotations

import re
from collections import defaultdict
from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BETWEEN_WORDS = re.compile(r"[\s_./:=,-]")
LEAST_SAVED = 4


def families(names: Iterable[str]) -> dict[str, str]:
    """What all names with the same first word begin with, by that word; of two names at least.

    >>> families(["run of the sweep 1", "run of the sweep 12", "baseline"])
    {'run': 'run of the sweep 1'}
    """
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        grouped[_first_word(name)].append(name)
    # Of texts, not of paths.
    return {word: commonprefix(some) for word, some in grouped.items() if len(some) > 1}  # noqa: RUF071


def short(name: str, begins: Mapping[str, str], width: int) -> str:
    """A name; one longer than `width` without what its whole family begins with.

    Args:
        name: One line.
        begins: What `families` found; the first word of a family is kept.
        width: In letters.

    >>> short("run of the sweep 12", {"run": "run of the sweep 1"}, 12)
    'run…12'
    """
    word = _first_word(name)
    if len(name) <= width or word not in begins:
        return name
    ends = [found.end() for found in BETWEEN_WORDS.finditer(commonprefix([begins[word], name]))]  # noqa: RUF071
    start = ends[-1] if ends else 0
    saves_nothing = start < len(word) + LEAST_SAVED or start == len(name)
    return name if saves_nothing else f"{word}…{name[start:]}"


def _first_word(name: str) -> str:
    return BETWEEN_WORDS.split(name, maxsplit=1)[0]
