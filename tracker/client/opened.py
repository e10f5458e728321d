"""An opened database with the files of its runs: what every verb stands on."""

from __future__ import annotations

import contextlib
import os
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import encoding, liveness, locations
from tracker.caller import stack_level
from tracker.database import Database, Synchronous
from tracker.exceptions import DatabaseError, InvalidValueError, TrackerError
from tracker.store import Store, experiments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.files import ArtifactStore

ARTIFACT_ROOT: Final = experiments.ARTIFACT_ROOT
ROOTS_VARIABLE: Final = "TRACKER_ALLOWED_ROOTS"
REAP_SECONDS: Final = 5.0


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def is_root(location: str) -> bool:
    """Whether a location is an absolute path or a URL."""
    return ":/" in location or Path(location).is_absolute()


class OpenedDatabase:
    """The store of one database, and the way from its runs to their files.

    See `TrackingClient` for the arguments.
    """

    def __init__(
        self,
        tracking_uri: str | os.PathLike[str] | None = None,
        registry_uri: str | None = None,  # noqa: ARG002
        *,
        synchronous: Synchronous = "NORMAL",
        read_only: bool = False,
        artifact_root: str = ARTIFACT_ROOT,
        allowed_roots: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self.tracking_uri = os.fspath(tracking_uri or locations.default_uri())
        path = locations.database_path(self.tracking_uri)
        self.store = Store(Database(path, synchronous=synchronous, read_only=read_only))
        self._artifact_root = artifact_root.rstrip("/") or ARTIFACT_ROOT
        # The colon of "s3://" separates nothing.
        extra = re.split(rf"{os.pathsep}(?!//)", os.environ.get(ROOTS_VARIABLE, ""))
        self.allowed_roots = [os.fspath(root) for root in (*allowed_roots, *filter(None, extra))]
        self._next_reap = 0.0

    def artifacts(self, run_id: str) -> ArtifactStore:
        """The files of one run.

        Raises:
            UnsafePathError: The run's location leads out of the database's folder.
        """
        return self.open_location(self.store.get_run_info(run_id).artifact_uri)

    def open_location(self, artifact_uri: str) -> ArtifactStore:
        """The files below an artifact location."""
        from tracker.files import open_artifacts  # noqa: PLC0415  Costs `import tracker` 8 ms.

        folder = self.store.database.folder
        return open_artifacts(artifact_uri, folder, allowed_roots=self.allowed_roots)

    def allow_root(self, location: str) -> None:
        """Let this client use artifacts at an absolute path or URL outside the folder."""
        if is_root(location):
            self.allowed_roots.append(location)

    def check_location(self, location: str) -> None:
        """See to it that the user's location can hold the artifacts of an experiment.

        Raises:
            InvalidValueError: It cannot; says why.
        """
        from tracker.files import check_location  # noqa: PLC0415

        roots = [*self.allowed_roots, *([location] if is_root(location) else [])]
        try:
            check_location(location, self.store.database.folder, allowed_roots=roots)
        except TrackerError as error:
            raise InvalidValueError(
                f"The artifact location {location!r} cannot be used: {error}."
            ) from error

    def _keep_long_texts(self, run_id: str, texts: Mapping[str, str]) -> None:
        if not texts:
            return
        try:
            contents = {name: encoding.from_text(text) for name, text in texts.items()}
            self.artifacts(run_id).log_contents(contents)
        except TrackerError as error:  # The run goes on without them.
            names = ", ".join(texts)
            warnings.warn(f"{names} cannot be kept: {error}", stacklevel=stack_level())

    def reap(self) -> None:
        """Look for abandoned runs, at most once in a few seconds."""
        if time.monotonic() >= self._next_reap:
            # On a full disk, or beside a long transaction, reading goes on.
            with contextlib.suppress(DatabaseError):
                liveness.reap(self.store)
            self._next_reap = time.monotonic() + REAP_SECONDS
