"""What a filter says, as a tree, and what an order_by entry says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Entity(StrEnum):
    """What a field belongs to, under MLflow's names."""

    ATTRIBUTE = "attribute"
    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Field:
    """Something to compare or to order by: `metrics.loss` is METRIC, `loss`."""

    entity: Entity
    key: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a filter: `text` is what was written, quotes included."""

    value: str | int | float
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, an operator such as `<=`, `NOT IN` or `IS NULL`, and its values."""

    field: Field
    operator: str
    values: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True for every run for which `term` is not."""

    term: Node


@dataclass(frozen=True, slots=True)
class And:
    """True where all terms are."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where at least one term is."""

    terms: tuple[Node, ...]


Node = Comparison | Not | And | Or


@dataclass(frozen=True, slots=True)
class Ordering:
    """One order_by entry."""

    field: Field
    descending: bool
