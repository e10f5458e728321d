"""What a served model takes: tensors or columns, checked and converted to arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tracker.serving.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

INVALID = "INVALID_PARAMETER_VALUE"
MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Tensor:
    """One input array.

    Args:
        name: Its name in the model; empty if it has none.
        dtype: numpy's name of its type, `float32` for example.
        shape: Its axes; -1 where any length is taken. The first one is the rows.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Columns:
    """A table of numbers, passed to the model as one float32 matrix (rows, columns).

    Args:
        names: The columns in the model's order.
        optional: Whether each may be missing; it is NaN then.
    """

    names: tuple[str, ...]
    optional: tuple[bool, ...]


Input = tuple[Tensor, ...] | Columns


def from_signature(columns: Sequence[Mapping[str, Any]] | None) -> Input | None:
    """The input named by the `inputs` of an MLmodel signature; None without a signature.

    Args:
        columns: The decoded JSON of `signature.inputs`.
    """
    if not columns:
        return None
    if any(entry.get("type") == "tensor" for entry in columns):
        return tuple(
            Tensor(
                str(entry.get("name") or ""),
                str(entry["tensor-spec"]["dtype"]),
                tuple(int(size) for size in entry["tensor-spec"]["shape"]),
            )
            for entry in columns
        )
    names = tuple(str(entry.get("name", i)) for i, entry in enumerate(columns))
    required = (entry.get("required", not entry.get("optional", False)) for entry in columns)
    return Columns(names, tuple(not value for value in required))


def tensors(values: Any, inputs: Input | None) -> dict[str, NDArray[Any]]:
    """Arrays from nested lists.

    Args:
        values: One nested list, or a dict of them by input name.
        inputs: What the model takes; None means unchecked.

    Raises:
        RequestError: The values are not numbers, are ragged, or do not fit the model.
    """
    if isinstance(inputs, Columns):
        return {"": _matrix(values, inputs)}
    if inputs is None:
        if isinstance(values, dict):
            return {str(name): as_array(value, "float32") for name, value in values.items()}
        return {"": as_array(values, "float32")}
    if isinstance(values, dict):
        missing = [tensor.name for tensor in inputs if tensor.name not in values]
        unknown = sorted(set(values) - {tensor.name for tensor in inputs})
        if missing or unknown:
            expected = ", ".join(repr(tensor.name) for tensor in inputs)
            raise RequestError(f"The model takes the inputs {expected}.", code=INVALID)
        return _same_rows({t.name: fitted(as_array(values[t.name], t.dtype), t) for t in inputs})
    if len(inputs) > 1:
        expected = ", ".join(repr(tensor.name) for tensor in inputs)
        raise RequestError(f"The model takes several inputs by name: {expected}.", code=INVALID)
    (tensor,) = inputs
    return {tensor.name: fitted(as_array(values, tensor.dtype), tensor)}


def rows(records: list[Any], inputs: Input | None) -> dict[str, NDArray[Any]]:
    """Arrays from one entry per row (`instances`), each a nested list or a dict by input name.

    Raises:
        RequestError: As `tensors`; or the rows do not have the same inputs.
    """
    if not records or not all(isinstance(record, dict) for record in records):
        return tensors(records, inputs)
    if isinstance(inputs, Columns):
        return {"": _table(list(records[0]), [list(record.values()) for record in records], inputs)}
    names = records[0].keys()
    if any(record.keys() != names for record in records):
        raise RequestError("The rows of 'instances' do not all have the same inputs.")
    return tensors({name: [record[name] for record in records] for name in names}, inputs)


def table(columns: list[Any], data: list[Any], inputs: Input | None) -> dict[str, NDArray[Any]]:
    """Arrays from a table: columns by name for a model of columns, one row per tensor otherwise.

    Raises:
        RequestError: A column is missing, a row is too short, a value is not a number.
    """
    if any(not isinstance(row, list) or len(row) != len(columns) for row in data):
        raise RequestError(f"Every row must have {len(columns)} values, one per column.")
    if isinstance(inputs, Columns):
        return {"": _table(columns, data, inputs)}
    return tensors(data, inputs)


def pixels(content: bytes, inputs: Input | None) -> dict[str, NDArray[Any]]:
    """Arrays from raw bytes: uint8 values scaled to [0, 1], as many rows as they fill.

    Raises:
        RequestError: The model does not take one float tensor, or the bytes fill no whole row.
    """
    if not isinstance(inputs, tuple) or len(inputs) != 1 or not inputs[0].dtype.startswith("float"):
        raise RequestError("Bytes are taken only by a model with one float tensor.", status=415)
    (tensor,) = inputs
    size = row_size(tensor)
    if not content or len(content) % size:
        raise RequestError(f"Send {size} bytes a row, one per value; got {len(content)}.")
    values = np.frombuffer(content, np.uint8).astype(tensor.dtype) / np.float32(255)
    return {tensor.name: values.reshape(-1, *tensor.shape[1:])}


