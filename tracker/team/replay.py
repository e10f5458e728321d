"""Replays one run into its copy on a server: everything once, its terminal status last."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tracker import tags
from tracker.entities import RunStatus
from tracker.files.atomic import digest_of
from tracker.team.copies import Files, Histories, Inputs, Texts, identity
from tracker.team.points import PointReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.client import TrackingClient
    from tracker.entities import Run
    from tracker.team.copies import Copy
    from tracker.team.points import HistoryDigest


class Replay:
    """One run on its way to its copy; the run may go on meanwhile.

    Args:
        client: The database.
        copy: The copy.
        copy_ids: Ids of copies by the ids of their runs; for the parents of nested runs.
    """

    def __init__(self, client: TrackingClient, copy: Copy, copy_ids: Mapping[str, str]) -> None:
        self._client = client
        self.copy = copy
        self._copy_ids = copy_ids
        self._params = Texts(copy, "params", copy.run.data.params)
        self._tags = Texts(copy, "tags", copy.run.data.tags)
        self._histories = Histories(client, copy)
        self._inputs = Inputs(copy)
        self._files = Files(client, copy)
        self._looks_complete = RunStatus.is_terminated(copy.run.info.status)

    def advance(self) -> Run:
        """Send what the copy lacks; the run as it was when that began.

        Raises:
            TrackerError: The server or the store refuses, or does not answer.
        """
        run = self._client.get_run(self.copy.run_id)
        if self._looks_complete:
            self.copy.server.update_run(self.copy.id, RunStatus.RUNNING)
            self._looks_complete = False
        self._params.send(run.data.params)
        self._tags.send(self._tags_of_copy(run))
        self._histories.send()
        self._inputs.send(run.inputs)
        self._files.send(has_ended=RunStatus.is_terminated(run.info.status))
        return run

    def complete(self, run: Run) -> None:
        """Verify the copy and give it the run's status, last.

        Args:
            run: What the last `advance` has returned.

        Raises:
            IncompleteError: The copy lacks something.
        """
        server, copy, info = self.copy.server, self.copy, run.info
        found = server.get_run(copy.id)
        self._params.verify(found.data.params)
        self._tags.verify(found.data.tags)
        self._inputs.verify(found.inputs)
        self._histories.verify()
        self._files.verify()
        if not copy.refused:
            digest = run_digest(run, self._histories.digests, self._files.sent)
            server.log_texts(copy.id, "tags", {tags.TRACKER_DIGEST: digest})
        name = info.run_name if info.run_name != found.info.run_name else None
        server.update_run(copy.id, info.status, info.end_time, name)
        copy.tally.add(runs=1)

    def _tags_of_copy(self, run: Run) -> dict[str, str]:
        """A run's tags; what they say of ids holds on the server."""
        found = {**run.data.tags, tags.TRACKER_RUN_ID: self.copy.run_id}
        parent = found.get(tags.MLFLOW_PARENT_RUN_ID)
        if parent is not None and parent in self._copy_ids:
            found[tags.MLFLOW_PARENT_RUN_ID] = self._copy_ids[parent]
        if models := found.get(tags.MLFLOW_LOGGED_MODELS):
            found[tags.MLFLOW_LOGGED_MODELS] = models.replace(self.copy.run_id, self.copy.id)
        return found


class LocalDigest(NamedTuple):
    """A run's digest, with what was read for it."""

    text: str
    points: int
    files: int
    size_bytes: int


def local_digest(client: TrackingClient, run_id: str) -> LocalDigest:
    """The digest of a run as it is now; all of it is read.

    Raises:
        TrackerError: A file of the run cannot be read.
    """
    run = client.get_run(run_id)
    reader = PointReader(client, run_id)
    for _ in reader.chunks():
        pass
    files = {}
    store = client.artifacts(run_id)
    for info in store.walk():
        with store.open(info.path) as file:
            digest = digest_of(file)
            files[info.path] = (file.tell(), digest)
    return LocalDigest(
        run_digest(run, reader.digests, files),
        sum(digest.count for digest in reader.digests.values()),
        len(files),
        sum(size for size, _ in files.values()),
    )


def run_digest(
    run: Run, histories: Mapping[str, HistoryDigest], files: Mapping[str, tuple[int, str]]
) -> str:
    """SHA-256 of a whole run: what a copy with this digest does not lack."""
    info = run.info
    content: list[Any] = [
        [info.run_name, info.user_id, info.status, info.start_time, info.end_time],
        sorted(run.data.params.items()),
        sorted(run.data.tags.items()),
        sorted(map(identity, run.inputs.dataset_inputs)),
        sorted((key, digest.count, digest.total) for key, digest in histories.items()),
        sorted((path, *found) for path, found in files.items()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
