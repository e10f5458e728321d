"""Data sets for `log_input`, described from arrays and tables as MLflow describes them.

The digest is the one that MLflow computes, so that the same data logged by MLflow and by the
tracker is one data set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tracker import context
from tracker.entities import Dataset, DatasetInput
from tracker.exceptions import (
    InvalidTypeError,
    InvalidValueError,
    TrackerError,
    UnsupportedError,
    needs_packages,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import pandas as pd

    from tracker.types import Schema

    Arrays = np.ndarray[Any, Any] | Mapping[str, np.ndarray[Any, Any]]

Source: TypeAlias = "str | os.PathLike[str] | DatasetSource"

# The digest covers this many leading rows, or elements of an array, and the whole shape.
HASHED: Final = 10_000
DEFAULT_NAME: Final = "dataset"


class DatasetSource:
    """Where a data set comes from.

    Args:
        source_type: "code", "http", "local" or the scheme of a URL, such as "s3".
        location: What says where, as MLflow stores it: a `uri`, a `url` or `tags`.
    """

    def __init__(self, source_type: str, location: Mapping[str, Any]) -> None:
        self.source_type = source_type
        self.location = dict(location)

    @property
    def uri(self) -> str | None:
        """The path or URL; None for a script."""
        return self.location.get("uri") or self.location.get("url")

    def load(self, dst_path: str | os.PathLike[str] | None = None) -> str:
        """The path of a local file or folder, or of a copy below `dst_path`.

        Raises:
            UnsupportedError: The source is not a local file.
        """
        from tracker.files.paths import trusted_path  # noqa: PLC0415

        if self.source_type != "local" or self.uri is None:
            raise UnsupportedError(
                f"A data set from {self.uri or 'a script'!r} is not fetched: open it with the "
                f"library that reads it."
            )
        path = trusted_path(self.uri)
        if dst_path is None:
            return str(path)
        import shutil  # noqa: PLC0415

        copy = shutil.copytree if path.is_dir() else shutil.copy2
        return str(copy(path, Path(dst_path) / path.name))

    def to_dict(self) -> dict[str, Any]:
        """What says where, as MLflow stores it."""
        return dict(self.location)

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.location)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.source_type} {self.uri or ''}>".replace(" >", ">")


class CodeDatasetSource(DatasetSource):
    """The script or notebook that made the data; `tags` say which."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        super().__init__("code", {"tags": dict(tags)})

    @property
    def tags(self) -> dict[str, str]:
        """The run's tags about its source."""
        return dict(self.location["tags"])


class FileSystemDatasetSource(DatasetSource):
    """A file or folder: on this machine, or at the URL of a file system."""

    def __init__(self, uri: str) -> None:
        scheme, separator, _ = uri.partition("://")
        is_local = not separator or scheme == "file"
        super().__init__("local" if is_local else scheme, {"uri": uri})


class HTTPDatasetSource(DatasetSource):
    """A web address."""

    def __init__(self, url: str) -> None:
        super().__init__("http", {"url": url})

    @property
    def url(self) -> str:
        """The address."""
        return str(self.location["url"])


