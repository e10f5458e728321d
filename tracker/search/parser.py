"""Tokens -> tree, with every operator and value checked against its field."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.exceptions import FilterError
from tracker.search.fields import EXPERIMENT_ID, Catalogue, holds_numbers, holds_text, resolve
from tracker.search.lexer import NUMBER_WORD, Token, TokenKind, tokenize
from tracker.search.syntax import (
    And,
    Comparison,
    Entity,
    Field,
    Literal,
    Node,
    Not,
    Or,
    Ordering,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# SQLite takes 32,766 bound values and expressions 1,000 deep; both leave room for the caller.
MAX_VALUES = 30_000
MAX_NESTING = 40
# SQLite takes patterns of 50,000 bytes, and an escaped character takes three.
MAX_PATTERN_BYTES = 16_000
# SQLite joins at most 64 tables: these, and those of a filter.
MAX_ORDERINGS = 30

_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "NULL"})
_COMPARATORS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_INEQUALITIES = frozenset({"<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN"})
_EQUALITIES = frozenset({"=", "!="})
_SLIPS = {
    "==": "Equality is written with one '='.",
    "<>": "Inequality is written '!='.",
    "!": "Negation is written NOT.",
    "&&": "Conjunction is written AND.",
    "&": "Conjunction is written AND.",
    "||": "Disjunction is written OR.",
    "|": "Disjunction is written OR.",
    "=~": "Patterns are written LIKE 'text%'.",
    "~": "Patterns are written LIKE 'text%'.",
    "=>": "Did you mean '>='?",
    "=<": "Did you mean '<='?",
}
_NUMBER_WORDS = re.compile(NUMBER_WORD)
_LARGEST_INTEGER = 2**63 - 1


def parse_filter(text: str, catalogue: Catalogue) -> Node | None:
    """The tree of a filter, None where the text is empty.

    Raises:
        FilterError: The text is not a filter.
    """
    parser = _Parser(text, catalogue)
    if parser.token.kind is TokenKind.END:
        return None
    tree = parser.disjunction()
    parser.expect_end("AND or OR must stand between two comparisons.")
    return tree


def parse_order_by(entries: Sequence[str], catalogue: Catalogue) -> list[Ordering]:
    """What to order by, most important first. A single text counts as one entry.

    Raises:
        FilterError: An entry is not a field with an optional direction, or is one too many.
    """
    orderings: list[Ordering] = []
    for entry in [entries] if isinstance(entries, str) else entries:
        ordering = _parse_ordering(entry, catalogue)
        if any(ordering.field == earlier.field for earlier in orderings):
            raise FilterError("The field is in order_by twice.", entry, 0)
        if len(orderings) == MAX_ORDERINGS:
            raise FilterError(f"order_by takes at most {MAX_ORDERINGS} fields.", entry, 0)
        orderings.append(ordering)
    return orderings


def _parse_ordering(text: str, catalogue: Catalogue) -> Ordering:
    if not text.strip():
        raise FilterError("An entry of order_by is empty.", text, 0)
    parser = _Parser(text, catalogue)
    name = parser.subject()
    descending = parser.accept_keyword("DESC")
    if not descending:
        parser.accept_keyword("ASC")
    parser.expect_end("Only ASC or DESC may follow; give each field an entry of its own.")
    return Ordering(name, descending)


@dataclass(slots=True)
class _Parser:
    text: str
    catalogue: Catalogue
    tokens: list[Token] = field(init=False)
    index: int = field(init=False, default=0)
    depth: int = field(init=False, default=0)
    value_count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.tokens = tokenize(self.text)

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index += token.kind is not TokenKind.END
        return token

    def error(self, reason: str) -> FilterError:
        return FilterError(reason, self.text, self.token.position)

    def accept_keyword(self, word: str) -> bool:
        found = self.token.kind is TokenKind.NAME and self.token.text.upper() == word
        self.index += found
        return found

    def expect_keyword(self, word: str, reason: str) -> None:
        if not self.accept_keyword(word):
            raise self.error(reason)

    def accept_mark(self, mark: str) -> bool:
        found = self.token.kind is TokenKind.PUNCTUATION and self.token.text == mark
        self.index += found
        return found

    def disjunction(self) -> Node:
        terms = [self.conjunction()]
        while self.accept_keyword("OR"):
            terms.append(self.conjunction())
        return Or(tuple(terms)) if len(terms) > 1 else terms[0]

    def conjunction(self) -> Node:
        terms = [self.term()]
        while self.accept_keyword("AND"):
            terms.append(self.term())
        return And(tuple(terms)) if len(terms) > 1 else terms[0]

    def term(self) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.error(f"A filter can be nested at most {MAX_NESTING} deep.")
        start = self.token.position
        if self.accept_keyword("NOT"):
            node: Node = Not(self.term())
        elif self.accept_mark("("):
            node = self.disjunction()
            if not self.accept_mark(")"):
                raise self._unfinished(f"The parenthesis at character {start + 1} is never closed.")
        else:
            node = self.comparison()
        self.depth -= 1
        return node

    def expect_end(self, reason: str) -> None:
        if self.token.kind is not TokenKind.END:
            raise self._unfinished(reason)

    def _unfinished(self, reason: str) -> FilterError:
        """The error where a comparison is complete and something else follows."""
        if self.token.kind is TokenKind.OPERATOR:
            return self.error(_operator_complaint(self.token.text))
        if self.token.text == ")":
            return self.error("This parenthesis was never opened.")
        return self.error(reason)

    def subject(self) -> Field:
        token = self.token
        if not _is_field(token):
            raise self.error(_field_complaint(token))
        self.advance()
        return resolve(token.text, self.catalogue, self.text, token.position)

    def comparison(self) -> Comparison:
        subject = self.subject()
        start = self.token.position
        operator = self.operator()
        comparison = Comparison(subject, operator, self.values(operator, subject))
        if reason := _mismatch(comparison):
            raise FilterError(reason, self.text, start)
        return comparison

    def operator(self) -> str:
        token = self.token
        if token.kind is TokenKind.OPERATOR:
            if token.text not in _COMPARATORS:
                raise self.error(_operator_complaint(token.text))
            return self.advance().text
        if self.accept_keyword("IS"):
            negated = self.accept_keyword("NOT")
            self.expect_keyword("NULL", "IS is followed by NULL or NOT NULL.")
            return "IS NOT NULL" if negated else "IS NULL"
        negation = "NOT " if self.accept_keyword("NOT") else ""
        for word in ("LIKE", "ILIKE", "IN", "BETWEEN"):
            if self.accept_keyword(word):
                return negation + word
        raise self.error(
            "A comparison must follow: = != < <= > >= LIKE ILIKE IN BETWEEN or IS NULL."
        )

    def values(self, operator: str, subject: Field) -> tuple[Literal, ...]:
        if operator.startswith("IS"):
            return ()
        if operator.endswith("BETWEEN"):
            low = self.literal(subject)
            self.expect_keyword("AND", "BETWEEN needs two values: BETWEEN 1 AND 2.")
            return low, self.literal(subject)
        if operator.endswith("IN"):
            return self.literals(subject)
        return (self.literal(subject),)

    def literals(self, subject: Field) -> tuple[Literal, ...]:
        if not self.accept_mark("("):
            raise self.error("IN needs a list in parentheses: IN ('a', 'b').")
        literals = [self.literal(subject)]
        while self.accept_mark(","):
            # MLflow takes a comma after the last value.
            if self.token.text == ")":
                break
            literals.append(self.literal(subject))
        if not self.accept_mark(")"):
            raise self.error("A list goes on with a comma or ends with a parenthesis.")
        return tuple(literals)

    def literal(self, subject: Field) -> Literal:
        token = self.token
        value = _value(token)
        if value is None:
            raise self.error(_value_complaint(token, subject))
        value = _as_number(value) if subject == EXPERIMENT_ID else value
        if reason := _wrong_type(value, token, subject):
            raise self.error(reason)
        self.value_count += 1
        if self.value_count > MAX_VALUES:
            raise self.error(f"A filter takes at most {MAX_VALUES} values.")
        self.advance()
        return Literal(value, token.text)


def _is_field(token: Token) -> bool:
    if token.kind is TokenKind.NAME:
        return token.text.upper() not in _KEYWORDS
    return token.kind is TokenKind.STRING and token.text.startswith('"')


def _value(token: Token) -> str | int | float | None:
    if token.kind is TokenKind.STRING:
        return token.text[1:-1]
    if token.kind is TokenKind.NUMBER:
        return _number(token.text)
    if token.kind is TokenKind.NAME and _NUMBER_WORDS.fullmatch(token.text):
        return float(token.text)
    return None


def _number(text: str) -> int | float:
    # Beyond 64 bits, and beyond the digits that int() takes, SQLite compares as a float as well.
    value = float(text)
    is_integer = text.lstrip("+-").isdecimal() and abs(value) < _LARGEST_INTEGER
    return int(text) if is_integer else value


def _as_number(value: str | float) -> str | int | float:
    """An experiment id as the number it is stored as; MLflow's filters write it in quotes."""
    return _number(value) if isinstance(value, str) and value.isdecimal() else value


