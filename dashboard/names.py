"""Long names in short, so that what tells them apart is what is left."""

from __future__ import annotations

import re
from collections import defaultdict
from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BETWEEN_WORDS = re.compile(r"[\s_./:=,-]")
LEAST_SAVED = 4


def telling(names: Iterable[str], width: int) -> dict[str, str]:
    """Each name; one longer than `width` without what all names of its family begin with.

    A family is all names that have their first word in common; that word is kept.

    >>> list(telling(["run of the sweep 1", "run of the sweep 12", "base of it"], 8).values())
    ['run…1', 'run…12', 'base of it']
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        families[_first_word(name)].append(name)
    return {
        name: _without(name, word, shared) if len(name) > width and len(family) > 1 else name
        for word, family in families.items()
        for shared in [commonprefix(family)]  # noqa: RUF071 - of texts, not of paths
        for name in family
    }


def _first_word(name: str) -> str:
    return BETWEEN_WORDS.split(name, maxsplit=1)[0]


def _without(name: str, word: str, shared: str) -> str:
    ends = [found.end() for found in BETWEEN_WORDS.finditer(shared)]
    start = ends[-1] if ends else 0
    saves_nothing = start < len(word) + LEAST_SAVED or start == len(name)
    return name if saves_nothing else f"{word}…{name[start:]}"