class NumpyDataset:
    """Arrays described as a data set; made by `from_numpy`.

    Args:
        features: (N, …) of any shape.
        source: Where they come from.
        targets: (N, …) labels.
        name: "dataset" by default.
        digest: A fingerprint, at most 36 characters; computed from the data by default.
    """

    def __init__(
        self,
        features: Arrays,
        source: DatasetSource,
        targets: Arrays | None = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        self.features, self.targets, self.source = features, targets, source
        self.name = name or DEFAULT_NAME
        self._parts = {
            part: arrays
            for part, arrays in {"features": features, "targets": targets}.items()
            if arrays is not None
        }
        self.digest = digest or _digest(_array_bytes(self._parts.values()))

    @property
    def profile(self) -> dict[str, Any]:
        """Shape, number of elements and bytes of each part."""
        return {
            f"{part}_{what}": _of_each(arrays, what)
            for part, arrays in self._parts.items()
            for what in ("shape", "size", "nbytes")
        }

    @property
    def schema(self) -> dict[str, Any]:
        """Type and shape of each part, as MLflow stores them."""
        parts = self._parts
        return {
            "mlflow_tensorspec": {
                part: json.dumps(_tensors(parts[part])) if part in parts else None
                for part in ("features", "targets")
            }
        }

    def to_dict(self) -> dict[str, Any]:
        """Its fields as MLflow stores them; source, schema and profile are JSON."""
        return self.to_entity().to_dict()

    def to_json(self) -> str:
        """Its fields as JSON."""
        return json.dumps(self.to_dict())

    def to_entity(self) -> Dataset:
        """What a run records of it."""
        return _entity(self, self.schema, self.profile)


class PandasDataset:
    """A table described as a data set; made by `from_pandas`.

    Args:
        df: The table.
        source: Where it comes from.
        targets: The column to predict.
        name: "dataset" by default.
        digest: A fingerprint, at most 36 characters; computed from the data by default.
        predictions: The column with a model's predictions.

    Raises:
        InvalidValueError: There is no such column.
    """

    def __init__(
        self,
        df: pd.DataFrame,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        for column in (targets, predictions):
            if column is not None and column not in df.columns:
                raise InvalidValueError(
                    f"The table has no column {column!r}, only {list(df.columns)}."
                )
        self.df, self.source = df, source
        self.targets, self.predictions = targets, predictions
        self.name = name or DEFAULT_NAME
        self.digest = digest or _digest(_table_bytes(df))

    @property
    def profile(self) -> dict[str, int]:
        """Number of rows and of elements."""
        return {"num_rows": len(self.df), "num_elements": int(self.df.size)}

    @property
    def schema(self) -> Schema | None:
        """Name and type of each column; None if MLflow has no type for one."""
        from tracker.types.inference import infer_schema  # noqa: PLC0415

        if not self.df.columns.is_unique:
            return None
        try:
            return infer_schema(self.df)
        except (TrackerError, AttributeError, TypeError, ValueError):
            return None

    def to_dict(self) -> dict[str, Any]:
        """Its fields as MLflow stores them; source, schema and profile are JSON."""
        return self.to_entity().to_dict()

    def to_json(self) -> str:
        """Its fields as JSON."""
        return json.dumps(self.to_dict())

    def to_entity(self) -> Dataset:
        """What a run records of it."""
        schema = self.schema
        if schema is None:
            return _entity(self, None, self.profile)
        columns = [each.to_dict() | {"required": each.required} for each in schema]
        return _entity(self, {"mlflow_colspec": columns}, self.profile)


@needs_packages("The description of a data set")
def from_numpy(
    features: Arrays,
    source: Source | None = None,
    targets: Arrays | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """A data set of one array, or of several by name.

    Args:
        features: (N, …) of any shape.
        source: A path or URL; by default the script that runs.
        targets: (N, …) labels, described beside the features.
        name: "dataset" by default.
        digest: Its fingerprint, at most 36 characters; by default computed from the data.

    Raises:
        InvalidTypeError: There is something else than arrays.
        UnsupportedError: pandas, which computes the fingerprint, is not installed.

    Example::

        tracker.log_input(tracker.data.from_numpy(images, "train.npy", targets=labels), "train")
    """
    import numpy as np  # noqa: PLC0415

    for given in (features, {} if targets is None else targets):
        for array in _named(given).values():
            if not isinstance(array, np.ndarray):
                raise InvalidTypeError(
                    f"from_numpy takes numpy arrays, not {type(array).__name__}: convert it with "
                    f"`numpy.asarray` first."
                )
    return NumpyDataset(features, _source(source), targets, name, digest)


@needs_packages("The description of a data set")
def from_pandas(
    df: pd.DataFrame,
    source: Source | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A data set of one table.

    Args:
        df: The table.
        source: A path or URL; by default the script that runs.
        targets: The column to predict.
        name: "dataset" by default.
        digest: Its fingerprint, at most 36 characters; by default computed from the data.
        predictions: The column with a model's predictions.

    Raises:
        InvalidTypeError: It is no DataFrame.
        InvalidValueError: There is no such column.
        UnsupportedError: pandas is not installed.

    Example::

        tracker.log_input(tracker.data.from_pandas(df, "train.csv", targets="label"), "train")
    """
    import pandas as pd  # noqa: PLC0415

    if not isinstance(df, pd.DataFrame):
        raise InvalidTypeError(f"from_pandas takes a DataFrame, not {type(df).__name__}.")
    return PandasDataset(df, _source(source), targets, name, digest, predictions)


def get_source(dataset: Any) -> DatasetSource:
    """Where a data set comes from.

    Args:
        dataset: What `from_numpy` or `from_pandas` returned, or an entity of a run's inputs.

    Raises:
        InvalidTypeError: It is something else.
    """
    entity = dataset.dataset if isinstance(dataset, DatasetInput) else dataset
    if isinstance(entity, Dataset):
        return _stored_source(entity)
    source = getattr(entity, "source", None)
    if isinstance(source, DatasetSource):
        return source
    raise InvalidTypeError(f"get_source takes a data set, not {type(dataset).__name__}.")


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(
        f"tracker.data has no {name!r}: describe the data with from_numpy or from_pandas, or "
        f"with `tracker.Dataset(name, digest, source_type, source)`."
    )


def _entity(
    dataset: NumpyDataset | PandasDataset,
    schema: Mapping[str, Any] | None,
    profile: Mapping[str, Any],
) -> Dataset:
    return Dataset(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source.source_type,
        source=dataset.source.to_json(),
        schema=None if schema is None else json.dumps(schema, default=_plain),
        profile=json.dumps(profile, default=_plain),
    )


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python; other names of columns as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _source(source: Source | None) -> DatasetSource:
    """A source as MLflow describes it."""
    if isinstance(source, DatasetSource):
        return source
    if source is None:
        tags = context.run_tags().items()
        return CodeDatasetSource({key: tag for key, tag in tags if key.startswith("mlflow.")})
    text = os.fspath(source)
    if text.startswith(("http://", "https://")):
        return HTTPDatasetSource(text)
    return FileSystemDatasetSource(text)


def _stored_source(entity: Dataset) -> DatasetSource:
    try:
        location = json.loads(entity.source)
    except (TypeError, ValueError):
        location = None
    if not isinstance(location, dict):  # Another program's.
        location = {"uri": str(entity.source)}
    if entity.source_type == "code" and isinstance(location.get("tags"), dict):
        return CodeDatasetSource(location["tags"])
    if entity.source_type == "http" and isinstance(location.get("url"), str):
        return HTTPDatasetSource(location["url"])
    if isinstance(location.get("uri"), str):
        found = FileSystemDatasetSource(location["uri"])
        found.source_type = entity.source_type
        return found
    return DatasetSource(entity.source_type, location)


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
    """What MLflow hashes: the columns of strings and of numbers, the length, the names."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    head = df.head(HASHED)
    places = range(head.shape[1])
    objects = [head.iloc[:, place].to_numpy(dtype=object) for place in places]
    is_text = [all(type(value) is str for value in column) for column in objects]
    texts = head.columns[is_text]
    numbers = head.select_dtypes(include=[np.number]).columns
    yield pd.util.hash_pandas_object(head[texts.union(numbers)]).to_numpy()
    yield np.int64(len(df))
    yield from (str(column).encode() for column in df.columns)
