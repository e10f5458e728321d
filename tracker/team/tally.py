"""What a push or a pull has done so far, counted by several threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.maintenance.registered_models import CopiedModels


@dataclass(slots=True)
class Tally:
    """Counts and sentences.

    Args:
        runs: Runs that are complete now.
        runs_unchanged: Those of them that were complete before.
        runs_running: Runs that have not ended; what there is of them was sent.
        points: Points of metrics that are there now.
        points_sent: Those of them that were not there before.
        files: Files that are there now.
        files_sent: Those of them that were not there before.
        size_bytes: Bytes of the files that are there now.
        size_sent_bytes: Bytes of the files that were not there before.
        versions_sent: Versions of registered models that were not there before.
        notes: Sentences about what is there in another form.
        troubles: Sentences about what could not be sent.
        changed: Called after each step, by any thread.
    """

    runs: int = 0
    runs_unchanged: int = 0
    runs_running: int = 0
    points: int = 0
    points_sent: int = 0
    files: int = 0
    files_sent: int = 0
    size_bytes: int = 0
    size_sent_bytes: int = 0
    versions_sent: int = 0
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **amounts: int) -> None:
        """Count something in, by the counters' names."""
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)
        self.changed()

    def add_models(self, copied: CopiedModels) -> None:
        """Count versions of registered models in, with what there is to say of them."""
        self.add(versions_sent=copied.versions)
        for sentence in copied.notes:
            self.note(sentence)
        for sentence in copied.troubles:
            self.trouble(sentence)

    def note(self, sentence: str) -> None:
        """Keep a sentence about what is there in another form, once."""
        with self._lock:
            if sentence not in self.notes:
                self.notes.append(sentence)

    def trouble(self, sentence: str) -> None:
        """Keep a sentence about what could not be sent, once."""
        with self._lock:
            if sentence not in self.troubles:
                self.troubles.append(sentence)
