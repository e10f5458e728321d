"""Encodes the texts, dicts and tables that users log as the bytes of an artifact."""

from __future__ import annotations

import io
import json
import math
from collections import deque
from collections.abc import KeysView, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tracker.exceptions import InvalidTypeError, InvalidValueError, UnsupportedError
from tracker.images import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

PARQUET_MAGIC: Final = b"PAR1"
YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def from_text(text: str) -> bytes:
    """UTF-8.

    Raises:
        InvalidTypeError: It is not a string.
        InvalidValueError: UTF-8 cannot encode it.
    """
    if not isinstance(text, str):
        raise InvalidTypeError(f"log_text takes a string, not {type(text).__name__}.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"The text is not valid Unicode at character {error.start + 1}: pass "
            f"`text.encode(errors='replace').decode()` instead."
        ) from error


def from_dict(dictionary: Mapping[str, Any] | list[Any], artifact_file: str) -> bytes:
    """YAML for `.yaml` and `.yml`, JSON for every other name.

    Raises:
        InvalidValueError: The dictionary holds something that JSON cannot express.
        UnsupportedError: PyYAML is not installed.
    """
    writes = _yaml if PurePosixPath(artifact_file).suffix in YAML_SUFFIXES else _json
    try:
        return writes(dictionary)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(f"{artifact_file!r} cannot be written: {error}.") from error


def is_parquet(artifact_file: str) -> bool:
    """Whether a table of this name is kept as Parquet.

    Raises:
        InvalidValueError: It ends neither in `.json` nor in `.parquet`.
    """
    suffix = PurePosixPath(artifact_file).suffix
    if suffix not in {".json", ".parquet"}:
        raise InvalidValueError(
            f"A table is kept as JSON or Parquet: end {artifact_file!r} with '.json' or '.parquet'."
        )
    return suffix == ".parquet"


def columns_of(data: Any) -> dict[str, list[Any]]:
    """The columns of a table, each with a value for every row.

    Args:
        data: A mapping of columns to values or lists of values, or a pandas DataFrame.

    Raises:
        InvalidTypeError: The data is something else.
        InvalidValueError: The columns differ in length.
    """
    names, rows = _table(data)
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def from_parquet(data: Any, columns: dict[str, list[Any]], earlier: bytes | None) -> bytes:
    """A table as Parquet, appended to the earlier rows.

    Args:
        data: A DataFrame keeps the types of its columns.
        columns: The same with references in place of images.
        earlier: The present file; None for a new table.

    Raises:
        InvalidValueError: Parquet cannot hold a value, or the file is not a table.
        UnsupportedError: pyarrow is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError(
            "A table as Parquet needs pandas and pyarrow: `pip install pandas pyarrow`, or end the "
            "name with '.json'."
        ) from error
    frame = pd.DataFrame(columns)
    if isinstance(data, pd.DataFrame):
        same = [name for name in map(str, data.columns) if not _has_reference(columns[name])]
        frame = frame.astype({name: data.set_axis(columns, axis=1)[name].dtype for name in same})
    stream = io.BytesIO()
    try:
        if earlier is not None:
            frame = pd.concat([pd.read_parquet(io.BytesIO(earlier)), frame], ignore_index=True)
        frame.to_parquet(stream, index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidValueError(f"The table cannot be kept as Parquet: {error}") from error
    return stream.getvalue()


def _has_reference(values: list[Any]) -> bool:
    return any(isinstance(value, dict) for value in values)


def from_table(data: Any, earlier: bytes | None) -> bytes:
    """A table as MLflow writes it, JSON with `columns` and `data`, appended to the earlier rows.

    Columns are matched by name. A missing value is null, as are NaN and infinities, which JSON
    lacks. Times are written in ISO format to the millisecond, in UTC if they have a time zone.

    Args:
        data: A mapping of columns to values or lists of values, or a pandas DataFrame.
        earlier: The present file; None for a new table.

    Raises:
        InvalidValueError: The data is not a table.
    """
    columns, rows = ([], []) if earlier is None else _stored_table(earlier)
    new_columns, new_rows = _table(data)
    columns += [name for name in new_columns if name not in columns]
    missing: list[Any] = [None] * len(columns)
    cells = [[_cell(value) for value in row] + missing[len(row) :] for row in rows]
    places = [columns.index(name) for name in new_columns]
    for row in new_rows:
        cells.append(missing[:])
        for place, value in zip(places, row, strict=True):
            try:
                cells[-1][place] = _cell(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidValueError(
                    f"The column {columns[place]!r} cannot be written: {error}."
                ) from error
    return json.dumps({"columns": columns, "data": cells}, allow_nan=False).encode()


def read_table(content: bytes) -> pd.DataFrame:
    """The DataFrame behind a logged table.

    Raises:
        InvalidValueError: The file holds something else.
    """
    import pandas as pd  # noqa: PLC0415

    if content.startswith(PARQUET_MAGIC):
        return pd.read_parquet(io.BytesIO(content))
    columns, rows = _stored_table(content)
    return pd.DataFrame(rows, columns=columns)


def _stored_table(content: bytes) -> tuple[list[str], list[list[Any]]]:
    try:
        table = json.loads(content)
        columns, rows = [str(name) for name in table["columns"]], table["data"]
        is_table = all(len(row) == len(columns) for row in rows)
    except (ValueError, TypeError, KeyError):
        is_table = False
    if not is_table:
        raise InvalidValueError(
            "The file of this name is not a table that log_table wrote: choose another name."
        )
    return columns, rows


def _table(data: Any) -> tuple[list[str], list[list[Any]]]:
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        data = data.to_dict(orient="list")
    if not isinstance(data, dict):
        raise InvalidTypeError(
            f"log_table takes a dict of columns or a DataFrame, not {type(data).__name__}."
        )
    columns = {str(name): _column(values) for name, values in data.items()}
    lengths = {len(values) for values in columns.values() if values is not None} or {1}
    if len(lengths) > 1:
        raise InvalidValueError("The columns of a table must be of one length.")
    (length,) = lengths
    # A single value is repeated in every row.
    lists = [columns[str(name)] or [value] * length for name, value in data.items()]
    return list(columns), [list(row) for row in zip(*lists, strict=True)]


def _column(values: Any) -> list[Any] | None:
    """The values of a column; None for a single value."""
    if isinstance(values, dict):  # By row, as a DataFrame's `to_dict` gives it.
        return list(values.values())
    if isinstance(values, str | bytes | Image) or getattr(values, "ndim", 1) == 0:
        return None
    return list(values) if hasattr(values, "__len__") else None


def _cell(value: Any) -> Any:
    """A cell of a table as valid JSON."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _cell(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cell(each) for each in value]
    return _cell(_python_value(value))


