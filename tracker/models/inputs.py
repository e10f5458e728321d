"""Fits what a caller gives to what a model's signature asks for.

More generous than MLflow where nothing is lost: numbers become wider, columns are put in order,
superfluous ones are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracker.exceptions import InvalidValueError
from tracker.types.datatypes import DataType
from tracker.types.schema import ColSpec, Schema, TensorSpec

if TYPE_CHECKING:
    from tracker.types.params import ParamSchema

_FLOATS = {DataType.float: "float32", DataType.double: "float64"}
_INTEGERS = {DataType.integer, DataType.long}


def fit(data: Any, schema: Schema | None) -> Any:
    """Data as the model takes it.

    Args:
        data: A table, an array, a dictionary or a list.
        schema: The input that the model's signature names; None checks nothing.

    Raises:
        InvalidValueError: A column is missing, or a shape or a type does not fit.
    """
    if schema is None:
        return data
    if schema.is_tensor_spec():
        return _fit_tensors(data, schema)
    if not all(isinstance(each.type, DataType) for each in schema) or not schema.has_input_names():
        return data
    return _fit_columns(data, [each for each in schema if isinstance(each, ColSpec)])


def fit_params(params: dict[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any] | None:
    """The parameters that a model takes, with its defaults for those that are not given.

    Raises:
        InvalidValueError: The signature does not name one, or it is of another type.
    """
    if schema is None:
        return params
    known = {each.name: each for each in schema}
    for name in params or {}:
        if name not in known:
            raise InvalidValueError(f"The model takes no parameter {name!r}, only {list(known)}.")
    given = {name: known[name].checked(value) for name, value in (params or {}).items()}
    return {name: each.default for name, each in known.items()} | given


def _fit_tensors(data: Any, schema: Schema) -> Any:
    specs = [each for each in schema if isinstance(each, TensorSpec)]
    if isinstance(data, dict):
        if len(specs) == 1 and specs[0].name is None and len(data) == 1:
            return _fit_tensor(next(iter(data.values())), specs[0])
        by_name = {str(spec.name): spec for spec in specs}
        _require(data, list(by_name))
        return {name: _fit_tensor(data[name], spec) for name, spec in by_name.items()}
    if len(specs) > 1:
        names = [spec.name for spec in specs]
        raise InvalidValueError(f"The model takes several tensors: give a dictionary of {names}.")
    if hasattr(data, "columns"):
        data = data.to_numpy()
    return _fit_tensor(data, specs[0])


def _fit_tensor(data: Any, spec: TensorSpec) -> Any:
    import numpy as np  # noqa: PLC0415

    if hasattr(data, "tocsr"):  # A sparse matrix stays one.
        return data
    try:
        array = np.asarray(data)
        same_kind = np.can_cast(array.dtype, spec.type, casting="same_kind")
        found = array.astype(spec.type, copy=False) if same_kind else None
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"The model takes an array of {spec.dtype}: {error}.") from error
    label = f"The tensor {spec.name!r}" if spec.name else "The input"
    if found is None:
        raise InvalidValueError(f"{label} is of {spec.dtype}, which {array.dtype} does not fit.")
    fits = found.ndim == len(spec.shape) and all(
        wanted in {-1, length} for wanted, length in zip(spec.shape, found.shape, strict=True)
    )
    if not fits:
        raise InvalidValueError(f"{label} has the shape {spec.shape}, not {found.shape}.")
    return found


def _fit_columns(data: Any, columns: list[ColSpec]) -> Any:
    import pandas as pd  # noqa: PLC0415

    table = _as_table(data, columns)
    _require(table.columns, [str(each.name) for each in columns if each.required])
    present = [each for each in columns if each.name in table.columns]
    return pd.DataFrame({each.name: _fit_column(table[each.name], each) for each in present})


def _as_table(data: Any, columns: list[ColSpec]) -> Any:
    import pandas as pd  # noqa: PLC0415

    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame()
    if isinstance(data, dict):
        is_row = not any(
            hasattr(each, "__len__") and not isinstance(each, str | bytes) for each in data.values()
        )
        return pd.DataFrame([data] if is_row else data)
    try:
        table = pd.DataFrame(data)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"The model takes a table: {error}.") from error
    is_unnamed = list(map(str, table.columns)) == list(map(str, range(len(columns))))
    return table.set_axis([each.name for each in columns], axis=1) if is_unnamed else table


def _fit_column(column: Any, spec: ColSpec) -> Any:
    """A column of integers made floats where the model takes those."""
    kind = getattr(column.dtype, "kind", "O")
    if spec.type in _FLOATS and kind in "iu":
        return column.astype(_FLOATS[spec.type])
    is_wrong = (spec.type in _INTEGERS and kind == "f") or (
        spec.type in {*_FLOATS, *_INTEGERS} and kind == "O" and column.map(type).eq(str).any()
    )
    if is_wrong:
        raise InvalidValueError(
            f"The column {spec.name!r} is of {spec.type!r}, which {column.dtype} does not fit."
        )
    return column


def _require(found: Any, wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InvalidValueError(
            f"The input lacks {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, found))}."
        )
