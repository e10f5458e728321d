"""The Open Inference Protocol (`/v2`), as KServe and Triton speak it, over JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tracker.serving import inputs as take
from tracker.serving.errors import RequestError
from tracker.serving.protocol import parse_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracker.serving.inputs import Input

    Arrays = dict[str, NDArray[Any]]

# The protocol's names of types, by numpy's.
DATATYPES = {
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "bool": "BOOL",
    **{
        f"{kind}{bits}": f"{kind.upper()}{bits}"
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
}
NUMPY_TYPES = {theirs: ours for ours, theirs in DATATYPES.items()}
MAX_VALUES = 50_000_000


def decode(body: bytes, inputs: Input | None) -> tuple[Arrays, str | None]:
    """The arrays of an inference request, and the request's id.

    Raises:
        RequestError: The body does not fit the protocol or the model.
    """
    data = parse_json(body)
    entries = data.get("inputs") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise RequestError("The body must have a list 'inputs'.")
    given = dict(_tensor(entry) for entry in entries)
    request_id = data.get("id")
    arrays = _by_model(given, inputs)
    return arrays, request_id if isinstance(request_id, str) else None


def encode(outputs: Arrays, name: str, version: str, request_id: str | None) -> bytes:
    """The body of an answer.

    Raises:
        RequestError: An output is not finite.
    """
    answer: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": []}
    if request_id is not None:
        answer["id"] = request_id
    for key, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RequestError("The model's answer to this input is not finite.")
        answer["outputs"].append(
            {
                "name": key,
                "shape": list(array.shape),
                "datatype": DATATYPES.get(str(array.dtype), "BYTES"),
                "data": array.ravel().tolist(),
            }
        )
    return json.dumps(answer, separators=(",", ":")).encode()


def describe(name: str, version: str, inputs: Input | None) -> dict[str, Any]:
    """The metadata of a model."""
    entries: list[dict[str, Any]] = []
    if isinstance(inputs, take.Columns):
        entries = [{"name": "input", "datatype": "FP32", "shape": [-1, len(inputs.names)]}]
    elif inputs is not None:
        entries = [
            {
                "name": tensor.name or "input",
                "datatype": DATATYPES.get(tensor.dtype, "BYTES"),
                "shape": list(tensor.shape),
            }
            for tensor in inputs
        ]
    return {"name": name, "versions": [version], "platform": "", "inputs": entries, "outputs": []}


def _tensor(entry: Any) -> tuple[str, NDArray[Any]]:
    if not isinstance(entry, dict) or not {"name", "shape", "datatype", "data"} <= entry.keys():
        raise RequestError("Every input needs 'name', 'shape', 'datatype', and 'data'.")
    shape = entry["shape"]
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or not shape or len(shape) > take.MAX_DIMENSIONS:
        raise RequestError("'shape' must be a list of lengths.")
    dtype = NUMPY_TYPES.get(str(entry["datatype"]))
    if dtype is None:
        raise RequestError(f"The datatype {str(entry['datatype'])[:20]!r} is not supported.")
    flat = take.as_array(entry["data"], dtype).ravel()
    if flat.size > MAX_VALUES or flat.size != int(np.prod(np.array(shape, object))):
        raise RequestError(f"'data' has {flat.size} values, which do not fill 'shape'.")
    return str(entry["name"]), flat.reshape(shape)


def _by_model(given: Arrays, inputs: Input | None) -> Arrays:
    """Under the model's own names, with its types and shapes."""
    if inputs is None:
        return given
    if isinstance(inputs, take.Columns):
        (array,) = given.values() if len(given) == 1 else (None,)
        if array is None or array.shape[1:] != (len(inputs.names),):
            raise RequestError(f"The model takes one input of {len(inputs.names)} columns.")
        return {"": array.astype(np.float32)}
    if len(inputs) == 1 and len(given) == 1:
        given = {inputs[0].name: next(iter(given.values()))}
    if given.keys() != {tensor.name for tensor in inputs}:
        expected = ", ".join(repr(tensor.name) for tensor in inputs)
        raise RequestError(f"The model takes the inputs {expected}.")
    for tensor in inputs:
        if str(given[tensor.name].dtype) != tensor.dtype:
            expected = DATATYPES.get(tensor.dtype, tensor.dtype)
            raise RequestError(f"The input {tensor.name!r} must have the datatype {expected}.")
    return {tensor.name: take.fitted(given[tensor.name], tensor) for tensor in inputs}