def _mismatch(comparison: Comparison) -> str | None:
    """What is wrong between an operator and its field or values, if anything is."""
    operator, values = comparison.operator, [literal.value for literal in comparison.values]
    if operator.endswith("LIKE"):
        return _pattern_mismatch(comparison.field, operator, values[0])
    if len({isinstance(value, str) for value in values}) > 1:
        return "The values are partly numbers and partly texts."
    if operator not in _EQUALITIES and any(map(_is_nan, values)):
        return "NaN can be compared with = and != only."
    takes_both = not holds_text(comparison.field)
    if takes_both and operator in _INEQUALITIES and any(map(_is_quoted_number, values)):
        return f"{operator} would compare texts: write the number without quotes."
    return None


def _pattern_mismatch(subject: Field, operator: str, pattern: str | float) -> str | None:
    if holds_numbers(subject):
        return f"{operator} compares texts, and {subject.key!r} is a number."
    if not isinstance(pattern, str):
        return f"{operator} needs a text in quotes."
    if len(pattern.encode()) > MAX_PATTERN_BYTES:
        return f"A pattern takes at most {MAX_PATTERN_BYTES} bytes."
    return None


def _is_nan(value: str | float) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_quoted_number(value: str | float) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _wrong_type(value: str | float, token: Token, subject: Field) -> str | None:
    """Why a value cannot be compared with a field, if it cannot."""
    is_text = isinstance(value, str)
    if is_text and holds_numbers(subject):
        is_time = subject.entity is Entity.ATTRIBUTE and subject != EXPERIMENT_ID
        unit = " of milliseconds since 1970" if is_time else ""
        return f"{subject.key!r} is compared with a number{unit}, without quotes."
    if not is_text and holds_text(subject):
        return f"{subject.key!r} is compared with a text: write '{token.text}'."
    if _is_nan(value) and subject.entity is not Entity.METRIC:
        return f"Only a metric can be NaN; the text is written '{token.text}'."
    return None


def _operator_complaint(operator: str) -> str:
    return _SLIPS.get(operator, f"{operator!r} is no operator of a filter.")


def _field_complaint(token: Token) -> str:
    if token.kind is TokenKind.END:
        return "A comparison such as metrics.accuracy > 0.9 is missing."
    if token.kind is TokenKind.OPERATOR:
        return _operator_complaint(token.text)
    if token.kind in {TokenKind.STRING, TokenKind.NUMBER}:
        return "A comparison starts with a field such as metrics.accuracy, not with a value."
    return f"A field such as metrics.accuracy must stand here, not {token.text!r}."


def _value_complaint(token: Token, subject: Field) -> str:
    if token.kind is TokenKind.END:
        return "The value is missing."
    if token.kind is TokenKind.OPERATOR:
        return _operator_complaint(token.text)
    if token.text.startswith("`"):
        return f"Backticks quote names; a text is written '{token.text[1:-1]}'."
    if token.kind is not TokenKind.NAME or token.text.upper() in _KEYWORDS:
        return f"A value must stand here, not {token.text!r}."
    if holds_numbers(subject):
        return f"{subject.key!r} is compared with a number, not with {token.text!r}."
    return f"A text needs quotes: '{token.text}'."
