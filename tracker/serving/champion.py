"""The model that answers, and its successor when the alias moves."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from tracker.exceptions import TrackerError
from tracker.numbers import now_ms
from tracker.serving import model as loading

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.serving.model import ServedModel, Target

log = logging.getLogger(__name__)


class Champion:
    """Holds the current model and follows what its URI names.

    The successor is loaded and tried in a thread; then one attribute changes. A batch in work
    keeps the model it began with. If the successor cannot be loaded, takes other inputs, or gives
    NaN on its example, the current model stays and the reason is kept.

    Args:
        resolve: Says which model the URI names now.
        poll_seconds: Time between two looks at the registry.
    """

    def __init__(self, resolve: Callable[[], Target], poll_seconds: float = 1.0) -> None:
        self._resolve = resolve
        self._poll_seconds = poll_seconds
        self.current = loading.load(resolve())
        self.loaded_ms = now_ms()
        self.swaps = 0
        self.refused: str | None = None
        self._refused_target: Target | None = None

    async def follow(self) -> None:
        """Look at the registry every `poll_seconds` until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.refresh()

    async def refresh(self) -> None:
        """Load what the URI names now, if that is another model than the current one."""
        try:
            target = await asyncio.to_thread(self._resolve)
            if target in (self.current.target, self._refused_target):
                return
            self._refused_target = target
            successor = await asyncio.to_thread(loading.load, target)
        except TrackerError as error:
            self._refuse(str(error))
            return
        if successor.input != self.current.input:
            self._refuse(f"Version {target.version} takes other inputs than the one in service.")
            return
        self._refused_target = self.refused = None
        previous, self.current = self.current, successor
        self.loaded_ms, self.swaps = now_ms(), self.swaps + 1
        log.warning(
            "Version %s of %s answers from now on, in place of version %s.",
            target.version,
            target.name,
            previous.target.version,
        )

    def _refuse(self, reason: str) -> None:
        if reason != self.refused:
            log.error("Version %s stays in service: %s", self.current.target.version, reason)
        self.refused = reason

    def as_dict(self) -> dict[str, Any]:
        """Plain values for `/status`."""
        target = self.current.target
        return {
            "uri": target.uri,
            "model": target.name,
            "version": target.version,
            "run_id": target.run_id,
            "loaded_ms": self.loaded_ms,
            "swaps": self.swaps,
            "signature": self.current.input is not None,
            "refused": self.refused,
        }


def headers(served: ServedModel) -> dict[str, str]:
    """Headers that say which model answered."""
    target = served.target
    name = target.name.encode("ascii", "replace").decode()
    return {"x-model-name": name, "x-model-version": target.version}
