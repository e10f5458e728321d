"""The columns or tensors of a model's input and output, as JSON in MLflow's form.

>>> Schema([ColSpec("double", "width"), ColSpec("long", "count", required=False)]).to_json()
'[{"type": "double", "name": "width"}, {"type": "long", "name": "count", "required": false}]'
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.exceptions import InvalidValueError, UnsupportedError
from tracker.types.datatypes import (
    AnyType,
    Array,
    DataType,
    Map,
    Object,
    Property,
    as_type,
    read_type,
    type_dict,
)
from tracker.types.params import ParamSchema, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "AnyType",
    "Array",
    "ColSpec",
    "DataType",
    "Map",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "TensorSpec",
]


@dataclass(frozen=True)
class ColSpec:
    """One column: its type, its name where it has one, and whether it must be there."""

    type: Any
    name: str | None = None
    required: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", as_type(self.type))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON.

        MLflow 2.4 refuses the key `required`; later releases read a scalar column without it as
        required, and any other column without it as optional.
        """
        found = type_dict(self.type)
        if self.name is not None:
            found["name"] = self.name
        if not (self.required and isinstance(self.type, DataType)):
            found["required"] = self.required
        return found

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """The column that a signature's JSON describes."""
        dtype = read_type(found)
        required = found.get("required", isinstance(dtype, DataType))
        return cls(dtype, found.get("name"), bool(required))

    def __repr__(self) -> str:
        return _described(self.name, f"{self.type!r} ({_requirement(self)})")


@dataclass(frozen=True, init=False, repr=False)
class TensorSpec:
    """One tensor: its element type, its shape with -1 for any length, and its name.

    Args:
        type: A numpy dtype or its name.
        shape: Such as `(-1, 28, 28)`.
        name: None for the only tensor.
    """

    dtype: str
    shape: tuple[int, ...]
    name: str | None

    def __init__(self, type: Any, shape: Sequence[int], name: str | None = None) -> None:  # noqa: A002
        object.__setattr__(self, "dtype", element_type(type))
        object.__setattr__(self, "shape", tuple(int(length) for length in shape))
        object.__setattr__(self, "name", name)

    @property
    def type(self) -> Any:
        """The numpy dtype of its elements."""
        import numpy as np  # noqa: PLC0415

        return np.dtype(self.dtype)

    @property
    def required(self) -> bool:
        """A tensor must always be there."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        spec = {"dtype": self.dtype, "shape": list(self.shape)}
        named = {} if self.name is None else {"name": self.name}
        return named | {"type": "tensor", "tensor-spec": spec}

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """The tensor that a signature's JSON describes."""
        spec = found["tensor-spec"]
        return cls(spec["dtype"], spec["shape"], found.get("name"))

    def __repr__(self) -> str:
        return _described(self.name, f"Tensor({self.dtype!r}, {self.shape!r})")


@dataclass(frozen=True, repr=False)
class Schema:
    """The columns, or the tensors, of a model's input or output.

    Args:
        inputs: Either columns or tensors; either all with a name or none.

    Raises:
        InvalidValueError: The list is empty, mixed, or has unnamed tensors or optional columns.
    """

    inputs: list[ColSpec | TensorSpec]

    def __post_init__(self) -> None:
        if reason := _wrong(self.inputs):
            raise InvalidValueError(f"{self.inputs!r} is not a schema: {reason}.")

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[ColSpec | TensorSpec]:
        return iter(self.inputs)

    def __repr__(self) -> str:
        return repr(self.inputs)

    def is_tensor_spec(self) -> bool:
        """Whether it describes tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether the columns or tensors are named."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """The names, or the positions where there are none."""
        return [each.name or place for place, each in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """The names of what must be there."""
        return [each.name or place for place, each in enumerate(self.inputs) if each.required]

    def optional_input_names(self) -> list[str | int]:
        """The names of what may be missing."""
        return [each.name or place for place, each in enumerate(self.inputs) if not each.required]

    def input_types(self) -> list[Any]:
        """The types in order: a `DataType` and the like, or a numpy dtype."""
        return [each.type for each in self.inputs]

    def input_dict(self) -> dict[str, ColSpec | TensorSpec]:
        """The columns or tensors by name.

        Raises:
            InvalidValueError: They have none.
        """
        if not self.has_input_names():
            raise InvalidValueError(f"The columns of {self!r} have no names.")
        return {str(each.name): each for each in self.inputs}

    def to_dict(self) -> list[dict[str, Any]]:
        """As it stands in a signature's JSON."""
        return [each.to_dict() for each in self.inputs]

    def to_json(self) -> str:
        """The JSON of an MLmodel file."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, json_str: str) -> Self:
        """The schema in the JSON of an MLmodel file.

        Raises:
            InvalidValueError: It is not one.
        """
        try:
            return cls([_read_input(found) for found in json.loads(json_str)])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidValueError(f"{json_str[:80]!r} is not a schema: {error}") from error


def element_type(dtype: Any) -> str:
    """The name of a tensor's element type; those of texts and bytes without their length.

    Raises:
        InvalidValueError: It is not a numpy dtype.
    """
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if not isinstance(name, str):
        raise InvalidValueError(
            f"A TensorSpec takes a numpy dtype, such as np.dtype('float32'), not {dtype!r}."
        )
    kind = getattr(dtype, "kind", "")
    return {"U": "str", "S": "bytes"}.get(kind, name)


def _read_input(found: dict[str, Any]) -> ColSpec | TensorSpec:
    return TensorSpec.from_dict(found) if found["type"] == "tensor" else ColSpec.from_dict(found)


def _wrong(inputs: object) -> str | None:
    """Why a list is not a schema; None where it is one."""
    if not isinstance(inputs, list) or not inputs:
        return "give a list with at least one ColSpec or TensorSpec"
    kinds = {type(each) for each in inputs}
    if kinds not in ({ColSpec}, {TensorSpec}):
        return "its entries must be all ColSpec or all TensorSpec"
    unnamed = [each for each in inputs if each.name is None]
    if unnamed and len(unnamed) < len(inputs):
        return "name all entries or none"
    if unnamed and not all(each.required for each in inputs):
        return "an optional column needs a name"
    if unnamed and len(inputs) > 1 and kinds == {TensorSpec}:
        return "several tensors need names"
    return None


def _described(name: str | None, what: str) -> str:
    return what if name is None else f"{name!r}: {what}"


def _requirement(column: ColSpec) -> str:
    return "required" if column.required else "optional"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(f"tracker.types has no {name!r}: it describes columns and tensors only.")
