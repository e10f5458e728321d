"""Replays one run into its copy on a server: everything once, its terminal status last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tracker import encoding, tags
from tracker.entities import RunStatus
from tracker.exceptions import (
    ArtifactError,
    NotFoundError,
    ServerError,
    TrackerError,
    UnsupportedError,
)
from tracker.files.atomic import digest_of
from tracker.team.points import HistoryDigest, PointReader, packed
from tracker.team.server import METRICS_A_BATCH
from tracker.validation import MAX_PARAM_VALUE, MAX_TAG_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracker.client import TrackingClient
    from tracker.entities import DatasetInput, Run, RunInputs
    from tracker.files import ArtifactStore
    from tracker.team.points import PlainPoint
    from tracker.team.server import Server
    from tracker.team.tally import Tally

# What servers take at most: today's, then those of earlier releases.
_LIMITS: Final = {"params": (MAX_PARAM_VALUE, 500, 250), "tags": (MAX_TAG_VALUE, 5_000, 250)}
_NOUNS: Final = {
    "params": "parameter",
    "tags": "tag",
    "metrics": "metric",
    "files": "file",
    "inputs": "data set",
}
_TOO_LARGE: Final = 413
# A refusal of what was sent, not of the caller.
_REFUSALS: Final = frozenset({400, _TOO_LARGE})
_NO_ROUTE: Final = frozenset({404, 405, 501})


class IncompleteError(TrackerError):
    """A copy is not what it was made from."""


@dataclass
class Copy:
    """A run's copy on a server.

    Args:
        server: The server.
        run: The copy as it was found or created.
        run_id: The id of the run itself.
        is_new: It was created just now, so that it has nothing yet.
        tally: What was sent.
        open_files: Opens the files of the copy.
        refused: (kind, key) of what the server does not take.
    """

    server: Server
    run: Run
    run_id: str
    is_new: bool
    tally: Tally
    open_files: Callable[[Run], ArtifactStore]
    refused: set[tuple[str, str]] = field(default_factory=set)
    _files: ArtifactStore | None = None

    @property
    def id(self) -> str:
        """The copy's own id."""
        return self.run.info.run_id

    @property
    def files(self) -> ArtifactStore:
        """The files of the copy.

        Raises:
            ArtifactError: They are kept where this machine cannot reach them, or may not.
        """
        if self._files is None:
            self._files = self.open_files(self.run)
        return self._files

    def refuse(self, kind: str, key: str, reason: object) -> None:
        """Remember what the server does not take, and why."""
        self.refused.add((kind, key))
        what = f"the {_NOUNS[kind]} {key!r} stays" if key else f"its {_NOUNS[kind]}s stay"
        self.tally.trouble(f"Run {self.run.info.run_name!r}: {what} behind: {reason}")

    def differs(self, what: str) -> IncompleteError:
        """The error of a copy that is not complete."""
        return IncompleteError(f"its copy on the server is not complete ({what}): push it again.")


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
        self._params = _Texts(copy, "params", copy.run.data.params)
        self._tags = _Texts(copy, "tags", copy.run.data.tags)
        self._histories = _Histories(client, copy)
        self._inputs = _Inputs(copy)
        self._files = _Files(client, copy)
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