def row_size(tensor: Tensor) -> int:
    """How many values one row has.

    Raises:
        RequestError: The signature leaves it open.
    """
    if any(size < 1 for size in tensor.shape[1:]):
        raise RequestError("The model's rows have no fixed size; send JSON.", status=415)
    return int(np.prod(tensor.shape[1:], dtype=np.int64))


def as_array(values: Any, dtype: str) -> NDArray[Any]:
    """Numbers in nested lists as an array of `dtype`, all of them finite.

    Raises:
        RequestError: They are ragged, not numbers, too large, or not finite.
    """
    if not isinstance(values, list) or not values:
        raise RequestError("The input must be a list with at least one row.")
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise RequestError("The input is not a regular array of numbers.") from error
    return _converted(array, dtype)


def _converted(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    target = np.dtype(dtype if dtype != "str" else "O")
    if target.kind == "O":
        if array.dtype.kind != "U":
            raise RequestError("The input must be text.", code=INVALID)
        return array.astype(object)
    allowed = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}.get(target.kind, "iuf")
    if array.dtype.kind not in allowed:
        kind = (
            "integers" if target.kind in "iu" else "booleans" if target.kind == "b" else "numbers"
        )
        raise RequestError(f"The input must be an array of {kind}.", code=INVALID)
    if target.kind in "iu":
        limits = np.iinfo(target)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            raise RequestError(f"A number does not fit {dtype}.", code=INVALID)
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, target)
    if target.kind == "f" and not np.isfinite(result).all():
        raise RequestError("A number is not finite or too large.", code=INVALID)
    return result


def fitted(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """The array, if it has the tensor's shape; rows given flat are reshaped to it.

    Raises:
        RequestError: It has another shape.
    """
    if array.ndim <= MAX_DIMENSIONS and _fits(array.shape, tensor.shape):
        return array
    fixed = all(size > 0 for size in tensor.shape[1:])
    flat = array.ndim == 2 and fixed and array.shape[1] == row_size(tensor)  # noqa: PLR2004
    if flat and len(tensor.shape) > 1:
        return array.reshape(-1, *tensor.shape[1:])
    shape = " x ".join(map(str, array.shape[: MAX_DIMENSIONS + 1]))
    expected = " x ".join("any" if size < 0 else str(size) for size in tensor.shape)
    raise RequestError(f"The input has the shape {shape}, expected {expected}.", code=INVALID)


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return len(shape) == len(expected) and all(
        want in (-1, size) for size, want in zip(shape, expected, strict=True)
    )


def _same_rows(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    if len({len(array) for array in arrays.values()}) > 1:
        raise RequestError("The inputs do not all have the same number of rows.")
    return arrays


def _matrix(values: Any, columns: Columns) -> NDArray[Any]:
    if isinstance(values, dict):
        lists = [value if isinstance(value, list) else [value] for value in values.values()]
        if len({len(value) for value in lists}) > 1:
            raise RequestError("The columns do not all have the same number of rows.")
        return _table(list(values), [list(row) for row in zip(*lists, strict=True)], columns)
    array = as_array(values, "float32")
    if array.ndim != 2 or array.shape[1] != len(columns.names):  # noqa: PLR2004
        raise RequestError(f"Every row must have {len(columns.names)} values.", code=INVALID)
    return array


def _table(names: list[Any], data: list[list[Any]], columns: Columns) -> NDArray[Any]:
    position = {str(name): i for i, name in enumerate(names)}
    missing = [
        name
        for name, optional in zip(columns.names, columns.optional, strict=True)
        if name not in position and not optional
    ]
    if missing:
        shown = ", ".join(map(repr, missing[:5]))
        raise RequestError(f"These columns are missing: {shown}.", code=INVALID)
    if any(len(row) != len(names) for row in data):
        raise RequestError("The rows do not all have the same columns.")
    picked = [position.get(name) for name in columns.names]
    full = [[np.nan if i is None else _number(row[i]) for i in picked] for row in data]
    if not full:
        raise RequestError("The input must be a list with at least one row.")
    with np.errstate(over="ignore"):
        return np.asarray(full, np.float32)


def _number(value: Any) -> float:
    if value is None:
        return np.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError as error:
            raise RequestError("A number is too large.", code=INVALID) from error
    raise RequestError(f"{str(value)[:40]!r} is not a number.", code=INVALID)
