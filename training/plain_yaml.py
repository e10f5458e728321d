"""YAML as the configuration uses it: plain values, no dates; what cannot be read is told."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

from yaml import MarkedYAMLError, Node, SafeLoader, YAMLError
from yaml.constructor import ConstructorError

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(SafeLoader):
    """Any value that is not what its tag or its look promises is an error with a place."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"{shown(node.value)} cannot be read as {kind}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


# No key takes a date: what looks like one is a text.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}


def compose(text: str) -> Node | None:
    """The nodes of the one document in a text, which know their lines; None where it is empty.

    Raises:
        YAMLError: The text is no YAML, or is nested too deeply.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    except RecursionError as error:
        raise YAMLError("it is nested too deeply") from error
    finally:
        loader.dispose()


def value_of(node: Node | None) -> Any:
    """The value that a node and all below it describe. The nodes are of no use afterwards.

    Raises:
        YAMLError: A part of it cannot be read.
    """
    try:
        return None if node is None else _Loader("").construct_document(node)
    except RecursionError as error:
        raise YAMLError("it is nested too deeply") from error


def problem(error: YAMLError) -> str:
    """What is wrong and where, in one line."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    return f"{error.problem}, line {mark.line + 1}, column {mark.column + 1}"


def shown(value: Any) -> str:
    """A value as a message shows it, shortened.

    Examples:
        >>> shown("mpl")
        "'mpl'"
    """
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 100
    try:
        return short.repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"
