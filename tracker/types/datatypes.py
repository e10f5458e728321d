"""What one value of a model's input can be: a scalar, an array, an object, a map, or anything."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias

from tracker.exceptions import InvalidValueError


class DataType(Enum):
    """A scalar type, under MLflow's names and numbers."""

    boolean = 1
    integer = 2
    long = 3
    float = 4
    double = 5
    string = 6
    binary = 7
    datetime = 8

    def __repr__(self) -> str:
        return self.name

    def to_numpy(self) -> Any:
        """The numpy dtype of an array of such values."""
        import numpy as np  # noqa: PLC0415

        return np.dtype(_NUMPY_NAMES[self.name])

    def to_pandas(self) -> Any:
        """The dtype of a pandas column of such values; text and bytes are objects."""
        import numpy as np  # noqa: PLC0415

        is_object = self in {DataType.string, DataType.binary}
        return np.dtype(object) if is_object else self.to_numpy()

    @classmethod
    def all_types(cls) -> list[DataType]:
        """Every scalar type."""
        return list(cls)


_NUMPY_NAMES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}


@dataclass(frozen=True)
class AnyType:
    """A value that nothing is known about."""

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        return {"type": "any"}


@dataclass(frozen=True)
class Array:
    """A list whose elements are all of one type."""

    dtype: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", as_type(self.dtype))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        return {"type": "array", "items": type_dict(self.dtype)}


@dataclass(frozen=True)
class Map:
    """A dictionary with keys of any name whose values are all of one type."""

    value_type: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "value_type", as_type(self.value_type))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        return {"type": "map", "values": type_dict(self.value_type)}


@dataclass(frozen=True)
class Property:
    """One named field of an object."""

    name: str
    dtype: Any
    required: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", as_type(self.dtype))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON."""
        return {self.name: type_dict(self.dtype) | {"required": self.required}}


@dataclass(frozen=True)
class Object:
    """A dictionary whose fields are known by name.

    Raises:
        InvalidValueError: There is no field, or two have one name.
    """

    properties: list[Property] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = [each.name for each in self.properties]
        if not names or len(set(names)) < len(names):
            raise InvalidValueError(
                f"An Object needs at least one property and no name twice, not {names!r}."
            )
        object.__setattr__(self, "properties", sorted(self.properties, key=lambda each: each.name))

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a signature's JSON, the fields by name."""
        fields = {name: value for each in self.properties for name, value in each.to_dict().items()}
        return {"type": "object", "properties": fields}


Type: TypeAlias = DataType | AnyType | Array | Map | Object


def as_type(given: object) -> Type:
    """A type as given, or the scalar type of this name.

    Raises:
        InvalidValueError: It is neither.
    """
    if isinstance(given, DataType | AnyType | Array | Map | Object):
        return given
    if isinstance(given, str) and given in DataType.__members__:
        return DataType[given]
    names = ", ".join(DataType.__members__)
    raise InvalidValueError(
        f"{given!r} is not a type of a signature: use an Array, Object, Map or AnyType, or one of "
        f"{names}."
    )


def type_dict(dtype: Type) -> dict[str, Any]:
    """A type as it stands in a signature's JSON."""
    return {"type": dtype.name} if isinstance(dtype, DataType) else dtype.to_dict()


def read_type(found: dict[str, Any]) -> Type:
    """The type that a signature's JSON describes.

    Raises:
        InvalidValueError: It describes none.
    """
    kind = found.get("type")
    try:
        if kind == "array":
            return Array(read_type(found["items"]))
        if kind == "map":
            return Map(read_type(found["values"]))
        if kind == "object":
            fields = found["properties"].items()
            return Object(
                [
                    Property(name, read_type(each), each.get("required", True))
                    for name, each in fields
                ]
            )
    except (KeyError, AttributeError) as error:
        raise InvalidValueError(f"The type {found!r} of a signature is incomplete.") from error
    if kind == "sparkml_vector":
        return Array(DataType.double)
    return AnyType() if kind == "any" else as_type(kind)


def merge(one: Type, other: Type) -> Type:
    """The type of values that are partly of one type and partly of another.

    Raises:
        InvalidValueError: No type covers both.
    """
    if one == other:
        return one
    if isinstance(one, AnyType):
        one, other = other, one
    if isinstance(other, AnyType):
        return _all_optional(one) if isinstance(one, Object) else one
    if isinstance(one, Array) and isinstance(other, Array):
        return Array(merge(one.dtype, other.dtype))
    if isinstance(one, Map) and isinstance(other, Map):
        return Map(merge(one.value_type, other.value_type))
    if isinstance(one, Object) and isinstance(other, Object):
        return _merge_objects(one, other)
    raise InvalidValueError(f"The values are partly {one!r} and partly {other!r}.")


def _all_optional(found: Object) -> Object:
    return Object([replace(each, required=False) for each in found.properties])


def _merge_objects(one: Object, other: Object) -> Object:
    mine = {each.name: each for each in one.properties}
    theirs = {each.name: each for each in other.properties}
    only_one = [
        replace((mine | theirs)[name], required=False) for name in mine.keys() ^ theirs.keys()
    ]
    both = [
        Property(
            name,
            merge(mine[name].dtype, theirs[name].dtype),
            mine[name].required and theirs[name].required,
        )
        for name in mine.keys() & theirs.keys()
    ]
    return Object([*only_one, *both])
