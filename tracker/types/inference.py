"""Derives schemas from data, as MLflow derives them.

What MLflow has no type for is `any`: inferring never fails.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError
from tracker.types.datatypes import AnyType, Array, DataType, Object, Property, Type, merge
from tracker.types.params import ParamSchema, ParamSpec
from tracker.types.schema import ColSpec, Schema, TensorSpec, element_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCALARS: Final = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    object: DataType.string,
    bytes: DataType.binary,
    bytearray: DataType.binary,
    dt.date: DataType.datetime,
    dt.datetime: DataType.datetime,
}
_NUMPY_SCALARS: Final = {
    "bool": DataType.boolean,
    "bool_": DataType.boolean,
    "int64": DataType.long,
    "int32": DataType.integer,
    "float64": DataType.double,
    "float32": DataType.float,
    "str_": DataType.string,
    "bytes_": DataType.binary,
    "datetime64": DataType.datetime,
}
ANYTHING: Final = Schema([ColSpec(AnyType())])


def infer_schema(data: Any) -> Schema:
    """The columns or tensors of some data.

    Args:
        data: An array, a sparse matrix, a torch tensor, a DataFrame or Series, a dict, a list, or
            a single value.

    Raises:
        InvalidValueError: MLflow has no type for it.
    """
    data = _as_array(data)
    if isinstance(data, list):
        return _schema_of_list(data)
    if isinstance(data, dict):
        return _schema_of_dict(data)
    if _is(data, "numpy", "ndarray") or _is(data, "scipy.sparse", "csr_matrix", "csc_matrix"):
        return Schema([_tensor(data, data.dtype)])
    if _is(data, "pandas", "Series"):
        required = data.name is None or _is_complete(data)
        return Schema([ColSpec(_column_type(data), data.name, required)])
    if _is(data, "pandas", "DataFrame"):
        columns = [data[name] for name in data.columns]
        return Schema(
            [ColSpec(_column_type(each), each.name, _is_complete(each)) for each in columns]
        )
    return Schema([ColSpec(_known_type(data))])


def infer_params(params: Mapping[str, Any]) -> ParamSchema:
    """The types of a model's parameters, with these values as defaults.

    Raises:
        InvalidValueError: A value is not a scalar, a list of scalars or a dictionary.
    """
    return ParamSchema([_param(name, value) for name, value in params.items()])


def numpy_type(dtype: Any) -> DataType:
    """The scalar type that holds every value of a numpy dtype.

    Raises:
        InvalidValueError: There is none, as for unsigned integers of 64 bits.
    """
    kind, size = dtype.kind, dtype.itemsize
    if kind in "iu":
        # The largest type of MLflow is a signed integer of 64 bits.
        signed = size if kind == "i" else 2 * size
        if signed <= 8:  # noqa: PLR2004
            return DataType.integer if signed <= 4 else DataType.long  # noqa: PLR2004
    if kind == "f" and size <= 8:  # noqa: PLR2004
        return DataType.float if size <= 4 else DataType.double  # noqa: PLR2004
    found = {
        "b": DataType.boolean,
        "U": DataType.string,
        "S": DataType.binary,
        "M": DataType.datetime,
    }.get(kind)
    if found is None:
        raise InvalidValueError(f"MLflow has no type for values of the numpy type {dtype}.")
    return found


def _is(data: object, module: str, *names: str) -> bool:
    """Whether data is of one of these classes of a module, which is not imported for it."""
    home = sys.modules.get(module)
    return home is not None and isinstance(data, tuple(getattr(home, name) for name in names))


def _as_array(data: Any) -> Any:
    """A torch tensor, alone or in a dict, as a numpy array."""
    if _is(data, "torch", "Tensor"):
        return data.detach().cpu().numpy()
    if isinstance(data, dict):
        return {name: _as_array(each) for name, each in data.items()}
    return data


def _tensor(data: Any, dtype: Any, name: str | None = None) -> TensorSpec:
    if not data.shape:
        raise InvalidValueError("An array without dimensions has no first one that may vary.")
    return TensorSpec(element_type(dtype), (-1, *data.shape[1:]), name)


def _schema_of_list(data: list[Any]) -> Schema:
    if not data:
        return Schema([ColSpec(DataType.string)])
    if not all(isinstance(row, dict) for row in data):
        return Schema([ColSpec(_element_type(data))])
    columns: dict[str, list[Any]] = {}
    for row in data:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return Schema(
        [
            ColSpec(_element_type(values), name, all(row.get(name) is not None for row in data))
            for name, values in columns.items()
        ]
    )


def _schema_of_dict(data: dict[Any, Any]) -> Schema:
    if all(_is(values, "numpy", "ndarray") for values in data.values()):
        return Schema([_tensor(values, values.dtype, name) for name, values in data.items()])
    if not all(isinstance(name, str) for name in data):
        raise InvalidValueError("The keys of a dictionary of columns are texts.")
    return Schema(
        [ColSpec(_known_type(values), name, _is_complete(values)) for name, values in data.items()]
    )


def _column_type(column: Any) -> Type:
    """The type of a pandas column."""
    if column.to_numpy().ndim > 1:
        raise InvalidValueError(f"The column {column.name!r} is there more than once.")
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind != "O":
        return numpy_type(column.dtype)
    try:
        return _element_type(column.to_list())
    except InvalidValueError:
        from pandas.api.types import is_string_dtype  # noqa: PLC0415

        if is_string_dtype(column):
            return DataType.string
        raise


def _element_type(values: Sequence[Any]) -> Type:
    """The type that all elements of a list have."""
    found = _known_type(values)
    if not isinstance(found, Array):
        raise InvalidValueError("The list has no element with a type.")
    return found.dtype  # type: ignore[no-any-return]


def _known_type(data: Any) -> Type:
    found = _type_of(data)
    if found is None:
        raise InvalidValueError("An empty array has no type.")
    return found


def _type_of(data: Any) -> Type | None:
    """The type of a single value of any depth; None for an empty array."""
    if _is_missing(data) or (isinstance(data, list | dict) and not data):
        return AnyType()
    if isinstance(data, dict):
        types = {str(name): _known_type(value) for name, value in data.items()}
        return Object(
            [Property(name, each, not isinstance(each, AnyType)) for name, each in types.items()]
        )
    if isinstance(data, list) or _is(data, "numpy", "ndarray"):
        return _array_type(data)
    return _scalar_type(data)


def _array_type(data: Any) -> Array | None:
    found: Type | None = None
    try:
        for item in data:
            each = _type_of(item)
            if each is not None:
                found = each if found is None else merge(found, each)
    except TypeError as error:  # An array without dimensions.
        raise InvalidValueError(str(error)) from error
    return None if found is None else Array(found)


def _scalar_type(data: object) -> DataType:
    kind = type(data)
    names = _NUMPY_SCALARS if kind.__module__ == "numpy" else {}
    found = _SCALARS.get(kind) or names.get(kind.__name__)
    if found is None:
        raise InvalidValueError(f"MLflow has no type for {data!r} ({kind.__name__}).")
    return found


def _is_missing(data: object) -> bool:
    if isinstance(data, float):
        return data != data  # noqa: PLR0124  NaN
    return data is None or type(data).__name__ in {"NAType", "NaTType"}


def _is_complete(values: Any) -> bool:
    """Whether a column or a value misses nothing."""
    if isinstance(values, list) or _is(values, "pandas", "Series"):
        return not any(map(_is_missing, values))
    return not _is_missing(values)


def _param(name: str, value: Any) -> ParamSpec:
    import numpy as np  # noqa: PLC0415

    if isinstance(value, dict):
        return ParamSpec(name, _known_type(value), value)
    is_list = isinstance(value, list | np.ndarray)
    values = list(value) if is_list else [value]
    if values and all(isinstance(each, dt.date | np.datetime64) for each in values):
        dtype = DataType.datetime
    elif is_list or np.isscalar(value):
        dtype = numpy_type(np.array(value).dtype)
        if is_list and np.ndim(value) != 1:
            raise InvalidValueError(f"The parameter {name!r} is a list of more than one dimension.")
    else:
        raise InvalidValueError(
            f"The parameter {name!r} is a scalar, a list or a dictionary, not "
            f"{type(value).__name__}."
        )
    return ParamSpec(name, dtype, value, (-1,) if is_list else None)
