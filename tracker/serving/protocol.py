"""MLflow's scoring protocol: request bodies to arrays, arrays to answers.

Accepted beside JSON: CSV, raw bytes, PNG. Numbers in JSON must be finite; what a strict parser
would refuse is refused here too.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tracker.serving import inputs as take
from tracker.serving.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracker.serving.inputs import Input

    Arrays = dict[str, NDArray[Any]]

FIELDS = ("inputs", "instances", "dataframe_split", "dataframe_records")
MAX_PIXELS = 4_000_000
JSON_TYPE = "application/json"


def decode(content_type: str | None, body: bytes, inputs: Input | None) -> Arrays:
    """The arrays of a request to `/invocations`.

    Args:
        content_type: The header as sent; parameters such as a charset may follow.
        body: The whole body.
        inputs: What the model takes; None means unchecked.

    Raises:
        RequestError: The type is not supported, or the body does not fit it or the model.
    """
    kind = (content_type or "").split(";", 1)[0].strip().lower()
    decoder = DECODERS.get(kind)
    if decoder is None:
        known = ", ".join(DECODERS)
        said = f"{kind[:80]!r}" if kind else "none"
        raise RequestError(f"Content-Type is {said}; use one of {known}.", status=415)
    return decoder(body, inputs)


def parse_json(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN or Infinity, nested at most as deep as Python's stack allows.

    Raises:
        RequestError: It is not valid.
    """
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise RequestError("The JSON is nested too deeply.") from error
    except ValueError as error:  # Also UnicodeDecodeError and integers of too many digits.
        raise RequestError(f"The body is not valid JSON: {error}"[:300]) from error


def encode(outputs: Arrays, *, named: bool) -> bytes:
    """The body of an answer.

    Args:
        outputs: The arrays by output name.
        named: True for one entry per output, False for the only output's values.

    Raises:
        RequestError: An output is not finite, which JSON cannot say.
    """
    for array in outputs.values():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RequestError("The model's answer to this input is not finite.")
    if named or len(outputs) > 1:
        predictions: Any = {name: array.tolist() for name, array in outputs.items()}
    else:
        predictions = next(iter(outputs.values())).tolist()
    return json.dumps({"predictions": predictions}, separators=(",", ":")).encode()


def _json(body: bytes, inputs: Input | None) -> Arrays:
    data = parse_json(body)
    if not isinstance(data, dict):
        raise RequestError("The body must be a JSON object.")
    given = [field for field in FIELDS if field in data]
    if len(given) != 1:
        raise RequestError(f"The body must have exactly one of the fields {', '.join(FIELDS)}.")
    (field,) = given
    if not isinstance(data.get("params") or {}, dict):
        raise RequestError("'params' must be an object.")
    return JSON_FIELDS[field](data[field], inputs)


def _instances(value: Any, inputs: Input | None) -> Arrays:
    if not isinstance(value, list):
        raise RequestError("'instances' must be a list of rows.")
    return take.rows(value, inputs)


def _split(value: Any, inputs: Input | None) -> Arrays:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise RequestError("'dataframe_split' must be an object with 'columns' and 'data'.")
    data = value["data"]
    width = len(data[0]) if data and isinstance(data[0], list) else 0
    columns = value.get("columns", list(range(width)))
    if not isinstance(columns, list):
        raise RequestError("'columns' must be a list of names.")
    return take.table(columns, data, inputs)


def _records(value: Any, inputs: Input | None) -> Arrays:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value) or not value:
        raise RequestError("'dataframe_records' must be a list of objects, one per row.")
    names = list(value[0])
    return take.table(names, [[row.get(name) for name in names] for row in value], inputs)


def _csv(body: bytes, inputs: Input | None) -> Arrays:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
        names, *data = [line for line in lines if line]
        numbers = [[float(cell) if cell else None for cell in line] for line in data]
    except (ValueError, csv.Error) as error:
        raise RequestError(f"The body is not CSV with a header and numbers: {error}") from error
    return take.table(names, numbers, inputs)


def _png(body: bytes, inputs: Input | None) -> Arrays:
    """One gray image of the size the model takes, white on black."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise RequestError(f"The image has more than {MAX_PIXELS} pixels.", status=413)
            gray = image.convert("L")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise RequestError("The body is not a valid PNG image.") from error
    if isinstance(inputs, tuple) and len(inputs) == 1:
        expected = inputs[0].shape[-2:]
        if expected != (gray.height, gray.width):
            size = "x".join(map(str, expected))
            raise RequestError(f"The image is {gray.height}x{gray.width}, expected {size}.")
    return take.pixels(gray.tobytes(), inputs)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


JSON_FIELDS: dict[str, Callable[[Any, Input | None], Arrays]] = {
    "inputs": take.tensors,
    "instances": _instances,
    "dataframe_split": _split,
    "dataframe_records": _records,
}
DECODERS: dict[str, Callable[[bytes, Input | None], Arrays]] = {
    JSON_TYPE: _json,
    "text/csv": _csv,
    "application/octet-stream": take.pixels,
    "image/png": _png,
}
