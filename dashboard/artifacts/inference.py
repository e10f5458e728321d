"""The networks of finished runs, run on one image without torch.

A model file may hold code, and a database that came by mail is not trusted. Weights as plain
arrays (`model/weights.npz`, read without pickle) and the layers named in the model card are
enough for networks of convolutions, linear layers and rectifiers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard import untrusted
from dashboard.artifacts import files
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

    Array = NDArray[np.float32]

WEIGHTS = "model/weights.npz"
CARD = "model/model_card.json"
MAX_BYTES = 200_000_000
# What one layer may hold at a time, and the multiplications of the whole network (a second or
# two): a few numbers in a model card could ask for all memory and for hours.
MAX_NUMBERS = 10_000_000
MAX_WORK = 5_000_000_000
LINE = re.compile(r"^\s*\((?P<index>\w+)\): (?P<kind>\w+)\((?P<arguments>.*)\)$")
PAIR = re.compile(r"(\w+)=\((\d+), (\d+)\)")


class InferenceError(TrackerError):
    """A run's model cannot be asked; the message says why."""


@dataclass(frozen=True)
class Layer:
    """One step of a network.

    Args:
        apply: What it makes of a value.
        work: How many multiplications that takes, by the value's shape.
    """

    apply: Callable[[Array], Array]
    work: Callable[[tuple[int, ...]], int] = math.prod


@dataclass(frozen=True)
class Model:
    """A network as a chain of layers."""

    layers: tuple[Layer, ...]

    def probabilities(self, image: Array) -> Array:
        """What it says of one image.

        Args:
            image: (28, 28) float32 in [0, 1].

        Raises:
            TrackerError: If the weights do not fit the image or each other, or it takes too long.
        """
        value, work = image[np.newaxis], 0
        with untrusted.reading("The network"):
            for layer in self.layers:
                work += layer.work(value.shape)
                if work > MAX_WORK:
                    raise InferenceError(
                        f"The network needs more than {MAX_WORK:.0e} multiplications, "
                        f"too many to be asked here."
                    )
                value = layer.apply(value)
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
    found = untrusted.arrays(files.read_bytes(store, WEIGHTS, MAX_BYTES) or b"", WEIGHTS)
    with untrusted.reading(WEIGHTS):
        arrays = {name: array.astype(np.float32, copy=False) for name, array in found.items()}
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
    return arrays[f"{index}.weight"], arrays[f"{index}.bias"]


def _linear(_: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = _weights(index, arrays)
    return Layer(lambda value: weight @ value + bias, lambda _: weight.size)


def _flatten(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return Layer(lambda value: value.reshape(-1))


def _relu(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return Layer(lambda value: np.maximum(value, 0))


def _convolution(arguments: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = _weights(index, arrays)
    named = {name: (int(first), int(second)) for name, first, second in PAIR.findall(arguments)}
    stride, padding = named.get("stride", (1, 1)), named.get("padding", (0, 0))

    def padded(shape: tuple[int, ...]) -> list[int]:
        return [side + 2 * p for side, p in zip(shape[1:], padding, strict=True)]

    def outputs(shape: tuple[int, ...]) -> int:
        sides = zip(padded(shape), weight.shape[2:], stride, strict=True)
        return math.prod((side - kernel) // step + 1 for side, kernel, step in sides)

    def convolve(value: Array) -> Array:
        height, width = padded(value.shape)
        patches = math.prod(weight.shape[1:]) * outputs(value.shape)
        if max(patches, max(weight.shape[:2]) * height * width) > MAX_NUMBERS:
            raise MemoryError
        edge = ((0, 0), (padding[0], padding[0]), (padding[1], padding[1]))
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(value, edge), weight.shape[2:], axis=(1, 2)
        )[:, :: stride[0], :: stride[1]]
        result: Array = np.tensordot(weight, windows, ((1, 2, 3), (0, 3, 4)))
        return result + bias[:, None, None]

    return Layer(convolve, lambda shape: weight.size * outputs(shape) + math.prod(padded(shape)))


KINDS: dict[str, Any] = {
    "Linear": _linear,
    "Flatten": _flatten,
    "ReLU": _relu,
    "Conv2d": _convolution,
}
