"""The search language: filter and order_by text -> SQL clauses with bound values.

A filter compares fields with values::

    metrics.accuracy > 0.9 AND params.model = 'cnn'
    NOT (tags.`old run` IS NULL OR status IN ('FAILED', 'KILLED'))
    params.lr BETWEEN 0.001 AND 0.1 AND datasets.context = 'train'

* fields: `metrics.`, `params.`, `tags.`, `datasets.` (name, digest, context) and the attributes
  run_id, run_name, status, user_id, artifact_uri, start_time, end_time, with or without
  `attributes.`; for experiments `tags.`, name, experiment_id, creation_time, last_update_time.
  A name with blanks stands in backticks.
* operators: = != < <= > >= LIKE ILIKE IN BETWEEN IS NULL, each of the last five also with NOT.
* AND, OR, NOT and parentheses join comparisons.

What MLflow can read means what it means there: a run without the field fulfils no comparison, `!=`
included; texts are compared as written, with no escapes inside quotes; NaN fulfils `!=` only.
Beyond MLflow: `NOT x` holds for every run for which x does not; a parameter or tag compared with a
number is compared as a number, and one that is no number fulfils nothing; nan, inf and -inf are
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.exceptions import FilterError
from tracker.search.compiler import EXPERIMENTS, RUNS, Clause, Compiler, Value
from tracker.search.fields import EXPERIMENT_FIELDS, RUN_FIELDS, Catalogue
from tracker.search.parser import parse_filter, parse_ordering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.search.syntax import Ordering

__all__ = ["Search", "compile_experiment_search", "compile_run_search"]

# SQLite joins at most 64 tables.
_MAX_ORDERINGS = 30


@dataclass(frozen=True, slots=True)
class Search:
    """The pieces of `SELECT … FROM runs {joins} WHERE … AND ({where}) ORDER BY {order}`.

    The params are the values of the question marks of each piece, in order. `joins` gives every
    row once or not at all, so that nothing has to be made distinct.
    """

    joins: str
    where: str
    order: str
    join_params: tuple[Value, ...] = ()
    where_params: tuple[Value, ...] = ()
    order_params: tuple[Value, ...] = ()


def compile_run_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order runs.

    Args:
        filter_string: A filter; empty or None selects every run.
        order_by: Fields, each with ASC, DESC or nothing; ties and the rest by descending
            start time, then by run id.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.

    >>> search = compile_run_search("params.model = 'cnn'", ["metrics.loss DESC"])
    >>> search.where, search.where_params
    ('(field_0.value = ?)', ('cnn',))
    """
    compiler = Compiler(RUNS)
    where = compiler.where(parse_filter(filter_string or "", RUN_FIELDS))
    order = compiler.order(_orderings(order_by, RUN_FIELDS))
    ties = [Clause("runs.start_time DESC"), Clause("runs.run_uuid")]
    return _search(compiler, where, [*order, *ties])


def compile_experiment_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order experiments.

    Args:
        filter_string: A filter; empty or None selects every experiment.
        order_by: Fields, each with ASC, DESC or nothing; the newest first where there is none.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.
    """
    compiler = Compiler(EXPERIMENTS)
    where = compiler.where(parse_filter(filter_string or "", EXPERIMENT_FIELDS))
    entries = order_by or ["creation_time DESC", "experiment_id ASC"]
    order = compiler.order(_orderings(entries, EXPERIMENT_FIELDS))
    return _search(compiler, where, [*order, Clause("experiments.experiment_id DESC")])


def _orderings(order_by: Sequence[str] | None, catalogue: Catalogue) -> list[Ordering]:
    entries = [order_by] if isinstance(order_by, str) else list(order_by or [])
    orderings: list[Ordering] = []
    for entry in entries:
        ordering = parse_ordering(entry, catalogue)
        if any(ordering.field == earlier.field for earlier in orderings):
            raise FilterError("The field is in order_by twice.", entry, 0)
        if len(orderings) == _MAX_ORDERINGS:
            raise FilterError(f"order_by takes {_MAX_ORDERINGS} fields.", entry, 0)
        orderings.append(ordering)
    return orderings


def _search(compiler: Compiler, where: Clause, order: list[Clause]) -> Search:
    return Search(
        joins=" ".join(clause.sql for clause in compiler.joins),
        where=where.sql,
        order=", ".join(clause.sql for clause in order),
        join_params=tuple(value for clause in compiler.joins for value in clause.params),
        where_params=where.params,
        order_params=tuple(value for clause in order for value in clause.params),
    )
