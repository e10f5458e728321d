"""Where the user's code called the tracker, for warnings that are about that line."""

from __future__ import annotations

import os
import sys
from typing import Final

_PACKAGE: Final = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120


def stack_level() -> int:
    """The `stacklevel` of `warnings.warn`, for who calls this, that names the user's line."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