def _python_value(value: Any) -> Any:
    """A time as text; a numpy or pandas value as a Python one."""
    if isinstance(value, date):
        return _iso_time(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if type(value).__name__ == "NAType":  # pandas' missing value.
        return None
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "M":
        value = value.astype("datetime64[ms]")  # Nanoseconds would become a number.
    elif kind == "f" and value.ndim == 0:  # A longdouble's item would be a longdouble.
        return float(value)
    return _plain(value)


def _iso_time(day: date) -> str | None:
    if day != day:  # noqa: PLR0124  pandas' NaT
        return None
    if not isinstance(day, datetime):
        return f"{day.isoformat()}T00:00:00.000"
    if day.tzinfo is None:
        return day.isoformat(timespec="milliseconds")
    utc = day.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def _plain(value: Any) -> Any:
    """A value that JSON has no type for, as one that says the same and can be read back.

    Raises:
        TypeError: There is none; a `repr` would be lost data.
    """
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    for method in ("tolist", "item"):  # numpy, torch and pandas
        if hasattr(value, method) and type(own := getattr(value, method)()) is not type(value):
            return own
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"it holds a value of type {type(value).__name__}; convert that first")


def _sorted(values: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:  # They cannot be compared.
        return list(values)


_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (Enum, lambda value: value.value),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    ((PurePath, UUID, Decimal, Fraction), str),
    ((bytes, bytearray), lambda value: bytes(value).decode()),
    (AbstractSet, _sorted),
    (Mapping, dict),
    ((Sequence, deque, KeysView, ValuesView), list),
)


def _json(dictionary: Any) -> bytes:
    return json.dumps(dictionary, indent=2, default=_plain).encode()


def _yaml(dictionary: Any) -> bytes:
    try:
        import yaml  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError("YAML needs PyYAML: `pip install pyyaml`.") from error
    _check_keys(dictionary)
    try:
        text = yaml.safe_dump(dictionary, sort_keys=False, allow_unicode=True)
    except yaml.YAMLError:  # It holds a numpy number, a path or the like.
        plain = json.loads(json.dumps(dictionary, default=_plain))
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    return text.encode()


def _check_keys(value: Any) -> None:
    """Refuse keys that YAML can write and not read: a list cannot be a key in Python.

    Raises:
        TypeError: A key is not a single value.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(key, (tuple, frozenset)):
                raise TypeError(f"the key {key!r} is not a single value")
            _check_keys(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _check_keys(each)
