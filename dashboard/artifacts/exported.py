"""Networks that only torch can run: `model/model.pt2`, loaded where the user trusts the file."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import untrusted
from dashboard.artifacts.files import FileKey, file_key
from dashboard.artifacts.inference import InferenceError, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

PROGRAM = "model/model.pt2"


def is_kept(store: ArtifactStore) -> bool:
    """Whether a run keeps an exported program."""
    return file_key(store, PROGRAM) is not None


def probabilities(store: ArtifactStore, image: NDArray[np.float32]) -> NDArray[np.float32]:
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
    return shares(answer)


@st.cache_resource(show_spinner=False, max_entries=8)
def _module(key: FileKey) -> Any:
    import torch  # noqa: PLC0415

    return torch.export.load(key.path).module()
