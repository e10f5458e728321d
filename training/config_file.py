"""From config.yaml and `--set` to a validated `Config`; error messages name the line."""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from yaml import MappingNode, MarkedYAMLError, Node, SafeLoader, YAMLError
from yaml.constructor import ConstructorError

from tracker.text import did_you_mean
from training.config import Config, ModelConfig
from training.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails
    from yaml import Node


Location = tuple[str, ...]


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Load a study from a YAML file.

    Args:
        path: The file.
        overrides: Changes such as 'data_prep.seed=3', as `--set` takes them.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or breaks a rule.
        UsageError: An override is not of the form key=value.
    """
    document, origins = _read(path)
    for override in overrides:
        _apply(override, document, origins)
    return _validated(document, origins, path.name).resolved_against(path.parent.absolute())


def _validated(document: dict[str, Any], origins: dict[Location, str], default: str) -> Config:
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        # A misspelled section is both missing and unknown; only the latter error hints at it.
        first = min(error.errors(include_url=False), key=lambda each: each["type"] == "missing")
        raise ConfigError(_sentence(first, origins, default)) from error


def _read(path: Path) -> tuple[dict[str, Any], dict[Location, str]]:
    try:
        node = compose(path.read_text(encoding="utf-8"))
        origins = _lines(node, path.name)
        document = value_of(node)
    except FileNotFoundError as error:
        message = f"there is no configuration file {str(path)!r}; name one with --config FILE"
        raise ConfigError(message) from error
    except (OSError, ValueError) as error:  # invalid path, or not UTF-8
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"the configuration {str(path)!r} cannot be read: {reason}") from error
    except YAMLError as error:
        problem = problem_of(error)
        raise ConfigError(f"{path.name} is not valid YAML: {problem}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path.name} holds no sections; it must name at least model_configs")
    return document, origins


def _lines(root: Node | None, name: str) -> dict[Location, str]:
    """The line of every key.

    What YAML aliases repeat is visited once: it may be large, or contain itself.

    Raises:
        ConfigError: A key occurs twice.
    """
    origins: dict[Location, str] = {}
    visited: set[int] = set()
    queue: list[tuple[Location, Node | None]] = [((), root)]
    for location, node in queue:  # grows while it is iterated
        if not isinstance(node, MappingNode) or id(node) in visited:
            continue
        visited.add(id(node))
        for key, value in node.value:
            below = (*location, str(key.value))
            origin = f"{name}:{key.start_mark.line + 1}"
            if below in origins:
                raise ConfigError(f"{origin}: {'.'.join(below)} is already at {origins[below]}")
            origins[below] = origin
            queue.append((below, value))
    return origins


def _apply(override: str, document: dict[str, Any], origins: dict[Location, str]) -> None:
    key, equals, text = override.partition("=")
    location = tuple(key.strip().split("."))
    if not equals or not all(location):
        message = f"--set {override!r} is not of the form section.key=value"
        raise UsageError(message)
    _check_section(location, document)
    section = document
    for part in location[:-1]:
        if section.get(part) is None:
            section[part] = {}
        section = section[part]
        if not isinstance(section, dict):
            raise UsageError(f"--set {override!r}: {part!r} is a value, not a section")
    section[location[-1]] = _value(text, override)
    for length in range(1, len(location)):
        origins.setdefault(location[:length], f"--set {override}")
    origins[location] = f"--set {override}"


def _check_section(location: Location, document: dict[str, Any]) -> None:
    """Check that a misspelled configuration does not become a new one."""
    names = document.get("model_configs")
    if location[0] != "model_configs" or not isinstance(names, dict):
        return
    if len(location) < 3:  # noqa: PLR2004 -- section, name, key
        raise UsageError(f"--set {'.'.join(location)} names no key of a configuration")
    if location[1] not in names:
        hint = did_you_mean(location[1], names, list_all=True)
        raise UsageError(f"--set: there is no configuration {location[1]!r}{hint}")


def _value(text: str, override: str) -> Any:
    try:
        return value_of(compose(text))
    except YAMLError as error:
        problem = problem_of(error)
        raise UsageError(f"--set {override!r}: the value is not valid YAML: {problem}") from error


def _sentence(error: ErrorDetails, origins: dict[Location, str], default: str) -> str:
    location = tuple(str(part) for part in error["loc"])
    origin = _origin(location, origins, default)
    dotted = ".".join(location)
    if error["type"] == "extra_forbidden":
        hint = did_you_mean(location[-1], _known_keys(location[:-1]), list_all=True)
        return f"{origin}: unknown key {dotted!r}{hint}"
    if error["type"] == "missing":
        return f"{origin}: {dotted!r} is missing"
    shown, message = shortened(error["input"]), _message(error)
    if location[-1] == "[key]":
        return f"{origin}: a name in {'.'.join(location[:-2])} is {shown}: {message}"
    return f"{origin}: {dotted} is {shown}: {message}"


def _message(error: ErrorDetails) -> str:
    if error["type"] in {"model_type", "dict_type"}:
        return "it must be a section: lines of `key: value`"
    if error["type"] == "too_short":
        return "it may not be empty"
    cause = error.get("ctx", {}).get("error")  # an error of our own validators
    text = str(cause or error["msg"])
    return text[0].lower() + text[1:]


def _origin(location: Location, origins: dict[Location, str], default: str) -> str:
    """The line of the nearest key at or above `location`."""
    for length in range(len(location), 0, -1):
        if location[:length] in origins:
            return origins[location[:length]]
    return default


def _known_keys(section: Location) -> list[str]:
    """The keys that a section may have."""
    if section and section[0] == "model_configs":
        return list(ModelConfig.model_fields)
    model: type[BaseModel] = Config
    for part in section:
        annotation = model.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(SafeLoader):
    """Makes any value that cannot be read as its tag an error with a line number."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"{shortened(node.value)} cannot be read as {kind}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


# No key takes a date: what looks like one is text.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}


def compose(text: str) -> Node | None:
    """Parse a YAML document into nodes, which know their lines; None if it is empty.

    Raises:
        YAMLError: The text is not YAML, or is nested too deeply.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    except RecursionError as error:
        raise YAMLError("it is nested too deeply") from error
    finally:
        loader.dispose()


def value_of(node: Node | None) -> Any:
    """The value of a node. The nodes cannot be used afterwards.

    Raises:
        YAMLError: A part of it cannot be read.
    """
    try:
        return None if node is None else _Loader("").construct_document(node)
    except RecursionError as error:
        raise YAMLError("it is nested too deeply") from error


def problem_of(error: YAMLError) -> str:
    """The problem and its place in one line."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    return f"{error.problem}, line {mark.line + 1}, column {mark.column + 1}"


def shortened(value: Any) -> str:
    """A value as error messages show it, shortened.

    Examples:
        >>> shortened("mpl")
        "'mpl'"
    """
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 100
    try:
        return short.repr(value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a number with thousands of digits"
