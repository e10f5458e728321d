"""Brings runs to an MLflow server, and goes on with those that are still running.

No state is kept on this side: a copy on the server carries the id of its run in a tag, a copy that
has not ended is an unfinished push, and a copy with the run's digest lacks nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tracker import tags
from tracker.entities import LifecycleStage, RunStatus
from tracker.exceptions import NotFoundError, ServerError, ServerUnreachableError, TrackerError
from tracker.file_locks import exclusive
from tracker.journal.file import live_folder
from tracker.team.copies import Copy
from tracker.team.replay import Replay, local_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from tracker.client import TrackingClient
    from tracker.entities import Experiment, Run
    from tracker.files import ArtifactStore
    from tracker.team.server import Server
    from tracker.team.tally import Tally

WORKERS: Final = 4
FOLLOW_SECONDS: Final = 1.0
_UNAUTHORIZED: Final = 401
# Of what was sent, or of this user for one experiment.
_REFUSALS: Final = frozenset({400, 403})


class Push:
    """A push of runs; called again and again, it goes on with those that were running.

    Args:
        client: The database.
        server: Where to.
        tally: Counts what is done.
        allowed_roots: URLs of stores in which the server keeps files without a proxy of its own.
        workers: How many runs are sent at the same time.
    """

    def __init__(
        self,
        client: TrackingClient,
        server: Server,
        tally: Tally,
        *,
        allowed_roots: Sequence[str] = (),
        workers: int = WORKERS,
    ) -> None:
        self._client = client
        self._server = server
        self._tally = tally
        self._allowed_roots = allowed_roots
        self._workers = workers
        # Experiments on the server by ids here; None for one that is deleted there.
        self._targets: dict[str, Experiment | None] = {}
        self._copy_ids: dict[str, str] = {}
        self._replays: dict[str, Replay] = {}
        self._created: list[Run] = []
        self._done: set[str] = set()

    @property
    def copy_ids(self) -> dict[str, str]:
        """Ids of copies by the ids of their runs."""
        return self._copy_ids

    def run(self, run_ids: Iterable[str]) -> None:
        """Send runs, and the runs below which they are nested.

        Raises:
            ServerUnreachableError: The server does not answer any more; what was sent stays.
            ServerError: It does not know the caller.
            TrackerError: The database cannot be read.
        """
        runs = with_parents(self._client, [each for each in run_ids if each not in self._done])
        copies = self._find_copies([run for run in runs if run.info.run_id not in self._replays])
        room = threading.Semaphore(2 * self._workers)
        sent: list[Future[None]] = []
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for run in runs:
                    # A copy is created shortly before it is filled, and after its parent's.
                    replay = self._replay_of(run, copies[run.info.run_id])
                    if replay is not None:
                        room.acquire()
                        sent.append(pool.submit(self._send, run, replay))
                        sent[-1].add_done_callback(lambda _: room.release())
                    _raise_failure(sent)
                wait(sent, return_when=FIRST_EXCEPTION)
                _raise_failure(sent)
                self._remove_doubles()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._server.rest.stop()
                raise

    def follow(self, choose: Callable[[], Iterable[str]]) -> None:
        """Send runs as they go on, every few seconds, until all have ended.

        Args:
            choose: The ids of the runs to send, asked anew each time.
        """
        stopped = threading.Event()
        while True:
            self._tally.runs_running = 0
            self.run(choose())
            if not self._tally.runs_running:
                return
            stopped.wait(FOLLOW_SECONDS)

    # One run

    def _send(self, run: Run, replay: Replay) -> None:
        """Send what a run's copy lacks, and complete it when the run has ended."""
        run_id = run.info.run_id
        with self._as_trouble(run):
            if self._is_complete(run, replay.copy.run):
                self._done.add(run_id)
                return
            sent = replay.advance()
            if RunStatus.is_terminated(sent.info.status):
                replay.complete(sent)
                self._done.add(run_id)
                self._replays.pop(run_id, None)
            else:
                self._tally.add(runs_running=1)
                self._replays[run_id] = replay

    def _is_complete(self, run: Run, copy: Run) -> bool:
        """Whether a copy lacks nothing; its digest was set when all of it was there."""
        known = copy.data.tags.get(tags.TRACKER_DIGEST)
        if known is None or copy.info.status != run.info.status:
            return False
        local = local_digest(self._client, run.info.run_id)
        if local.text != known:
            return False
        self._tally.add(
            runs=1,
            runs_unchanged=1,
            points=local.points,
            files=local.files,
            size_bytes=local.size_bytes,
        )
        return True

    def _remove_doubles(self) -> None:
        """Of copies made at the same time by pushes from two machines, leave one that both name."""
        for experiment_id, runs in by_experiment(self._created).items():
            target = self._target(experiment_id)
            found = {} if target is None else copies_of(self._server, target, runs)
            for copies in found.values():
                for copy in list(filter(is_active, copies))[1:]:
                    self._server.delete_run(copy.info.run_id)
                    self._tally.note(
                        f"Run {copy.info.run_name!r} was pushed from elsewhere at the same time: "
                        f"of two copies one was deleted."
                    )
        self._created.clear()

    @contextmanager
    def _as_trouble(self, run: Run) -> Iterator[None]:
        """What keeps one run from being sent is a sentence; what keeps all of them is raised."""
        try:
            yield
        except TrackerError as error:
            self._replays.pop(run.info.run_id, None)
            if isinstance(error, ServerUnreachableError):
                raise
            if isinstance(error, ServerError) and error.status == _UNAUTHORIZED:
                raise
            self._tally.trouble(f"Run {run.info.run_name!r}: {error}")

    # Finding the copies

    def _find_copies(self, runs: Sequence[Run]) -> defaultdict[str, list[Run]]:
        found: defaultdict[str, list[Run]] = defaultdict(list)
        for experiment_id, some in by_experiment(runs).items():
            target = self._target(experiment_id)
            if target is not None:
                found.update(copies_of(self._server, target, some))
        return found

    def _target(self, experiment_id: str) -> Experiment | None:
        """The experiment of this name on the server.

        None, with a sentence, where it is deleted there or the server refuses it.
        """
        if experiment_id not in self._targets:
            experiment = self._client.get_experiment(experiment_id)
            try:
                self._targets[experiment_id] = self._made_target(experiment)
            except ServerError as error:
                if error.status not in _REFUSALS:
                    raise
                self._tally.trouble(f"Experiment {experiment.name!r}: {error}")
                self._targets[experiment_id] = None
        return self._targets[experiment_id]

    def _made_target(self, experiment: Experiment) -> Experiment | None:
        target = self._server.experiment_named(experiment.name)
        if target is None:
            target = self._server.create_experiment(experiment.name)
        if target.lifecycle_stage == LifecycleStage.DELETED:
            self._tally.trouble(deleted_experiment(experiment.name))
            return None
        for key, text in experiment.tags.items():
            if target.tags.get(key) != text:
                self._set_tag(target, key, text)
        return target

    def _set_tag(self, target: Experiment, key: str, text: str) -> None:
        try:
            self._server.set_experiment_tag(target.experiment_id, key, text)
        except ServerError as error:
            if error.status not in _REFUSALS:
                raise
            self._tally.trouble(
                f"Experiment {target.name!r}: the tag {key!r} of {len(text):,} characters was "
                f"not sent: {error}"
            )

    def _replay_of(self, run: Run, found: Sequence[Run]) -> Replay | None:
        """What sends a run to its copy, which is created where there is none.

        None where nothing can be sent: the copy is deleted on the server, or its experiment is.
        """
        run_id = run.info.run_id
        target = self._target(run.info.experiment_id)
        if run_id in self._replays or target is None:
            return self._replays.get(run_id)
        active = [copy for copy in found if is_active(copy)]
        if found and not active:
            self._tally.trouble(deleted_copy(run, found[0]))
            return None
        with self._as_trouble(run):
            copy = active[0] if active else self._create(run, target)
            self._copy_ids[run_id] = copy.info.run_id
            made = Copy(self._server, copy, run_id, not active, self._tally, self._open_files)
            return Replay(self._client, made, self._copy_ids)
        return None

    def _create(self, run: Run, target: Experiment) -> Run:
        def known() -> Run | None:
            search = f"tags.`{tags.TRACKER_RUN_ID}` = '{run.info.run_id}'"
            found = self._server.search_runs([target.experiment_id], search)
            return next(filter(is_active, found), None)

        self._created.append(run)
        tag = {tags.TRACKER_RUN_ID: run.info.run_id}
        return self._server.create_run(target.experiment_id, run.info, tag, known)

    def _open_files(self, copy: Run) -> ArtifactStore:
        folder = self._client.store.database.folder
        return self._server.artifacts(copy, folder, self._allowed_roots)


