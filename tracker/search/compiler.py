"""Tree -> SQL clauses with bound values.

Names in the SQL come from the tables below; whatever the user wrote is bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.search.conditions import NULL_OPERATORS, Clause, condition
from tracker.search.syntax import And, Comparison, Entity, Field, Node, Not, Or, Ordering
from tracker.tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Search:
    """The pieces of `SELECT … FROM runs {joins} WHERE … AND ({where}) ORDER BY {order}`.

    The params are the values of the placeholders of each piece, in order. `joins` gives every
    row once or not at all, so that nothing has to be made distinct.
    """

    joins: str
    where: str
    order: str
    join_params: tuple[str | int | float, ...] = ()
    where_params: tuple[str | int | float, ...] = ()
    required: tuple[Condition, ...] = ()
    ordered_by: Condition | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Picks rows of one table of (key, value) rows, which the clause calls `item`.

    A search's `required` ones each pick a row of every result. Its `ordered_by` picks the values,
    NaN left out, by which the results come first of all, `descending` or not.
    """

    table: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Schema:
    """Where the fields of one kind of search are stored.

    Args:
        row: The searched table's key columns, each as its own and as the other tables' column.
        columns: Attribute -> column.
        tables: Entity -> table of (key, value) rows.
    """

    row: tuple[tuple[str, str], ...]
    columns: dict[str, str]
    tables: dict[Entity, str]


RUNS = Schema(
    row=(("runs.run_uuid", "run_uuid"),),
    columns={
        "run_id": "runs.run_uuid",
        "run_name": "runs.name",
        "status": "runs.status",
        "user_id": "runs.user_id",
        "artifact_uri": "runs.artifact_uri",
        "start_time": "runs.start_time",
        "end_time": "runs.end_time",
    },
    tables={Entity.METRIC: "latest_metrics", Entity.PARAM: "params", Entity.TAG: "tags"},
)
EXPERIMENTS = Schema(
    row=(("experiments.experiment_id", "experiment_id"),),
    columns={
        "name": "experiments.name",
        "experiment_id": "experiments.experiment_id",
        "creation_time": "experiments.creation_time",
        "last_update_time": "experiments.last_update_time",
    },
    tables={Entity.TAG: "experiment_tags"},
)
MODELS = Schema(
    row=(("registered_models.name", "name"),),
    columns={
        "name": "registered_models.name",
        "creation_timestamp": "registered_models.creation_time",
        "last_updated_timestamp": "registered_models.last_updated_time",
    },
    tables={Entity.TAG: "registered_model_tags"},
)
VERSIONS = Schema(
    row=(("model_versions.name", "name"), ("model_versions.version", "version")),
    columns={
        "name": "model_versions.name",
        "version_number": "model_versions.version",
        "run_id": "model_versions.run_id",
        "source_path": "model_versions.source",
        "creation_timestamp": "model_versions.creation_time",
        "last_updated_timestamp": "model_versions.last_updated_time",
    },
    tables={Entity.TAG: "model_version_tags"},
)

# SQLite joins at most 64 tables; filters beyond these become subqueries.
_MAX_JOINED_FILTERS = 25
# Chains are folded in groups, so that a filter of a thousand ORs stays a shallow expression.
_CHAIN_LENGTH = 8

_DATASET_COLUMNS = {
    "name": "dataset.name",
    "digest": "dataset.digest",
    "context": "context.value",
}
_DATASET_ROWS = f"""inputs AS input
    JOIN datasets AS dataset ON dataset.dataset_uuid = input.source_id
    LEFT JOIN input_tags AS context
        ON context.input_uuid = input.input_uuid AND context.name = '{MLFLOW_DATASET_CONTEXT}'
    WHERE input.destination_id = runs.run_uuid
        AND input.destination_type = 'RUN'
        AND input.source_type = 'DATASET'"""


