"""Data sets for `log_input`, described from arrays and tables as MLflow describes them.

The digest is the one that MLflow computes, so that the same data logged by MLflow and by the
tracker is one data set.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from tracker import context
from tracker.entities import Dataset
from tracker.exceptions import InvalidValueError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import pandas as pd

    Arrays = np.ndarray[Any, Any] | Mapping[str, np.ndarray[Any, Any]]

# The digest covers this many leading rows, or elements of an array, and the whole shape.
HASHED: Final = 10_000
DEFAULT_NAME: Final = "dataset"


def from_numpy(
    features: Arrays,
    source: str | os.PathLike[str] | None = None,
    targets: Arrays | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> Dataset:
    """A data set of one array, or of several by name.

    Args:
        features: (N, …) of any shape.
        source: A path or URL; by default the script that runs.
        targets: (N, …) labels, described beside the features.
        name: "dataset" by default.
        digest: Its fingerprint, at most 36 characters; by default computed from the data.
    """
    given = {"features": features, "targets": targets}
    parts = {part: arrays for part, arrays in given.items() if arrays is not None}
    profile = {
        f"{part}_{what}": _of_each(arrays, what)
        for part, arrays in parts.items()
        for what in ("shape", "size", "nbytes")
    }
    schema = {part: json.dumps(_tensors(parts[part])) if part in parts else None for part in given}
    return _dataset(
        name,
        digest or _digest(_array_bytes(parts.values())),
        source,
        {"mlflow_tensorspec": schema},
        profile,
    )


def from_pandas(
    df: pd.DataFrame,
    source: str | os.PathLike[str] | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """A data set of one table.

    Args:
        df: The table.
        source: A path or URL; by default the script that runs.
        targets: The column to predict.
        name: "dataset" by default.
        digest: Its fingerprint, at most 36 characters; by default computed from the data.
        predictions: The column with a model's predictions.

    Raises:
        InvalidValueError: There is no such column.
    """
    for column in (targets, predictions):
        if column is not None and column not in df.columns:
            raise InvalidValueError(f"The table has no column {column!r}, only {list(df.columns)}.")
    types = [_column_type(df[column]) for column in df.columns]
    columns = [
        {"type": kind, "name": column, "required": not df[column].isna().any()}
        for kind, column in zip(types, df.columns, strict=True)
    ]
    return _dataset(
        name,
        digest or _digest(_table_bytes(df)),
        source,
        {"mlflow_colspec": columns} if all(types) else None,
        {"num_rows": len(df), "num_elements": df.size},
    )


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(
        f"tracker.data has no {name!r}: describe the data with from_numpy or from_pandas, or "
        f"with `tracker.Dataset(name, digest, source_type, source)`."
    )


def _dataset(
    name: str | None,
    digest: str,
    source: str | os.PathLike[str] | None,
    schema: Mapping[str, Any] | None,
    profile: Mapping[str, Any],
) -> Dataset:
    source_type, where = _source(source)
    return Dataset(
        name=name or DEFAULT_NAME,
        digest=digest,
        source_type=source_type,
        source=json.dumps(where),
        schema=None if schema is None else json.dumps(schema, default=bool),
        profile=json.dumps(profile, default=int),
    )


def _source(source: str | os.PathLike[str] | None) -> tuple[str, dict[str, Any]]:
    """A source's type and its location, as MLflow stores them."""
    if source is None:
        tags = context.run_tags().items()
        return "code", {"tags": {key: tag for key, tag in tags if key.startswith("mlflow.")}}
    text = os.fspath(source)
    scheme, separator, _ = text.partition("://")
    if not separator or scheme == "file":
        return "local", {"uri": text}
    if scheme in {"http", "https"}:
        return "http", {"url": text}
    return scheme, {"uri": text}


def _named(arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays by name; a single one has the name ""."""
    return dict(arrays) if hasattr(arrays, "keys") else {"": arrays}


def _of_each(arrays: Arrays, attribute: str) -> Any:
    found = {name: getattr(array, attribute) for name, array in _named(arrays).items()}
    return found.get("", found)


def _tensors(arrays: Arrays) -> list[dict[str, Any]]:
    return [
        ({"name": name} if name else {})
        | {
            "type": "tensor",
            "tensor-spec": {"dtype": _element_type(array), "shape": [-1, *array.shape[1:]]},
        }
        for name, array in _named(arrays).items()
    ]


def _element_type(array: np.ndarray[Any, Any]) -> str:
    """The type's name; strings and bytes without their length."""
    return {"U": "str", "S": "bytes"}.get(array.dtype.kind, str(array.dtype.name))


def _column_type(column: pd.Series[Any]) -> str | None:
    """MLflow's name for the type of a column; None if it has none."""
    kind, size = getattr(column.dtype, "kind", "O"), getattr(column.dtype, "itemsize", 8)
    if kind in "iu":
        # The largest type of MLflow is a signed integer of 64 bits.
        signed = size if kind == "i" else 2 * size
        return "integer" if signed <= 4 else "long" if signed <= 8 else None  # noqa: PLR2004
    if kind == "f":
        return "float" if size <= 4 else "double"  # noqa: PLR2004
    if kind in "bM":
        return "boolean" if kind == "b" else "datetime"
    types = {type(value) for value in column.dropna()}
    names = {str: "string", bytes: "binary", bool: "boolean"}
    return names.get(next(iter(types))) if len(types) == 1 else None


def _digest(pieces: Iterator[Any]) -> str:
    """Eight hexadecimal digits of an MD5: a fingerprint, not a signature."""
    import hashlib  # noqa: PLC0415

    whole = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        whole.update(piece)
    return whole.hexdigest()[:8]


def _array_bytes(parts: Any) -> Iterator[Any]:
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    for arrays in parts:
        for _, array in sorted(_named(arrays).items()):
            head = array.ravel()[:HASHED]
            try:
                yield pd.util.hash_array(head)
            except TypeError:  # Objects that cannot be hashed, such as lists.
                yield np.int64(head.size)
            yield from map(np.int64, array.shape)


def _table_bytes(df: pd.DataFrame) -> Iterator[Any]:
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    head = df.head(HASHED)
    texts = head.columns[head.map(lambda value: type(value) is str).all(axis=0)]
    numbers = head.select_dtypes(include=[np.number]).columns
    yield pd.util.hash_pandas_object(head[texts.union(numbers)]).to_numpy()
    yield np.int64(len(df))
    yield from (str(column).encode() for column in df.columns)
