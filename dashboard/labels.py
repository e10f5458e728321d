"""Names of runs for people: short, and no two alike."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from os.path import commonprefix
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BETWEEN_WORDS = re.compile(r"[\s_./:=,-]")
LEAST_SAVED = 4
# The trainer ends a run's name in digits of its own.
DIGITS = re.compile(r"_([0-9a-f]{8})$")
SEED = re.compile(r"(^|[._/-])(random_)?(seed|random_state)$", re.IGNORECASE)
SHORT_DIGITS, DIGITS_SHOWN = 4, 8
UNNAMED = "run"


class Label(NamedTuple):
    """What a run is called.

    Args:
        name: Its own name on one line, without digits that only tell it from its namesakes.
        seed: The seed, where runs of one name differ in it; else empty.
        digits: First digits of its id, where name and seed do not tell it apart; else empty.
    """

    name: str
    seed: str = ""
    digits: str = ""

    def __str__(self) -> str:
        """All of it on one line."""
        parts = [self.name, f"seed {self.seed}" if self.seed else "", self.digits]
        return " · ".join(part for part in parts if part)


def labels(
    names: Mapping[str, str | None], seeds: Mapping[str, str] | None = None
) -> dict[str, Label]:
    """A label for each run, no two alike.

    Args:
        names: Run id to name.
        seeds: Run id to seed.

    >>> found = labels({"0a1b": "adam_99887766", "2c3d": "adam_11223344"}, {"0a1b": "1"})
    >>> str(found["0a1b"]), str(found["2c3d"])
    ('adam · seed 1', 'adam')
    """
    seeds = seeds or {}
    matches = (DIGITS.search(name or "") for name in names.values())
    own = Counter(match[1] for match in matches if match)
    plain = {run_id: _plain(name, own) for run_id, name in names.items()}
    count = Counter(plain.values())
    found = {
        run_id: Label(name, seeds.get(run_id, "") if count[name] > 1 else "")
        for run_id, name in plain.items()
    }
    for length in (SHORT_DIGITS, DIGITS_SHOWN, None):
        alike = Counter(map(str, found.values()))
        found = {
            run_id: label if alike[str(label)] == 1 else label._replace(digits=run_id[:length])
            for run_id, label in found.items()
        }
    return found


def _plain(name: str | None, own: Mapping[str, int]) -> str:
    line = " ".join((name or "").split())
    digits = DIGITS.search(line)
    is_own = digits is not None and own[digits[1]] == 1
    return (line[: digits.start()] if digits and is_own else line) or UNNAMED


def seed_of(params: Mapping[str, str]) -> str:
    """A run's seed, as its parameters tell it; '' where they do not.

    >>> seed_of({"data.seed": "7", "lr": "0.1"})
    '7'
    """
    return next((value for key, value in params.items() if SEED.search(key)), "")


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
        begins: What `families` found.
        width: In letters.

    >>> short("run of the sweep 12", {"run": "run of the sweep 1"}, 12)
    '…12'
    """
    word = _first_word(name)
    if len(name) <= width or word not in begins:
        return name
    ends = [found.end() for found in BETWEEN_WORDS.finditer(commonprefix([begins[word], name]))]  # noqa: RUF071
    start = ends[-1] if ends else 0
    return name if start < LEAST_SAVED or start == len(name) else f"…{name[start:]}"


def _first_word(name: str) -> str:
    return BETWEEN_WORDS.split(name, maxsplit=1)[0]