class _Texts:
    """The parameters or the tags of a copy.

    Args:
        copy: The copy.
        kind: "params" or "tags".
        known: What it has already.
    """

    def __init__(self, copy: Copy, kind: str, known: Mapping[str, str]) -> None:
        self._copy = copy
        self._kind = kind
        self._known = dict(known)
        self._wanted: Mapping[str, str] = {}

    def send(self, texts: Mapping[str, str]) -> None:
        """Send those that the copy lacks or has otherwise."""
        self._wanted = texts
        missing = {
            key: text
            for key, text in texts.items()
            if self._known.get(key) != text[: self._limit] and not self._is_refused(key)
        }
        short = {key: text for key, text in missing.items() if len(text) <= self._limit}
        try:
            self._copy.server.log_texts(self._copy.id, self._kind, short)
            self._known.update(short)
        except ServerError as error:
            if error.status not in _REFUSALS:
                raise
            self._send_each(short)
        self._send_each({key: missing[key] for key in missing if key not in short})

    def verify(self, found: Mapping[str, str]) -> None:
        """Compare with what the server has; what it has cut goes along as a file.

        Raises:
            IncompleteError: Names the first difference.
        """
        for key, text in self._wanted.items():
            if self._is_refused(key) or text == found.get(key):
                continue
            if not text.startswith(found.get(key) or "\0"):
                raise self._copy.differs(f"the {_NOUNS[self._kind]} {key!r} differs")
            self._keep_whole(key, text, len(found[key]))

    @property
    def _limit(self) -> int:
        return _LIMITS[self._kind][0]

    def _is_refused(self, key: str) -> bool:
        return (self._kind, key) in self._copy.refused

    def _send_each(self, texts: Mapping[str, str]) -> None:
        """Send one text a request, each as long as the server takes it."""
        for key, text in texts.items():
            lengths = [len(text)] if len(text) <= self._limit else []
            lengths += [limit for limit in _LIMITS[self._kind] if limit < len(text)]
            for length in lengths:
                try:
                    cut = {key: text[:length]}
                    self._copy.server.log_texts(self._copy.id, self._kind, cut)
                except ServerError as error:
                    if error.status not in _REFUSALS:
                        raise
                    reason = error
                else:
                    self._known[key] = text[: self._limit]
                    break
            else:
                self._copy.refuse(self._kind, key, reason)

    def _keep_whole(self, key: str, text: str, length: int) -> None:
        name = f"long_values/{self._kind}/{key}.txt"
        self._copy.files.log_bytes(encoding.from_text(text), name)
        self._copy.tally.note(
            f"Run {self._copy.run.info.run_name!r}: the server takes {length:,} of the "
            f"{len(text):,} characters of the {_NOUNS[self._kind]} {key!r}; the whole text is in "
            f"the copy's file {name!r}."
        )


class _Histories:
    """The metrics of a copy.

    Args:
        client: The database.
        copy: The copy.
    """

    def __init__(self, client: TrackingClient, copy: Copy) -> None:
        self._copy = copy
        self._reader = PointReader(client, copy.run_id)
        # Points that the copy has already, by metric; read when they are met.
        self._there: dict[str, set[bytes] | None] = dict.fromkeys(copy.run.data.metrics)

    @property
    def digests(self) -> Mapping[str, HistoryDigest]:
        """Digests of what was read, by metric."""
        return self._reader.digests

    def send(self) -> None:
        """Send the points that came since, a thousand a request."""
        for series in self._reader.chunks():
            batch: list[tuple[str, PlainPoint]] = []
            for key, points in series.items():
                batch += [(key, point) for point in self._missing(key, points)]
            for start in range(0, len(batch), METRICS_A_BATCH):
                self._send_batch(batch[start : start + METRICS_A_BATCH])
        self._there.clear()

    def verify(self) -> None:
        """Compare counts and digests with the server's histories.

        Raises:
            IncompleteError: Names the first difference.
        """
        for key, wanted in self.digests.items():
            if self._is_refused(key):
                continue
            found = HistoryDigest()
            history = self._copy.server.history(self._copy.id, key)
            found.add((point.value, point.timestamp, point.step) for point in history)
            if found != wanted:
                raise self._copy.differs(
                    f"it has {found.count:,} points of {key!r}, not the {wanted.count:,} of the run"
                )

    def _is_refused(self, key: str) -> bool:
        return ("metrics", key) in self._copy.refused

    def _missing(self, key: str, points: Sequence[PlainPoint]) -> Sequence[PlainPoint]:
        if self._is_refused(key):
            return []
        if key not in self._there:
            return points
        known = self._there[key]
        if known is None:
            history = self._copy.server.history(self._copy.id, key)
            known = {packed((point.value, point.timestamp, point.step)) for point in history}
            self._there[key] = known
        missing = [point for point in points if packed(point) not in known]
        self._copy.tally.add(points=len(points) - len(missing))
        return missing

    def _send_batch(self, batch: Sequence[tuple[str, PlainPoint]]) -> None:
        """Send one request; one a metric where the server refuses some."""
        keys = {key for key, _ in batch}
        try:
            self._copy.server.log_points(self._copy.id, batch)
        except ServerError as error:
            if error.status not in _REFUSALS:
                raise
            if len(keys) == 1:
                self._copy.refuse("metrics", batch[0][0], error)
            else:
                for key in keys:
                    self._send_batch([entry for entry in batch if entry[0] == key])
            return
        self._copy.tally.add(points=len(batch), points_sent=len(batch))


