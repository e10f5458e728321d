"""What a verb returns that was asked not to wait."""

from __future__ import annotations

from typing import Final


class RunOperations:
    """MLflow's handle on what is logged in the background; here it is in the file already."""

    def wait(self) -> None:
        """Return at once."""


DONE: Final = RunOperations()
