"""The parameters that a model takes beside its input, each with its type and default."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from tracker.exceptions import InvalidValueError
from tracker.types.datatypes import DataType, Object, Type, as_type, read_type, type_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a parameter of each type accepts: a value of Python's own types, or a numpy scalar.
_TAKES: Final[dict[DataType, tuple[type, ...]]] = {
    DataType.boolean: (bool,),
    DataType.integer: (int,),
    DataType.long: (int,),
    DataType.float: (float, int),
    DataType.double: (float, int),
    DataType.string: (str,),
    DataType.datetime: (date,),
}


@dataclass(frozen=True)
class ParamSpec:
    """One parameter.

    Args:
        name: Its name.
        dtype: A scalar type except `binary`, its name, or an `Object`.
        default: What the model takes where the caller gives nothing.
        shape: None for a scalar or a dictionary, `(-1,)` for a list.

    Raises:
        InvalidValueError: The type or the shape does not exist, or the default is not of it.
    """

    name: str
    dtype: Any
    default: Any
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", as_type(self.dtype))
        object.__setattr__(self, "shape", None if self.shape is None else tuple(self.shape))
        if not (_taken_by(self.dtype) or isinstance(self.dtype, Object)):
            raise InvalidValueError(f"The parameter {self.name!r} cannot be {self.dtype!r}.")
        if self.shape not in {None, (-1,)}:
            raise InvalidValueError(
                f"The shape of the parameter {self.name!r} is None for one value or (-1,) for a "
                f"list, not {self.shape!r}."
            )
        object.__setattr__(self, "default", self.checked(self.default))

    def checked(self, value: Any) -> Any:
        """A value for this parameter as Python's own type.

        Raises:
            InvalidValueError: It is of another type or shape.
        """
        if self.shape is None:
            return self._checked_scalar(value)
        values = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(values, list):
            raise InvalidValueError(f"The parameter {self.name!r} is a list, not {value!r}.")
        return [self._checked_scalar(each) for each in values]

    def _checked_scalar(self, given: Any) -> Any:
        value: Any = given.item() if hasattr(given, "item") else given
        if value is None or (isinstance(self.dtype, Object) and isinstance(value, dict)):
            return value
        if self.dtype is DataType.datetime and isinstance(value, str):
            return datetime.fromisoformat(value)
        takes = _taken_by(self.dtype)
        is_flag = isinstance(value, bool) and self.dtype is not DataType.boolean
        if is_flag or not isinstance(value, takes):
            raise InvalidValueError(
                f"The parameter {self.name!r} is {self.dtype!r}, which {value!r} is not."
            )
        return float(str(value)) if float in takes else value

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        shape = None if self.shape is None else list(self.shape)
        found = {"name": self.name, "default": _plain(self.default), "shape": shape}
        return found | type_dict(self.dtype)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """The parameter that a signature's JSON describes."""
        return cls(found["name"], read_type(found), found.get("default"), found.get("shape"))


@dataclass(frozen=True)
class ParamSchema:
    """All parameters of a model.

    Raises:
        InvalidValueError: Two have one name, or an entry is not a `ParamSpec`.
    """

    params: list[ParamSpec]

    def __post_init__(self) -> None:
        if not all(isinstance(each, ParamSpec) for each in self.params):
            raise InvalidValueError(f"A ParamSchema holds ParamSpecs only, not {self.params!r}.")
        twice = [name for name, n in Counter(each.name for each in self.params).items() if n > 1]
        if twice:
            raise InvalidValueError(f"A ParamSchema has {twice[0]!r} twice.")

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def to_dict(self) -> list[dict[str, Any]]:
        """As it stands in a signature's JSON."""
        return [each.to_dict() for each in self.params]

    def to_json(self) -> str:
        """The JSON of an MLmodel file."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, json_str: str) -> Self:
        """The parameters in the JSON of an MLmodel file.

        Raises:
            InvalidValueError: It holds something else.
        """
        try:
            return cls([ParamSpec.from_dict(found) for found in json.loads(json_str)])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidValueError(f"{json_str[:80]!r} are not parameters: {error}") from error


def _taken_by(dtype: Type) -> tuple[type, ...]:
    """The classes that a scalar type accepts; none for every other type."""
    return _TAKES.get(dtype, ()) if isinstance(dtype, DataType) else ()


def _plain(value: Any) -> Any:
    """A default as JSON has it: a time in ISO 8601."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
