"""Runs of an MLflow server as a source that a merge reads.

What was pushed from a database goes back under its own ids; other runs keep the server's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracker import tags
from tracker.exceptions import NotFoundError, ServerError
from tracker.maintenance.run_files import Gaps
from tracker.numbers import stored_value
from tracker.team.models import ServerRegistry
from tracker.team.points import HistoryDigest, PointReader
from tracker.team.server import sent_text
from tracker.validation import is_run_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.client import TrackingClient
    from tracker.entities import Experiment, Run
    from tracker.files import ArtifactStore
    from tracker.store.metrics import Point
    from tracker.team.server import Server

_PUSHED: frozenset[str] = frozenset({tags.TRACKER_RUN_ID, tags.TRACKER_DIGEST})


@dataclass(frozen=True)
class Choice:
    """Which runs of a server are meant.

    Args:
        runs: Their ids or names; all where there are none.
        experiments: Names of experiments; all where there are none.
        filter_string: In MLflow's search language.
    """

    runs: Sequence[str] = ()
    experiments: Sequence[str] = ()
    filter_string: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether experiments are meant with all of their runs, also where they have none."""
        return not self.runs and not self.filter_string


class ServerSource:
    """Experiments and runs of a server; see `tracker.maintenance.sources.Source`.

    Args:
        server: The server.
        client: The database they go to.
        choice: Which of them.
        allowed_roots: URLs of stores in which the server keeps files without a proxy of its own.
    """

    def __init__(
        self,
        server: Server,
        client: TrackingClient,
        choice: Choice,
        allowed_roots: Sequence[str] = (),
    ) -> None:
        self._server = server
        self._client = client
        self.choice = choice
        self._allowed_roots = allowed_roots
        self.gaps = Gaps()
        # By the ids they have here, and these by the server's; filled experiment by experiment.
        self.runs: dict[str, Run] = {}
        self.own_ids: dict[str, str] = {}
        self._unfound = dict.fromkeys(choice.runs)
        self._digests: defaultdict[str, dict[str, HistoryDigest]] = defaultdict(dict)

    def experiments(self) -> Iterator[Experiment]:
        """The experiments that are meant, deleted ones included.

        Raises:
            NotFoundError: The server has none of a name.
        """
        if not self.choice.experiments:
            yield from self._server.experiments()
        for name in self.choice.experiments:
            found = self._server.experiment_named(name)
            if found is None:
                raise NotFoundError(f"The server has no experiment {name!r}.")
            yield found

    def run_ids(self, experiment_id: str) -> list[str]:
        """The runs of an experiment that are meant, deleted ones included."""
        found: dict[str, Run] = {}
        for named, search in self._searches():
            for run in self._server.search_runs([experiment_id], search):
                self._unfound.pop(named, None)
                if run.info.run_id not in self.own_ids:
                    own_id = self._own_id(run)
                    self.own_ids[run.info.run_id] = own_id
                    found[own_id] = run
        self.runs |= found
        return list(found)

    def get_run(self, run_id: str) -> Run:
        """A run as it was here, or would be."""
        copy = self.runs[run_id]
        texts = {key: text for key, text in copy.data.tags.items() if key not in _PUSHED}
        if parent := texts.get(tags.MLFLOW_PARENT_RUN_ID):
            texts[tags.MLFLOW_PARENT_RUN_ID] = self._own_id_of(parent)
        if models := texts.get(tags.MLFLOW_LOGGED_MODELS):
            texts[tags.MLFLOW_LOGGED_MODELS] = models.replace(copy.info.run_id, run_id)
        return replace(
            copy, info=replace(copy.info, run_id=run_id), data=replace(copy.data, tags=texts)
        )

    def deleted_time(self, run_id: str) -> int | None:  # noqa: ARG002
        """Not known of runs on a server."""
        return None

    def points(self, run_id: str) -> Iterator[Point]:
        """Every point of every metric of a run."""
        copy = self.runs[run_id]
        for key in copy.data.metrics:
            digest = self._digests[run_id][key] = HistoryDigest()
            for point in self._server.history(copy.info.run_id, key):
                digest.add([point])
                value, timestamp, step = point
                stored, is_nan = stored_value(value)
                yield key, stored, timestamp, step, is_nan, run_id

    def artifacts(self, run: Run) -> ArtifactStore:
        """The files of a run."""
        folder = self._client.store.database.folder
        copy = self.runs[run.info.run_id]
        return self._server.artifacts(copy, folder, self._allowed_roots)

    def id_there(self, run_id: str) -> str:
        """A run's id on the server."""
        return self.runs[run_id].info.run_id

    def registry(self) -> ServerRegistry:
        """The server's registered models."""
        return ServerRegistry(self._server)

    def differences(self) -> Iterator[str]:
        """A sentence about each run of which something is missing here, after a merge."""
        for run_id, wanted in self._digests.items():
            reader = PointReader(self._client, run_id)
            for _ in reader.chunks():
                pass
            for key, digest in wanted.items():
                found = reader.digests[key]
                # Here there may be more: the run has gone on since it was pushed.
                if found != digest and found.count <= digest.count:
                    name = self.runs[run_id].info.run_name
                    yield (
                        f"Run {name!r}: {found.count:,} points of {key!r} are here, not the "
                        f"{digest.count:,} of the server: pull it again."
                    )

    def unfound(self) -> list[str]:
        """A sentence about each run that was named and is in none of the experiments."""
        meant = " that is meant" if self.choice.experiments or self.choice.filter_string else ""
        return [f"The server has no run {named!r}{meant}." for named in self._unfound]

    def _searches(self) -> list[tuple[str, str]]:
        """The names of runs, each with the filter that finds it; "" for the filter of all."""
        filter_string = self.choice.filter_string
        if not self.choice.runs:
            return [("", filter_string)]
        asked = f" AND {filter_string}" if filter_string else ""
        return [(text, f"{_named(text)}{asked}") for text in self.choice.runs]

    def _own_id(self, copy: Run) -> str:
        """The id of the run that a copy was made from; its own where there is none."""
        own_id = copy.data.tags.get(tags.TRACKER_RUN_ID, "")
        taken = own_id in self.runs and self.runs[own_id].info.run_id != copy.info.run_id
        return own_id if is_run_id(own_id) and not taken else copy.info.run_id

    def _own_id_of(self, server_id: str) -> str:
        """The id here of a run on the server."""
        if server_id not in self.own_ids:
            try:
                self.own_ids[server_id] = self._own_id(self._server.get_run(server_id))
            except ServerError as error:
                if not error.error_code:
                    raise
                self.own_ids[server_id] = server_id  # The parent is gone.
        return self.own_ids[server_id]


def _named(text: str) -> str:
    """The filter that finds a run by its id or its name."""
    field = "run_id" if is_run_id(text) and len(text) == 32 else "run_name"  # noqa: PLR2004
    return f"attributes.{field} = {sent_text(text)}"
