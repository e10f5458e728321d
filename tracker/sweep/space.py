"""The space of a search: which parameters, over which ranges or choices, under which conditions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tracker.exceptions import InvalidValueError
from tracker.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Value: TypeAlias = Any
"""What a parameter may be: None, a boolean, a number, a text, or a list of such."""

RANGE_KEYS: Final = ("low", "high", "log", "step")
KEYS: Final = (*RANGE_KEYS, "choices", "when")
EXAMPLE: Final = "{'lr': {'low': 1e-4, 'high': 1e-1, 'log': True}}"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; integers if both are."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_integer(self) -> bool:
        """Whether the values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a search.

    Args:
        name: Of the parameter.
        domain: Its values.
        when: The parameter is used only if others have one of these values, by their names.
    """

    name: str
    domain: Range | Choices
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def applies_to(self, chosen: Mapping[str, Value]) -> bool:
        """Whether the parameter is used beside those chosen before it."""
        return all(
            name in chosen and chosen[name] in accepted for name, accepted in self.when.items()
        )


@dataclass(frozen=True)
class Space:
    """The parameters of a search; one that others depend on stands before them."""

    parameters: tuple[Parameter, ...]

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The space as `parse_space` reads it."""
        return {parameter.name: _described(parameter) for parameter in self.parameters}

    def as_json(self) -> str:
        """The space as JSON, its parameters in order."""
        return json.dumps(self.as_dict())

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every combination of choices, in order.

        Raises:
            InvalidValueError: A parameter is a range without steps.
        """
        combinations: list[dict[str, Value]] = [{}]
        for parameter in self.parameters:
            values = _grid_values(parameter)
            combinations = [
                {**chosen, parameter.name: value} if used else chosen
                for chosen in combinations
                for used in [parameter.applies_to(chosen)]
                for value in (values if used else (None,))
            ]
        yield from combinations


def parse_space(described: Mapping[str, Any]) -> Space:
    """Read a space from plain values, as in YAML or JSON.

    Args:
        described: A range or choices for each parameter: `{"low": 1e-4, "high": 0.1, "log": True}`,
            `{"low": 8, "high": 64, "step": 8}`, `{"choices": ["sgd", "adam"]}`; with
            `"when": {"optimizer": "sgd"}`, only if another parameter has that value (or one of a
            list of values).

    Raises:
        InvalidValueError: The space is empty, or a parameter breaks a rule.

    Examples:
        >>> parse_space({"units": {"low": 1, "high": 9}}).parameters[0].domain
        Range(low=1, high=9, log=False, step=None)
    """
    if not described:
        raise InvalidValueError(f"The space is empty: name a parameter, such as {EXAMPLE}.")
    parsed = {name: _parse(str(name), content) for name, content in described.items()}
    for parameter in parsed.values():
        for other, accepted in parameter.when.items():
            _check_condition(parameter.name, other, accepted, parsed)
    return Space(tuple(_in_order(parsed)))


def difference(one: Space, other: Space) -> str | None:
    """The first parameter that differs, in words; None if the spaces are equal."""
    before, now = one.as_dict(), other.as_dict()
    for name in (*before, *now):
        old, new = before.get(name, "absent"), now.get(name, "absent")
        if old != new:
            return f"{name} was {_text(old)} and is now {_text(new)}"
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parse(name: str, content: Any) -> Parameter:
    if not hasattr(content, "keys"):
        raise InvalidValueError(
            f"The parameter {name!r} is {content!r}: it must be a range such as "
            "{'low': 1, 'high': 9}, or choices such as {'choices': [1, 2]}."
        )
    for key in content:
        if key not in KEYS:
            hint = did_you_mean(str(key), KEYS, list_all=True)
            raise InvalidValueError(f"The parameter {name!r} has an unknown key {key!r}{hint}")
    when = {
        str(other): tuple(accepted) if isinstance(accepted, list | tuple) else (accepted,)
        for other, accepted in (content.get("when") or {}).items()
    }
    if "choices" in content:
        if given := [key for key in RANGE_KEYS if key in content]:
            raise InvalidValueError(
                f"The parameter {name!r} has choices and {given[0]!r}: leave one of them out."
            )
        return Parameter(name, _choices(name, content["choices"]), when)
    return Parameter(name, _range(name, content), when)


def _choices(name: str, values: Any) -> Choices:
    if not isinstance(values, list | tuple) or not values:
        raise InvalidValueError(f"The choices of {name!r} are {values!r}: list at least one value.")
    texts = [json.dumps(value) for value in values]
    if len(set(texts)) < len(texts):
        raise InvalidValueError(f"The choices of {name!r} hold a value twice: {list(values)!r}.")
    return Choices(tuple(values))


def _range(name: str, content: Mapping[str, Any]) -> Range:
    missing = [key for key in ("low", "high") if key not in content]
    if missing:
        raise InvalidValueError(f"The parameter {name!r} lacks {missing[0]!r} (or 'choices').")
    numbers: list[Any] = [content.get(key) for key in ("low", "high", "step")]
    low, high, step = numbers
    for key, value in (("low", low), ("high", high), ("step", 1 if step is None else step)):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise InvalidValueError(f"{key!r} of {name!r} is {value!r}: it must be a number.")
    log = content.get("log", False)
    if not isinstance(log, bool):
        raise InvalidValueError(f"'log' of {name!r} is {log!r}: it must be true or false.")
    domain = Range(low, high, log, step)
    _check_range(name, domain)
    return domain


def _check_range(name: str, domain: Range) -> None:
    low, high, step = domain.low, domain.high, domain.step
    if low > high:
        raise InvalidValueError(f"The range of {name!r} is empty: low {low} is above high {high}.")
    if domain.log and low <= 0:
        raise InvalidValueError(
            f"The range of {name!r} is logarithmic: low must be above 0, it is {low}."
        )
    if step is not None and (domain.log or step <= 0):
        raise InvalidValueError(f"'step' of {name!r} must be above 0 and excludes 'log'.")


def _check_condition(
    name: str, other: str, accepted: tuple[Value, ...], parsed: Mapping[str, Parameter]
) -> None:
    if other not in parsed:
        hint = did_you_mean(other, parsed, list_all=True)
        raise InvalidValueError(f"{name!r} depends on an unknown parameter {other!r}{hint}")
    domain = parsed[other].domain
    known = domain.values if isinstance(domain, Choices) else accepted
    for value in accepted:
        if value not in known:
            raise InvalidValueError(
                f"{name!r} depends on {other!r} being {value!r}, which is none of its choices."
            )


def _in_order(parsed: Mapping[str, Parameter]) -> Iterator[Parameter]:
    """The parameters, each after those that it depends on."""
    waiting, done = list(parsed.values()), set[str]()
    while waiting:
        ready = [parameter for parameter in waiting if parameter.when.keys() <= done]
        if not ready:
            names = ", ".join(repr(parameter.name) for parameter in waiting)
            raise InvalidValueError(f"These parameters depend on each other in a circle: {names}.")
        yield from ready
        done |= {parameter.name for parameter in ready}
        waiting = [parameter for parameter in waiting if parameter.name not in done]


def _grid_values(parameter: Parameter) -> tuple[Value, ...]:
    domain = parameter.domain
    if isinstance(domain, Choices):
        return domain.values
    step = domain.step or (1 if domain.is_integer and not domain.log else None)
    if step is None:
        raise InvalidValueError(
            f"A grid needs 'choices' or a 'step' for {parameter.name!r}, which is a range."
        )
    count = math.floor((domain.high - domain.low) / step + 1e-9) + 1
    return tuple(domain.low + number * step for number in range(count))


def _described(parameter: Parameter) -> dict[str, Any]:
    domain = parameter.domain
    described: dict[str, Any] = (
        {"choices": list(domain.values)}
        if isinstance(domain, Choices)
        else {"low": domain.low, "high": domain.high}
    )
    if isinstance(domain, Range):
        described |= {"log": True} if domain.log else {}
        described |= {} if domain.step is None else {"step": domain.step}
    if parameter.when:
        described["when"] = {name: list(values) for name, values in parameter.when.items()}
    return described
