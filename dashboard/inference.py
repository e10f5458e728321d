"""The networks of finished runs, run on one image without torch.

A model file may hold code, and a database that came by mail is not trusted. Weights as plain
arrays (`model/weights.npz`, read without pickle) and the layers named in the model card are
enough for networks of convolutions, linear layers and rectifiers.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

    Array = NDArray[np.float32]
    Layer = Callable[[Array], Array]

WEIGHTS = "model/weights.npz"
CARD = "model/model_card.json"
MAX_BYTES = 200_000_000
LINE = re.compile(r"^\s*\((?P<index>\w+)\): (?P<kind>\w+)\((?P<arguments>.*)\)$")
PAIR = re.compile(r"(\w+)=\((\d+), (\d+)\)")


class InferenceError(Exception):
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
            InferenceError: If the weights do not fit the image or each other.
        """
        value = image[np.newaxis]
        try:
            for layer in self.layers:
                value = layer(value)
        except ValueError as error:
            raise InferenceError("The weights do not fit together.") from error
        exponent = np.exp(value - value.max())
        shares: Array = exponent / exponent.sum()
        return shares


def load(store: ArtifactStore) -> Model:
    """The network a run kept.

    Raises:
        InferenceError: If it kept none, or one with layers unknown here.
    """
    card = files.read_json(store, CARD)
    content = files.read_bytes(store, WEIGHTS, MAX_BYTES)
    lines = card.get("layers") if isinstance(card, dict) else None
    if content is None or not isinstance(lines, list):
        raise InferenceError(f"This run keeps no {WEIGHTS} with a model card.")
    return Model(tuple(_layers([str(line) for line in lines], _arrays(content))))


def _arrays(content: bytes) -> dict[str, Array]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name].astype(np.float32) for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InferenceError(f"{WEIGHTS} is damaged.") from error


def _layers(lines: list[str], arrays: dict[str, Array]) -> list[Layer]:
    found = []
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        make = KINDS.get(match["kind"])
        if make is None:
            raise InferenceError(f"There is no layer {match['kind']} here.")
        try:
            found.append(make(match["arguments"], match["index"], arrays))
        except KeyError as error:
            raise InferenceError(f"{WEIGHTS} lacks {error}.") from error
    if not found:
        raise InferenceError("The model card names no layer.")
    return found


def _linear(_: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = arrays[f"{index}.weight"], arrays[f"{index}.bias"]
    return lambda value: weight @ value + bias


def _flatten(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return lambda value: value.reshape(-1)


def _relu(_: str, __: str, ___: dict[str, Array]) -> Layer:
    return lambda value: np.maximum(value, 0)


def _convolution(arguments: str, index: str, arrays: dict[str, Array]) -> Layer:
    weight, bias = arrays[f"{index}.weight"], arrays[f"{index}.bias"]
    named = {name: (int(first), int(second)) for name, first, second in PAIR.findall(arguments)}
    stride, padding = named.get("stride", (1, 1)), named.get("padding", (0, 0))

    def convolve(value: Array) -> Array:
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