def push_lock(client: TrackingClient, server: Server) -> AbstractContextManager[None]:
    """Keeps a second push of a database to the same server out.

    Raises:
        InvalidStateError: Another process is at it.
    """
    address = str(server.rest.access.address)
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    return exclusive(
        live_folder(client.store.database.path) / f"push.{name}.lock",
        otherwise=f"Another process is pushing to {address} from this database: wait for its end, "
        f"then push again.",
    )


def with_parents(client: TrackingClient, run_ids: Iterable[str]) -> list[Run]:
    """Runs with the runs below which they are nested, parents first, each once."""
    found: dict[str, Run] = {}
    for run_id in run_ids:
        line: list[Run] = []
        wanted: str | None = run_id
        while wanted is not None and wanted not in found and len(line) < 100:  # noqa: PLR2004
            try:
                run = client.get_run(wanted)
            except TrackerError as error:
                if line and isinstance(error, NotFoundError | ValueError):
                    break  # A parent that is gone.
                raise
            line.append(run)
            wanted = run.data.tags.get(tags.MLFLOW_PARENT_RUN_ID)
        found.update({run.info.run_id: run for run in reversed(line) if is_active(run)})
    return list(found.values())


def by_experiment(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by their experiments' ids."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.info.experiment_id].append(run)
    return found


def copies_of(server: Server, target: Experiment, runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The copies that runs have in an experiment on the server, by the ids of the runs.

    A run that has come from there is its own copy. Of several the first is to be kept.
    """
    copies: defaultdict[str, list[Run]] = defaultdict(list)
    ids = {run.info.run_id for run in runs}
    search = f"tags.`{tags.TRACKER_RUN_ID}` != ''"
    for copy in server.search_runs([target.experiment_id], search):
        run_id = copy.data.tags.get(tags.TRACKER_RUN_ID, "")
        if run_id in ids:
            copies[run_id].append(copy)
    missing = [run_id for run_id in ids if run_id not in copies]
    for copy in server.runs_with_ids(target.experiment_id, missing):
        copies[copy.info.run_id].append(copy)
    return {key: sorted(found, key=lambda copy: copy.info.run_id) for key, found in copies.items()}


def is_active(run: Run) -> bool:
    """Whether a run is not deleted."""
    return run.info.lifecycle_stage != LifecycleStage.DELETED


def deleted_experiment(name: str) -> str:
    """Why the runs of an experiment cannot be sent."""
    return (
        f"The experiment {name!r} is deleted on the server: restore it there (`mlflow experiments "
        f"restore`), or rename this one, then push again."
    )


def deleted_copy(run: Run, copy: Run) -> str:
    """Why a run is not sent."""
    return (
        f"Run {run.info.run_name!r} is deleted on the server: restore it there (`mlflow runs "
        f"restore --run-id {copy.info.run_id}`), then push again."
    )


def _raise_failure(sent: Iterable[Future[None]]) -> None:
    for future in sent:
        if future.done() and not future.cancelled():
            future.result()
