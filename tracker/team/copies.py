"""A run's copy on a server: sending what it lacks, part by part, and comparing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tracker import encoding
from tracker.exceptions import (
    ArtifactError,
    NotFoundError,
    ServerError,
    TrackerError,
    UnsupportedError,
)
from tracker.files.atomic import digest_of
from tracker.team.points import HistoryDigest, PointReader, packed
from tracker.team.server import METRICS_A_BATCH, NO_ROUTE, SAMPLE
from tracker.validation import MAX_PARAM_VALUE, MAX_TAG_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracker.client import TrackingClient
    from tracker.entities import DatasetInput, Run, RunInputs
    from tracker.files import ArtifactStore
    from tracker.team.points import PlainPoint
    from tracker.team.server import Server
    from tracker.team.tally import Tally

# Limits of current MLflow servers, then of earlier releases.
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


class IncompleteError(TrackerError):
    """A copy on a server differs from its run."""


@dataclass
class Copy:
    """A run's copy on a server.

    Args:
        server: The server.
        run: The copy as it was found or created.
        run_id: The id of the run itself.
        is_new: It was created just now and is empty.
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
        what = f"the {_NOUNS[kind]} {key!r} was" if key else f"its {_NOUNS[kind]}s were"
        self.tally.trouble(f"Run {self.run.info.run_name!r}: {what} not sent: {reason}")

    def differs(self, what: str) -> IncompleteError:
        """The error of a copy that is not complete."""
        return IncompleteError(f"its copy on the server is not complete ({what}): push it again.")


class Texts:
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


class Histories:
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
        """Compare with the server's histories.

        Raises:
            IncompleteError: Names the first difference.
        """
        for key, wanted in self.digests.items():
            if self._is_refused(key) or self._is_found(key, wanted):
                continue
            found = HistoryDigest.of(self._copy.server.history(self._copy.id, key))
            if found.count != wanted.count:
                raise self._copy.differs(
                    f"it has {found.count:,} points of {key!r}, not the {wanted.count:,} of the run"
                )
            if found != wanted:
                raise self._copy.differs(f"its points of {key!r} are others")

    def _is_found(self, key: str, wanted: HistoryDigest) -> bool:
        """Whether the count of a history is right, and a sample of it; of a short one, all of it.

        False, too, where the server does not have these ways, which cost it the least.
        """
        server, copy_id = self._copy.server, self._copy.id
        if not server.has_samples:
            return False
        try:
            sample = server.history_sample(copy_id, key)
            if len(sample) < SAMPLE:
                return HistoryDigest.of(sample) == wanted
            return self._reader.holds(key, sample) and server.has_points(copy_id, key, wanted.count)
        except ServerError as error:
            if error.status not in _REFUSALS | NO_ROUTE:
                raise
            return False

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
            known = set(map(packed, history))
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


class Inputs:
    """The data sets of a copy."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._known = set(map(identity, copy.run.inputs.dataset_inputs))
        self._wanted: set[str] = set()

    def send(self, inputs: RunInputs) -> None:
        """Send those that the copy lacks."""
        wanted = {identity(used): used for used in inputs.dataset_inputs}
        self._wanted = set(wanted)
        missing = [used for text, used in wanted.items() if text not in self._known]
        if not missing or ("inputs", "") in self._copy.refused:
            return
        try:
            self._copy.server.log_inputs(self._copy.id, missing)
        except ServerError as error:
            if error.status not in _REFUSALS | NO_ROUTE:
                raise
            old = error.status in NO_ROUTE
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
        there = set(map(identity, found.dataset_inputs))
        if ("inputs", "") not in self._copy.refused and not self._wanted <= there:
            raise self._copy.differs("data sets are not the same there")


class Files:
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


def identity(used: DatasetInput) -> str:
    """A data set input as a text that tells it from others."""
    return json.dumps([dict(used.dataset), sorted((tag.key, tag.value) for tag in used.tags)])