class _Inputs:
    """The data sets of a copy."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._known = set(map(_identity, copy.run.inputs.dataset_inputs))
        self._wanted: set[str] = set()

    def send(self, inputs: RunInputs) -> None:
        """Send those that the copy lacks."""
        wanted = {_identity(used): used for used in inputs.dataset_inputs}
        self._wanted = set(wanted)
        missing = [used for text, used in wanted.items() if text not in self._known]
        if not missing or ("inputs", "") in self._copy.refused:
            return
        try:
            self._copy.server.log_inputs(self._copy.id, missing)
        except ServerError as error:
            if error.status not in _REFUSALS | _NO_ROUTE:
                raise
            old = error.status in _NO_ROUTE
            self._copy.refuse(
                "inputs",
                "",
                "data sets came with MLflow 2.4, and the server is older" if old else error,
            )
        else:
            self._known |= self._wanted

    def verify(self, found: RunInputs) -> None:
        """Compare with what the server has.

        Raises:
            IncompleteError: Some are not there.
        """
        there = set(map(_identity, found.dataset_inputs))
        if ("inputs", "") not in self._copy.refused and not self._wanted <= there:
            raise self._copy.differs("data sets are not the same there")


class _Files:
    """The files of a copy.

    Args:
        client: The database.
        copy: The copy.
    """

    def __init__(self, client: TrackingClient, copy: Copy) -> None:
        self._client = client
        self._copy = copy
        # (size in bytes, digest) of the files that are the same on both sides, by path.
        self.sent: dict[str, tuple[int, str]] = {}
        self._there: dict[str, int | None] | None = None

    def send(self, *, has_ended: bool) -> None:
        """Send files that the copy lacks.

        Args:
            has_ended: The run has: look into files whose size has not changed, too.
        """
        try:
            source = self._client.artifacts(self._copy.run_id)
            for info in source.walk():
                known = self.sent.get(info.path)
                if known is None or has_ended or known[0] != info.file_size:
                    self._send_or_refuse(source, info.path)
        except (ArtifactError, UnsupportedError, NotFoundError) as error:
            self._copy.refuse("files", "", error)

    def verify(self) -> None:
        """Compare names and sizes with the server's.

        Raises:
            IncompleteError: Names the first difference.
        """
        there = self._listed() if self.sent else {}
        for path, (size, _) in self.sent.items():
            if there.get(path) != size:
                raise self._copy.differs(
                    f"its file {path!r} has {there.get(path, 0)} bytes, not {size:,}"
                )

    def _send_or_refuse(self, source: ArtifactStore, path: str) -> None:
        if ("files", path) in self._copy.refused:
            return
        try:
            self._send(source, path)
        except (ArtifactError, NotFoundError) as error:
            self._copy.refuse("files", path, error)
        except ServerError as error:
            if error.status not in _REFUSALS:
                raise
            advice = ""
            if error.status == _TOO_LARGE:
                advice = " (a proxy's limit; in nginx it is client_max_body_size)"
            self._copy.refuse("files", path, f"{error}{advice}")

    def _send(self, source: ArtifactStore, path: str) -> None:
        if self._there is None:
            self._there = {} if self._copy.is_new else self._listed()
        with source.open(path) as file:
            digest, size = digest_of(file), file.tell()
            if self.sent.get(path) == (size, digest):
                return
            is_there = self._there.get(path) == size and self._digest_there(path) == digest
            if not is_there:
                self._copy.files.log_stream(file, path)
        self.sent[path] = (size, digest)
        sent = {} if is_there else {"files_sent": 1, "size_sent_bytes": size}
        self._copy.tally.add(files=1, size_bytes=size, **sent)

    def _listed(self) -> dict[str, int | None]:
        return {info.path: info.file_size for info in self._copy.files.walk()}

    def _digest_there(self, path: str) -> str:
        with self._copy.files.open(path) as file:
            return digest_of(file)


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
        sorted(map(_identity, run.inputs.dataset_inputs)),
        sorted((key, digest.count, digest.total) for key, digest in histories.items()),
        sorted((path, *found) for path, found in files.items()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _identity(used: DatasetInput) -> str:
    """A data set input as a text that tells it from others."""
    return json.dumps([dict(used.dataset), sorted((tag.key, tag.value) for tag in used.tags)])
