"""The versions that a run's numbers depend on."""

from __future__ import annotations

import platform

import numpy as np
import torch

import tracker


def versions() -> dict[str, str]:
    """Package or interpreter -> version."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "ml-tracker": tracker.__version__,
    }
