"""Which fields exist, how they may be spelt, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.exceptions import FilterError
from tracker.search.syntax import Entity, Field
from tracker.text import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PREFIXES = {
    "metrics": Entity.METRIC,
    "metric": Entity.METRIC,
    "params": Entity.PARAM,
    "param": Entity.PARAM,
    "parameters": Entity.PARAM,
    "parameter": Entity.PARAM,
    "tags": Entity.TAG,
    "tag": Entity.TAG,
    "attributes": Entity.ATTRIBUTE,
    "attribute": Entity.ATTRIBUTE,
    "attr": Entity.ATTRIBUTE,
    "run": Entity.ATTRIBUTE,
    "datasets": Entity.DATASET,
    "dataset": Entity.DATASET,
}
_PLURALS = ("metrics", "params", "tags", "attributes", "datasets")
DATASET_KEYS = ("name", "digest", "context")
EXPERIMENT_ID = Field(Entity.ATTRIBUTE, "experiment_id")
_NUMERIC_ATTRIBUTES = frozenset(
    {
        "start_time",
        "end_time",
        "creation_time",
        "last_update_time",
        "experiment_id",
        "version_number",
        "creation_timestamp",
        "last_updated_timestamp",
    }
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The fields of one kind of search.

    Args:
        noun: What is searched, for messages.
        prefixes: Spelling before the dot -> entity.
        attributes: Spelling of an attribute -> its proper name.
    """

    noun: str
    prefixes: Mapping[str, Entity]
    attributes: Mapping[str, str]


RUN_FIELDS = Catalogue(
    noun="run",
    prefixes=_PREFIXES,
    attributes={
        "run_id": "run_id",
        "run_name": "run_name",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
        "status": "status",
        "user_id": "user_id",
        "artifact_uri": "artifact_uri",
        "start_time": "start_time",
        "created": "start_time",
        "Created": "start_time",
        "end_time": "end_time",
    },
)
_WITHOUT_RECORDS = {
    name: entity
    for name, entity in _PREFIXES.items()
    if entity in {Entity.TAG, Entity.ATTRIBUTE} and name != "run"
}
EXPERIMENT_FIELDS = Catalogue(
    noun="experiment",
    prefixes=_WITHOUT_RECORDS,
    attributes={
        name: name for name in ("name", "experiment_id", "creation_time", "last_update_time")
    },
)
MODEL_FIELDS = Catalogue(
    noun="registered model",
    prefixes=_WITHOUT_RECORDS,
    attributes={
        "name": "name",
        "creation_timestamp": "creation_timestamp",
        "last_updated_timestamp": "last_updated_timestamp",
        "timestamp": "last_updated_timestamp",
    },
)
VERSION_FIELDS = Catalogue(
    noun="model version",
    prefixes=_WITHOUT_RECORDS,
    attributes={
        "name": "name",
        "version_number": "version_number",
        "run_id": "run_id",
        "source_path": "source_path",
        "creation_timestamp": "creation_timestamp",
        "last_updated_timestamp": "last_updated_timestamp",
    },
)


def holds_numbers(field: Field) -> bool:
    """Whether only numbers can be compared with the field."""
    if field.entity is Entity.ATTRIBUTE:
        return field.key in _NUMERIC_ATTRIBUTES
    return field.entity is Entity.METRIC


def holds_text(field: Field) -> bool:
    """Whether only texts can be compared with the field; parameters and tags take both."""
    if field.entity is Entity.ATTRIBUTE:
        return field.key not in _NUMERIC_ATTRIBUTES
    return field.entity is Entity.DATASET


def resolve(name: str, catalogue: Catalogue, text: str, position: int) -> Field:
    """The field that a name such as ``metrics.`val loss` `` means.

    Args:
        name: The field as written.
        catalogue: What can be named.
        text: The whole filter, for the message.
        position: Where `name` starts in `text`.

    Raises:
        FilterError: There is no such field.
    """
    prefix, key = _split(name)
    if prefix is None:
        return _attribute(key, catalogue, text, position)
    entity = catalogue.prefixes.get(prefix)
    if entity is None:
        raise FilterError(_unknown_prefix(prefix, key, catalogue), text, position)
    key_position = position + name.index(".") + 1
    if not key:
        raise FilterError(f"The name after {prefix}. is empty.", text, key_position)
    if entity is Entity.ATTRIBUTE:
        return _attribute(key, catalogue, text, key_position)
    if entity is Entity.DATASET and key not in DATASET_KEYS:
        reason = f"A data set has no {key!r}{_suggestion(key, DATASET_KEYS)}"
        raise FilterError(reason, text, key_position)
    return Field(entity, key)


def _split(name: str) -> tuple[str | None, str]:
    if name[0] in "`\"'":
        end = name.index(name[0], 1)
        rest = name[end + 1 :]
        return (name[1:end], _unquoted(rest[1:])) if rest.startswith(".") else (None, name[1:-1])
    prefix, dot, key = name.partition(".")
    return (prefix, _unquoted(key)) if dot else (None, name)


def _unquoted(key: str) -> str:
    quoted = len(key) > 1 and key[0] == key[-1] and key[0] in "`\"'"
    return key[1:-1] if quoted else key


def _attribute(key: str, catalogue: Catalogue, text: str, position: int) -> Field:
    attribute = catalogue.attributes.get(key)
    if attribute is None:
        raise FilterError(_unknown_attribute(key, catalogue), text, position)
    return Field(Entity.ATTRIBUTE, attribute)


def _unknown_attribute(key: str, catalogue: Catalogue) -> str:
    reason = f"{_article(catalogue.noun)} has no attribute {key!r}"
    if suggestion := closest(key, catalogue.attributes):
        return f"{reason}. Did you mean {suggestion!r}?"
    if Entity.METRIC not in catalogue.prefixes.values():
        return f"{reason}; a tag is written tags.{_quoted(key)}."
    quoted = _quoted(key)
    return (
        f"{reason}; a metric is written metrics.{quoted}, "
        f"a parameter params.{quoted}, a tag tags.{quoted}."
    )


def _unknown_prefix(prefix: str, key: str, catalogue: Catalogue) -> str:
    known = ", ".join(name for name in _PLURALS if name in catalogue.prefixes)
    reason = f"There is no {prefix!r} to search; known are {known}"
    if suggestion := closest(prefix, catalogue.prefixes):
        return f"{reason}. Did you mean {suggestion!r}?"
    first = next(iter(catalogue.prefixes))
    return f"{reason}. Write, for instance, {first}.{_quoted(f'{prefix}.{key}')}."


def _suggestion(word: str, names: Iterable[str]) -> str:
    names = list(names)
    match = closest(word, names)
    return f". Did you mean {match!r}?" if match else f"; it has {', '.join(names)}."


def _quoted(key: str) -> str:
    return key if key.replace(".", "_").isidentifier() else f"`{key}`"


def _article(noun: str) -> str:
    return f"An {noun}" if noun[0] in "aeiou" else f"A {noun}"