@dataclass(slots=True)
class _Compiler:
    """Collects the joins that a filter and its ordering share."""

    schema: Schema
    joins: list[Clause] = field(default_factory=list)
    required: list[Condition] = field(default_factory=list)
    aliases: dict[Field, str] = field(default_factory=dict)

    def where(self, tree: Node | None) -> Clause:
        """The condition of a whole filter; compile it before the ordering."""
        if tree is None:
            return Clause("1")
        return _chain("AND", [self._required(term) for term in _conjuncts(tree)])

    def order(self, orderings: Iterable[Ordering]) -> list[str]:
        """The ORDER BY terms, missing values last."""
        return [term for ordering in orderings for term in self._order_terms(ordering)]

    def _required(self, term: Node) -> Clause:
        """A term that every result fulfils: joined, which is faster than a subquery.

        CROSS JOIN keeps `runs` the outer loop. Left to itself SQLite may start with all rows of
        one key, which takes up to twice as long where the key is in most runs.
        """
        if not isinstance(term, Comparison) or term.operator in NULL_OPERATORS:
            return self._node(term)
        subject = self._stored(term.field)
        if subject.entity not in self.schema.tables:
            return self._node(term)
        if subject not in self.aliases:
            if len(self.aliases) == _MAX_JOINED_FILTERS:
                return self._node(term)
            self._join("CROSS JOIN", subject)
        compared = condition(term, subject, "item.value", "item")
        self.required.append(self._condition(subject, compared))
        return condition(term, subject, f"{self.aliases[subject]}.value", self.aliases[subject])

    def _join(self, join: str, subject: Field) -> None:
        alias = f"field_{len(self.aliases)}"
        table = self.schema.tables[subject.entity]
        self.aliases[subject] = alias
        self.joins.append(
            Clause(f"{join} {table} AS {alias} ON {self._is_row_of(alias)}", (subject.key,))
        )

    def _condition(self, subject: Field, compared: Clause) -> Condition:
        clause = Clause(f"item.key = ? AND {compared.sql}", (subject.key, *compared.params))
        return Condition(self.schema.tables[subject.entity], clause)

    def ordered_by(self, orderings: Sequence[Ordering]) -> Condition | None:
        """The values of the metric that comes first in the order; None where another does."""
        if not orderings or orderings[0].field.entity is not Entity.METRIC:
            return None
        return self._condition(orderings[0].field, Clause("item.is_nan = 0"))

    def _is_row_of(self, alias: str) -> str:
        own = (f"{alias}.{column} = {row}" for row, column in self.schema.row)
        return " AND ".join((f"{alias}.key = ?", *own))

    def _stored(self, subject: Field) -> Field:
        """The field that is compared: MLflow compares a run's name by its tag."""
        if subject == Field(Entity.ATTRIBUTE, "run_name"):
            return Field(Entity.TAG, MLFLOW_RUN_NAME)
        return subject

    def _node(self, node: Node) -> Clause:
        if isinstance(node, And):
            return _chain("AND", [self._node(term) for term in node.terms])
        if isinstance(node, Or):
            return _chain("OR", [self._node(term) for term in node.terms])
        if isinstance(node, Not):
            clause = self._node(node.term)
            # Where a column is NULL the comparison is neither true nor false, and NOT holds.
            return Clause(f"({clause.sql}) IS NOT TRUE", clause.params)
        return self._comparison(node)

    def _comparison(self, node: Comparison) -> Clause:
        subject = self._stored(node.field)
        if subject.entity is Entity.DATASET:
            return _dataset_comparison(node, subject)
        if subject.entity is Entity.ATTRIBUTE:
            return condition(node, subject, self.schema.columns[subject.key])
        table = self.schema.tables[subject.entity]
        rows = f"SELECT 1 FROM {table} AS item WHERE {self._is_row_of('item')}"
        if node.operator in NULL_OPERATORS:
            return Clause(f"{_exists(node.operator)} ({rows})", (subject.key,))
        compared = condition(node, subject, "item.value", "item")
        return Clause(f"EXISTS ({rows} AND {compared.sql})", (subject.key, *compared.params))

    def _order_terms(self, ordering: Ordering) -> list[str]:
        direction = "DESC" if ordering.descending else "ASC"
        terms = [f"{self._order_value(ordering.field)} {direction} NULLS LAST"]
        if ordering.field.entity is Entity.METRIC:
            # Numbers, then NaN, then runs without the metric.
            terms.insert(0, f"{self.aliases[ordering.field]}.is_nan ASC NULLS LAST")
        return terms

    def _order_value(self, subject: Field) -> str:
        if subject.entity is Entity.ATTRIBUTE:
            return self.schema.columns[subject.key]
        if subject.entity is Entity.DATASET:
            return f"(SELECT min({_DATASET_COLUMNS[subject.key]}) FROM {_DATASET_ROWS})"
        if subject not in self.aliases:
            self._join("LEFT JOIN", subject)
        return f"{self.aliases[subject]}.value"


def _conjuncts(node: Node) -> Iterator[Node]:
    """The terms of which every one must hold, whatever the parentheses."""
    if isinstance(node, And):
        for term in node.terms:
            yield from _conjuncts(term)
    else:
        yield node


def _exists(operator: str) -> str:
    return "EXISTS" if operator == "IS NOT NULL" else "NOT EXISTS"


def _dataset_comparison(node: Comparison, subject: Field) -> Clause:
    """Whether any data set of the run fulfils the comparison."""
    column = _DATASET_COLUMNS[subject.key]
    rows = f"SELECT 1 FROM {_DATASET_ROWS}"
    if node.operator in NULL_OPERATORS:
        return Clause(f"{_exists(node.operator)} ({rows} AND {column} IS NOT NULL)")
    compared = condition(node, subject, column)
    return Clause(f"EXISTS ({rows} AND {compared.sql})", compared.params)


def _chain(word: str, clauses: Sequence[Clause]) -> Clause:
    """All clauses joined by AND or OR."""
    parts = [f"({clause.sql})" for clause in clauses]
    while len(parts) > _CHAIN_LENGTH:
        parts = [
            f"({f' {word} '.join(parts[start : start + _CHAIN_LENGTH])})"
            for start in range(0, len(parts), _CHAIN_LENGTH)
        ]
    return Clause(f" {word} ".join(parts), tuple(p for clause in clauses for p in clause.params))


def compile_search(
    schema: Schema, tree: Node | None, orderings: Sequence[Ordering], ties: Sequence[str]
) -> Search:
    """All pieces of one search.

    Args:
        schema: What is searched.
        tree: The filter, None for every row.
        orderings: What order_by names.
        ties: The columns that settle what is equal there.
    """
    compiler = _Compiler(schema)
    where = compiler.where(tree)
    order = [*compiler.order(orderings), *ties]
    return Search(
        joins=" ".join(join.sql for join in compiler.joins),
        where=where.sql,
        order=", ".join(order),
        join_params=tuple(value for join in compiler.joins for value in join.params),
        where_params=where.params,
        required=tuple(compiler.required),
        ordered_by=compiler.ordered_by(orderings),
        descending=bool(orderings) and orderings[0].descending,
    )
