"""The networks of finished runs, run on one image without torch.

A model file may hold code, and a database that came by mail is not trusted. Weights as plain
arrays (`model/weights.npz`, read without pickle) and the layers named in the model card are
enough for networks of convolutions, linear layers and rectifiers.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import untrusted
from dashboard.artifacts import files
from dashboard.artifacts.files import FileKey, file_key
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

    Array = NDArray[np.float32]
    Layer = Callable[[Array], Array]

WEIGHTS = "model/weights.npz"
CARD = "model/model_card.json"
MAX_BYTES = 200_000_000
# Of what one layer may put out: a few numbers in a model card could ask for all memory.
MAX_NUMBERS = 10_000_000
LINE = re.compile(r"^\s*\((?P<index>\w+)\): (?P<kind>\w+)\((?P<arguments>.*)\)$")
PAIR = re.compile(r"(\w+)=\((\d+), (\d+)\)")


PROGRAM = "model/data/model.pt2"


class InferenceError(TrackerError):
    """A run's model cannot be asked; the message says why."""


@dataclass(frozen=True)
class Model:
    """A network as a chain of functions."""

    layers: tuple[Layer, ...]

    def probabilities(self, image: Array) -> Array:
        """What it says of one image.

        Args:
            image: (28, 28) float32 in [0, 1].

        Raises:
            TrackerError: If the weights do not fit the image or each other.
        """
        value = image[np.newaxis]
        with untrusted.reading("The network"):
            for layer in self.layers:
                value = layer(value)
        return softmax(value)


def softmax(logits: Array) -> Array:
    """Probabilities that add up to one.

    Args:
        logits: (N,), one for each class.

    Raises:
        InferenceError: If they are not what a classifier says of one image.
    """
    if logits.ndim != 1 or not logits.size or not np.isfinite(logits).all():
        raise InferenceError("The network does not answer with a number for each digit.")
    exponent = np.exp(logits - logits.max())
    found: Array = exponent / exponent.sum()
    return found


def obstacle(store: ArtifactStore) -> str:
    """Why a run's network cannot be run without torch; empty where it can."""
    card = files.read_json(store, CARD)
    lines = card.get("layers") if isinstance(card, dict) else None
    if files.file_key(store, WEIGHTS) is None or not isinstance(lines, list):
        return f"This run keeps no {WEIGHTS} with a model card."
    kinds = [match["kind"] for match in _matches(lines)]
    if not kinds:
        return "The model card names no layer."
    unknown = next((kind for kind in kinds if kind not in KINDS), "")
    return f"There is no layer {unknown} here." if unknown else ""


def load(store: ArtifactStore) -> Model:
    """The network a run kept.

    Raises:
        TrackerError: If it kept none, one with layers unknown here, or a damaged one.
    """
    if reason := obstacle(store):
        raise InferenceError(reason)
    matches = _matches(files.read_json(store, CARD)["layers"])
    arrays = untrusted.arrays(files.read_bytes(store, WEIGHTS, MAX_BYTES) or b"", WEIGHTS)
    return Model(tuple(_layer(match, arrays) for match in matches))


def _matches(lines: list[Any]) -> list[re.Match[str]]:
    found = [LINE.match(str(line)) for line in lines]
    return [match for match in found if match]


def _layer(match: re.Match[str], arrays: dict[str, Array]) -> Layer:
    make = KINDS[match["kind"]]
    try:
        layer: Layer = make(match["arguments"], match["index"], arrays)
    except KeyError as error:
        raise InferenceError(f"{WEIGHTS} lacks {error}.") from error
    return layer


def _weights(index: str, arrays: dict[str, Array]) -> tuple[Array, Array]:
    weight, bias = (arrays[f"{index}.{name}"] for name in ("weight", "bias"))
    return weight.astype(np.float32), bias.astype(np.float32)


def _linear(_: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = _weights(index, arrays)
    return lambda value: weight @ value + bias


def _flatten(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return lambda value: value.reshape(-1)


def _relu(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return lambda value: np.maximum(value, 0)


def _convolution(arguments: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = _weights(index, arrays)
    named = {name: (int(first), int(second)) for name, first, second in PAIR.findall(arguments)}
    stride, padding = named.get("stride", (1, 1)), named.get("padding", (0, 0))

    def convolve(value: Array) -> Array:
        sides = [side + 2 * p for side, p in zip(value.shape[1:], padding, strict=True)]
        if max(weight.shape[:2]) * sides[0] * sides[1] > MAX_NUMBERS:
            raise MemoryError
        edge = ((0, 0), (padding[0], padding[0]), (padding[1], padding[1]))
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(value, edge), weight.shape[2:], axis=(1, 2)
        )[:, :: stride[0], :: stride[1]]
        result: Array = np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]
        return result

    return convolve


KINDS: dict[str, Any] = {
    "Linear": _linear,
    "Flatten": _flatten,
    "ReLU": _relu,
    "Conv2d": _convolution,
}


def has_program(store: ArtifactStore) -> bool:
    """Whether a run keeps an exported program."""
    return file_key(store, PROGRAM) is not None


def run_program(store: ArtifactStore, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the program says of one image; runs code that the file may hold.

    Args:
        store: The run's artifacts.
        image: (28, 28) float32 in [0, 1].

    Raises:
        TrackerError: If torch is not installed, or cannot load or run the program.
    """
    key = file_key(store, PROGRAM)
    if key is None:
        raise InferenceError(f"This run keeps no {PROGRAM}.")
    if importlib.util.find_spec("torch") is None:
        raise InferenceError("This model needs torch: pip install 'ml-tracker[training]'.")
    import torch  # noqa: PLC0415

    with untrusted.reading(PROGRAM), torch.inference_mode():
        logits = _module(key)(torch.from_numpy(np.ascontiguousarray(image))[None, None])
        answer: NDArray[np.float32] = logits[0].numpy()
    return softmax(answer)


@st.cache_resource(show_spinner=False, max_entries=8)
def _module(key: FileKey) -> Any:
    import torch  # noqa: PLC0415

    return torch.export.load(key.path).module()
