"""Exponential moving averages at several strengths, all at once: a slider then needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# The number of points each level averages over; level 0 is the value itself.
SPANS = (1, 2, 4, 7, 12, 20, 35, 60)
LEVELS = len(SPANS)


def levels(values: ArrayLike) -> NDArray[np.float32]:
    """Every level of smoothing of a series: (LEVELS, N) float32.

    The weights of the first points sum to one (Kingma and Ba's bias correction, 2015), so that a
    curve starts where its data start.

    >>> levels([1.0, 3.0])[:2].round(2).tolist()
    [[1.0, 3.0], [1.0, 2.5]]
    """
    series = np.asarray(values, dtype=np.float64)
    decay = 1.0 - 2.0 / (np.asarray(SPANS) + 1.0)
    total, weight = np.zeros(LEVELS), np.zeros(LEVELS)
    smooth = np.empty((len(series), LEVELS), dtype=np.float32)
    for index, value in enumerate(series):
        total = decay * total + value
        weight = decay * weight + 1.0
        smooth[index] = total / weight
    return smooth.T
