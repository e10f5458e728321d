"""Encodes what users log (dicts, images, figures, tables) as the bytes of an artifact."""

from __future__ import annotations

import io
import json
import math
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

THUMBNAIL_PIXELS: Final = 256
YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def from_text(text: str) -> bytes:
    """UTF-8.

    Raises:
        InvalidValueError: It is not a string, or UTF-8 cannot encode it.
    """
    if not isinstance(text, str):
        raise InvalidValueError(f"log_text takes a string, not {type(text).__name__}.")
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


def from_image(image: Any, artifact_file: str) -> bytes:
    """The bytes of an image in the format that its name says; PNG if it has no suffix.

    Args:
        image: A PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): integers and
            booleans in [0, 255], floats in [0, 1].
        artifact_file: Its name.

    Raises:
        InvalidValueError: The image has another shape, range or mode.
        UnsupportedError: Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError("log_image needs Pillow: `pip install pillow`.") from error
    picture = image if isinstance(image, Image.Image) else Image.fromarray(_pixels(image))
    suffix = PurePosixPath(artifact_file).suffix.lower() or ".png"
    kind = Image.registered_extensions().get(suffix)
    if kind is None:
        raise InvalidValueError(
            f"{artifact_file!r} does not name an image format: end it with '.png'."
        )
    if kind == "JPEG":
        picture = picture.convert("RGB")
    stream = io.BytesIO()
    try:
        picture.save(stream, format=kind)
    except (KeyError, OSError, ValueError) as error:  # Pillow only reads it, or not this mode.
        raise InvalidValueError(
            f"An image of mode {picture.mode!r} cannot be written as {kind}: end "
            f"{artifact_file!r} with '.png', or convert the image to 'RGB' first."
        ) from error
    return stream.getvalue()


def image_of_series(
    image: Any, key: str, step: int, timestamp_ms: int, image_id: str
) -> dict[str, bytes]:
    """An image and its thumbnail, under the names by which MLflow's pages find a series."""
    name = f"images/{key.replace('/', '~')}+step+{step}+timestamp+{timestamp_ms}+{image_id}"
    picture = from_image(image, f"{name}.png")
    return {f"{name}.png": picture, f"{name}+compressed.webp": thumbnail(picture)}


def thumbnail(picture: bytes) -> bytes:
    """A small WebP of an encoded image, which MLflow's pages show in its place."""
    from PIL import Image  # noqa: PLC0415

    stream = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        image.save(stream, format="WEBP")
    return stream.getvalue()


def from_figure(figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any]) -> bytes:
    """The bytes of a matplotlib or plotly figure in the format that its name says.

    Raises:
        InvalidValueError: The figure can neither be saved nor written.
    """
    suffix = PurePosixPath(artifact_file).suffix.lower()
    try:
        return _drawn(figure, suffix, save_kwargs)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"{artifact_file!r} cannot be drawn: {error}") from error


def _drawn(figure: Any, suffix: str, save_kwargs: Mapping[str, Any]) -> bytes:
    if hasattr(figure, "savefig"):
        stream = io.BytesIO()
        figure.savefig(stream, **{"format": suffix.lstrip(".") or "png", **save_kwargs})
        return stream.getvalue()
    if hasattr(figure, "to_html") and suffix in {".html", ""}:
        return str(figure.to_html(**save_kwargs)).encode()
    if hasattr(figure, "to_image"):
        return bytes(figure.to_image(**{"format": suffix.lstrip("."), **save_kwargs}))
    raise TypeError(f"it is not a matplotlib or plotly figure but a {type(figure).__name__}.")


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
            cells[-1][place] = _cell(value)
    return json.dumps({"columns": columns, "data": cells}, allow_nan=False).encode()


def read_table(content: bytes) -> pd.DataFrame:
    """The DataFrame behind a logged table.

    Raises:
        InvalidValueError: The file holds something else.
    """
    import pandas as pd  # noqa: PLC0415

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
        raise InvalidValueError(
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
    if isinstance(values, str | bytes) or getattr(values, "ndim", 1) == 0:
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
    if isinstance(value, list | tuple | set | frozenset):
        return [_cell(each) for each in value]
    own = _python_value(value)
    return str(own) if type(own) is type(value) else _cell(own)


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


def _pixels(image: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:  # noqa: PLR2004
        array = array[:, :, 0]
    if array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {3, 4}):  # noqa: PLR2004
        raise InvalidValueError(
            f"An image has the shape (H, W), (H, W, 3) or (H, W, 4), not {array.shape}."
        )
    if array.dtype.kind == "f":
        array = np.clip(np.nan_to_num(array), 0, 1) * 255
    elif array.dtype.kind == "b":
        array = array * 255
    if array.min(initial=0) < 0 or array.max(initial=0) > 255:  # noqa: PLR2004
        raise InvalidValueError("Integer pixels lie in [0, 255], float pixels in [0, 1].")
    return array.astype(np.uint8)


def _plain(value: Any) -> Any:
    """JSON's idea of a numpy number or array, a path, a date."""
    for convert in ("tolist", "item"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    return str(value)


def _json(dictionary: Mapping[str, Any] | list[Any]) -> bytes:
    return json.dumps(dictionary, indent=2, default=_plain).encode()


def _yaml(dictionary: Mapping[str, Any] | list[Any]) -> bytes:
    try:
        import yaml  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError("YAML needs PyYAML: `pip install pyyaml`.") from error
    try:
        text = yaml.safe_dump(dictionary, sort_keys=False, allow_unicode=True)
    except yaml.YAMLError:  # It holds a numpy number, a path or the like.
        plain = json.loads(json.dumps(dictionary, default=_plain))
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    return text.encode()
