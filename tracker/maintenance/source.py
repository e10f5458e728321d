"""Where runs come from when they are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracker.entities import Experiment, Run
    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point


class Source(Protocol):
    """Experiments and runs kept elsewhere. Not trusted: any value may be hostile."""

    def experiments(self) -> Iterable[Experiment]:
        """All experiments, deleted ones included."""

    def run_ids(self, experiment_id: str) -> list[str]:
        """All runs of an experiment, deleted ones included."""

    def get_run(self, run_id: str) -> Run:
        """One of them, without its metrics.

        Raises:
            TrackerError: It cannot be read.
        """

    def deleted_time(self, run_id: str) -> int | None:
        """When a run was deleted, in ms since the epoch."""

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run."""

    def artifacts(self, run: Run) -> ArtifactStore | None:
        """The files of a run; None where it has none.

        Raises:
            TrackerError: They cannot be reached, or lie where nobody allowed to look.
        """
