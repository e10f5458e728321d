"""Exponential moving averages at several strengths, all at once: a slider then needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# The part of a curve that each level averages over; level 0 is the curve itself.
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
LEVELS = len(SHARES)
DEFAULT_LEVEL = 2


def levels(values: ArrayLike) -> NDArray[np.float64]:
    """Every level of smoothing of a series: (LEVELS, N) float64.

    The weights of the first points sum to one (Kingma and Ba's bias correction, 2015), so that a
    curve starts where its data start.

    >>> levels([1.0] * 19 + [3.0])[[0, 3, 5], -1].round(2).tolist()
    [3.0, 3.0, 1.8]
    """
    series = np.asarray(values, dtype=np.float64)
    spans = np.maximum(1.0, np.asarray(SHARES) * len(series))
    decay = 1.0 - 2.0 / (spans + 1.0)
    total, weight = np.zeros(LEVELS), np.zeros(LEVELS)
    smooth = np.empty((len(series), LEVELS))
    for index, value in enumerate(series):
        total = decay * total + value
        weight = decay * weight + 1.0
        smooth[index] = total / weight
    return smooth.T
