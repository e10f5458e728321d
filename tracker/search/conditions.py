"""One stored value compared with the values of a filter: SQL with placeholders."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.search.syntax import Comparison, Entity, Field, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of SQL and the values of its placeholders, in order."""

    sql: str
    params: tuple[Value, ...] = ()


# A text column takes part in a comparison with a REAL as a number where the whole of it is one,
# and sorts after every number otherwise. The CASE yields NULL for a text that is no number.
_TEXT_AS_NUMBER = """CASE
        WHEN {0} <= CAST('9e999' AS REAL) THEN CAST({0} AS NUMERIC)
        WHEN {0} = 'inf' THEN 9e999
        WHEN {0} = '-inf' THEN -9e999
    END"""

_LIKE_TO_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})
_PATTERN_OPERATORS = {
    # LIKE distinguishes capitals in MLflow, in SQLite only where a pragma says so; GLOB always.
    "LIKE": "{0} GLOB ?",
    "NOT LIKE": "{0} NOT GLOB ?",
    "ILIKE": "lower({0}) GLOB lower(?)",
    "NOT ILIKE": "lower({0}) NOT GLOB lower(?)",
}
_RANGE_OPERATORS = frozenset({"BETWEEN", "NOT BETWEEN"})
_LIST_OPERATORS = frozenset({"IN", "NOT IN"})
NULL_OPERATORS = frozenset({"IS NULL", "IS NOT NULL"})
# NaN differs from every number, as in Python and in MLflow.
_TRUE_FOR_NAN = frozenset({"!=", "NOT IN", "NOT BETWEEN"})


def condition(node: Comparison, subject: Field, column: str, alias: str = "") -> Clause:
    """The comparison of one stored value, which stands in `column` of the table `alias`."""
    if subject.entity is Entity.METRIC:
        return _metric_condition(node, column, alias)
    values = [literal.value for literal in node.values]
    is_text = not values or isinstance(values[0], str)
    if is_text or subject.entity is Entity.ATTRIBUTE:
        return _operation(node.operator, column, "?", values)
    number = _TEXT_AS_NUMBER.format(column)
    # Read by SQLite on both sides: its last binary digit is not always Python's.
    texts = [_number_text(literal) for literal in node.values]
    return _operation(node.operator, number, "CAST(? AS NUMERIC)", texts)


def _metric_condition(node: Comparison, column: str, alias: str) -> Clause:
    values = [_metric_value(float(each.value)) for each in node.values]
    if math.isnan(values[0]):
        return Clause(f"{alias}.is_nan = {int(node.operator == '=')}")
    clause = _operation(node.operator, column, "?", values)
    if node.operator in _TRUE_FOR_NAN:
        return Clause(f"({clause.sql} OR {alias}.is_nan = 1)", clause.params)
    return Clause(f"({clause.sql} AND {alias}.is_nan = 0)", clause.params)


def _metric_value(value: float) -> float:
    """A metric's value as it is stored: infinity is the largest float."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def _number_text(literal: Literal) -> str:
    if literal.value == math.inf:
        return "9e999"
    return "-9e999" if literal.value == -math.inf else literal.text


def _operation(operator: str, expression: str, placeholder: str, values: Sequence[Value]) -> Clause:
    """`expression` compared with values that stand as `placeholder` in the SQL."""
    if operator in _PATTERN_OPERATORS:
        pattern = str(values[0]).translate(_LIKE_TO_GLOB)
        return Clause(_PATTERN_OPERATORS[operator].format(expression), (pattern,))
    if operator in NULL_OPERATORS:
        return Clause(f"{expression} {operator}")
    if operator in _RANGE_OPERATORS:
        return Clause(f"({expression} {operator} {placeholder} AND {placeholder})", tuple(values))
    if operator in _LIST_OPERATORS:
        placeholders = ", ".join([placeholder] * len(values))
        return Clause(f"{expression} {operator} ({placeholders})", tuple(values))
    return Clause(f"{expression} {operator} {placeholder}", tuple(values))
