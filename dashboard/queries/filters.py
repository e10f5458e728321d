"""What a person types into the search box, as a query: part of a name, or the search language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.queries import run_lists
from tracker.exceptions import FilterError
from tracker.search import compile_run_search

if TYPE_CHECKING:
    from dashboard.source import Source

# Anything with an operator is meant in the search language; the rest is part of a name.
OPERATOR = re.compile(r"[=<>]|\b(LIKE|ILIKE|IN|IS|BETWEEN)\b", re.IGNORECASE)
SIGN = re.compile(r"[=<>]|\bI?LIKE\s*'|\bIN\s*\(", re.IGNORECASE)
FIRST_WORD = re.compile(r"(?:NOT\b|[\s(])*(\S+)", re.IGNORECASE)
SUGGESTION = re.compile(r"[Dd]id you mean '([^']+)'")
WORD = re.compile(r"[\w.]+")


@dataclass(frozen=True)
class Problem:
    """Why a filter cannot be read.

    Args:
        sentence: The reason.
        correction: The whole filter with the suggested word in it; empty for none.
        word: The suggested word.
    """

    sentence: str
    correction: str = ""
    word: str = ""


def filtered(
    source: Source, base: run_lists.RunQuery, text: str
) -> tuple[run_lists.RunQuery, Problem | None]:
    """The runs whose names hold a text, or for which it is true in the search language.

    Returns:
        The query, and None; or `base`, and why the text cannot be read.
    """
    text = text.strip()
    named = base.with_text(text)
    if not OPERATOR.search(text):
        return named, None
    try:
        return base.with_search(compile_run_search(text, None)), None
    except FilterError as error:
        if not _is_query(text) or run_lists.count_runs(source, named):
            return named, None
        return base, _problem(error)


def _problem(error: FilterError) -> Problem:
    suggested = SUGGESTION.search(error.reason)
    wrong = WORD.match(error.text, error.position)
    if not suggested or not wrong:
        return Problem(error.reason)
    word = suggested[1]
    correction = f"{error.text[: wrong.start()]}{word}{error.text[wrong.end() :]}"
    return Problem(error.reason[: suggested.start()].strip(), correction, word)


def _is_query(text: str) -> bool:
    """Whether a text in which the search language finds an error was yet meant in it.

    A sign says so, and a field that it begins with.

    >>> _is_query("acc > 0.9"), _is_query("(status in lab"), _is_query("first try in lab")
    (True, True, False)
    """
    first = FIRST_WORD.match(text)
    if SIGN.search(text) or first is None:
        return True
    try:
        compile_run_search(f"{first[1]} IS NULL", None)
    except FilterError:
        return False
    return True
