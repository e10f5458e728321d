"""A model that is ready to answer: its files, its input, and proof that it computes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tracker.models import Model
from tracker.serving import inputs as take
from tracker.serving.backends import Backend, load_backend
from tracker.serving.errors import RequestError, ServingError

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.serving.backends import Arrays
    from tracker.serving.inputs import Input

SLOW_SECONDS = 0.002
MAX_EXAMPLE_BYTES = 4_194_304


@dataclass(frozen=True)
class Target:
    """Which model a URI names at the moment.

    Args:
        uri: As the user wrote it.
        name: The registered model's name, or the run's or folder's.
        version: The version as text; `-` for a model that is not registered.
        run_id: The run it came from; None if unknown.
        folder: Where its files are, on this machine.
    """

    uri: str
    name: str
    version: str
    run_id: str | None
    folder: Path


@dataclass(frozen=True)
class ServedModel:
    """A loaded and tried model.

    Args:
        target: Where it came from.
        backend: How it computes.
        input: What it takes; None means unchecked.
        flavors: The formats its folder holds.
        slow: True if one example takes more than 2 ms.
    """

    target: Target
    backend: Backend
    input: Input | None
    flavors: tuple[str, ...]
    slow: bool


def load(target: Target) -> ServedModel:
    """Load the model and try it on its example.

    Raises:
        ServingError: It cannot be loaded, or does not give finite numbers on its example.
    """
    description = Model.load(target.folder)
    backend = load_backend(target.folder, description.flavors)
    signature = description.signature
    columns = signature.inputs.to_dict() if signature is not None and signature.inputs else None
    named = _named(take.from_signature(columns), backend.inputs)
    example = _example(target.folder, named)
    slow = _tried(backend, example) > SLOW_SECONDS
    return ServedModel(target, backend, named, tuple(description.flavors), slow)


def _named(signature: Input | None, backend: Input | None) -> Input | None:
    """The signature's input under the names that the file itself uses.

    Raises:
        ServingError: They contradict each other.
    """
    if signature is None or backend is None or isinstance(signature, take.Columns):
        return signature or backend
    if isinstance(backend, take.Columns) or len(signature) != len(backend):
        raise ServingError("The model's signature does not fit its file: other inputs.")
    if len(signature) == 1:
        (theirs,), (own,) = signature, backend
        return (take.Tensor(own.name, theirs.dtype, theirs.shape),)
    if {tensor.name for tensor in signature} != {tensor.name for tensor in backend}:
        raise ServingError("The model's signature does not fit its file: other input names.")
    order = {tensor.name: i for i, tensor in enumerate(backend)}
    return tuple(sorted(signature, key=lambda tensor: order[tensor.name]))


def _tried(backend: Backend, example: Arrays | None) -> float:
    """Seconds that the second call on the example takes; 0 without an example.

    Raises:
        ServingError: The model fails on it or gives numbers that are not finite.
    """
    if example is None:
        return 0.0
    try:
        outputs = backend.predict(example)
        start = time.perf_counter()
        backend.predict(example)
    except backend.errors as error:
        raise ServingError(f"The model fails on its own example: {error}"[:400]) from error
    if any(a.dtype.kind == "f" and not np.isfinite(a).all() for a in outputs.values()):
        raise ServingError("The model gives NaN or infinity on its own example.")
    return time.perf_counter() - start


def _example(folder: Path, named: Input | None) -> Arrays | None:
    """One row: the stored example's first, else zeros of the input's shape."""
    stored = folder / "input_example.json"
    if named is not None and stored.is_file() and stored.stat().st_size <= MAX_EXAMPLE_BYTES:
        try:
            return _first_row(json.loads(stored.read_bytes()), named)
        except (RequestError, ValueError, RecursionError):
            pass  # An example in another form; zeros do as well.
    if isinstance(named, take.Columns):
        return {"": np.zeros((1, len(named.names)), np.float32)}
    if named is None or any(tensor.dtype == "str" for tensor in named):
        return None
    return {
        tensor.name: np.zeros([1, *(max(size, 1) for size in tensor.shape[1:])], tensor.dtype)
        for tensor in named
    }


def _first_row(example: Any, named: Input) -> Arrays:
    if isinstance(example, dict) and "columns" in example and "data" in example:
        arrays = take.table(example["columns"], example["data"], named)
    else:
        inner = example.get("inputs", example) if isinstance(example, dict) else example
        arrays = take.tensors(inner, named)
    return {name: array[:1] for name, array in arrays.items()}
