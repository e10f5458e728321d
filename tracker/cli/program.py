"""The program's name, as its messages and examples say it."""

from __future__ import annotations

import sys
from pathlib import Path


def program_name() -> str:
    """How the user started this program."""
    name = Path(sys.argv[0]).name
    return name if name == "ml-tracker" else "python -m tracker"
