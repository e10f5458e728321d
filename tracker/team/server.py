"""An MLflow server's routes as functions."""

from __future__ import annotations

import base64
import json
import math
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tracker.exceptions import ArtifactError, NotFoundError, OutsideRootsError, ServerError
from tracker.files import open_artifacts
from tracker.team.answers import read_experiment, read_list, read_point, read_run
from tracker.team.artifacts import ServerArtifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tracker.entities import DatasetInput, Experiment, Run, RunInfo
    from tracker.files import ArtifactStore
    from tracker.team.points import PlainPoint
    from tracker.team.rest import RestClient

API: Final = "/api/2.0/mlflow"
# MLflow's own limits for one request.
METRICS_A_BATCH: Final = 1_000
TEXTS_A_BATCH: Final = 100
BATCH_BYTES: Final = 900_000
POINTS_A_PAGE: Final = 25_000
# Points of a history that are looked at one by one; each costs the server a fifth of a new point.
SAMPLE: Final = 500
RUNS_A_PAGE: Final = 1_000
IDS_A_SEARCH: Final = 100
NO_ROUTE: Final = frozenset({404, 405, 501})
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404


class Server:
    """One MLflow server.

    Args:
        rest: The way to it.
    """

    def __init__(self, rest: RestClient) -> None:
        self.rest = rest
        # Whether it is not known to be a server without `history_sample`.
        self.has_samples = True
        # Of two runs that log the same new data set at once, the server refuses one.
        self._one_logs_inputs = Lock()

    def check(self) -> None:
        """Ask for the newest experiment: the server is there, is MLflow and knows the caller.

        Raises:
            ServerError: It is none, or refuses.
            ServerUnreachableError: It does not answer.
        """
        try:
            answer = self.rest.get(f"{API}/experiments/search", {"max_results": 1})
        except ServerError as error:
            if error.status != _NOT_FOUND:
                raise
            answer = None
        if answer is None or not set(answer) <= {"experiments", "next_page_token"}:
            raise ServerError(
                f"The server at {self.rest.access.address} is not an MLflow server, or older than "
                f"1.29: use the address at which a browser shows MLflow's pages."
            )

    # Experiments

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, deleted ones included."""
        for page in self.pages("experiments/search", {"view_type": "ALL", "max_results": 1000}):
            yield from map(read_experiment, read_list(page, "experiments"))

    def experiment_named(self, name: str) -> Experiment | None:
        """The experiment with this name, deleted ones included, or None."""
        try:
            found = self.rest.get(f"{API}/experiments/get-by-name", {"experiment_name": name})
        except ServerError as error:
            if error.error_code == NotFoundError.error_code:
                return None
            raise
        return read_experiment(found.get("experiment"))

    def create_experiment(self, name: str) -> Experiment:
        """Create an experiment; the one of this name where somebody was faster."""

        def known() -> dict[str, Any] | None:
            found = self.experiment_named(name)
            return None if found is None else {"experiment_id": found.experiment_id}

        try:
            found = self.rest.post(f"{API}/experiments/create", {"name": name}, known)
        except ServerError as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or (found_again := known()) is None:
                raise
            found = found_again
        answer = self.rest.get(
            f"{API}/experiments/get", {"experiment_id": found.get("experiment_id")}
        )
        return read_experiment(answer.get("experiment"))

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set or overwrite a tag of an experiment."""
        arguments = {"experiment_id": experiment_id, "key": key, "value": value}
        self.rest.post(f"{API}/experiments/set-experiment-tag", arguments)

    # Runs

    def get_run(self, run_id: str) -> Run:
        """The whole run.

        Raises:
            ServerError: There is no such run.
        """
        return read_run(self.rest.get(f"{API}/runs/get", {"run_id": run_id}).get("run"))

    def search_runs(self, experiment_ids: Sequence[str], filter_string: str) -> Iterator[Run]:
        """The runs that match, deleted ones included, oldest first."""
        arguments = {
            "experiment_ids": list(experiment_ids),
            "filter": filter_string,
            "run_view_type": "ALL",
            "max_results": RUNS_A_PAGE,
            "order_by": ["attributes.start_time ASC"],
        }
        for page in self.pages("runs/search", arguments, self.rest.post):
            yield from map(read_run, read_list(page, "runs"))

    def runs_with_ids(self, experiment_id: str, run_ids: Iterable[str]) -> Iterator[Run]:
        """Those of some runs that are in an experiment."""
        ids = iter(run_ids)
        while some := list(islice(ids, IDS_A_SEARCH)):
            among = ", ".join(f"'{run_id}'" for run_id in some)
            yield from self.search_runs([experiment_id], f"attributes.run_id IN ({among})")

    def create_run(
        self,
        experiment_id: str,
        info: RunInfo,
        tags: Mapping[str, str],
        recover: Callable[[], Run | None],
    ) -> Run:
        """Create a RUNNING run with the name, user and start time of `info`.

        Args:
            experiment_id: Where it belongs.
            info: What it is a copy of.
            tags: Its first tags.
            recover: Finds the run that an earlier try has created, whose answer was lost.
        """
        found: list[Run] = []

        def known() -> dict[str, Any] | None:
            run = recover()
            if run is None:
                return None
            found.append(run)
            return {}

        arguments = {
            "experiment_id": experiment_id,
            "start_time": info.start_time,
            "run_name": info.run_name,
            "user_id": info.user_id,
            "tags": sent_pairs(tags),
        }
        answer = self.rest.post(f"{API}/runs/create", arguments, known)
        return found[0] if found else read_run(answer.get("run"))

    def update_run(
        self, run_id: str, status: str, end_time: int | None = None, name: str | None = None
    ) -> None:
        """Set a run's status, its end time in ms, and its name where one is given."""
        arguments = {"run_id": run_id, "status": status, "end_time": end_time, "run_name": name}
        self.rest.post(f"{API}/runs/update", arguments)

    def delete_run(self, run_id: str) -> None:
        """Delete a run, as MLflow deletes: it can be restored."""
        self.rest.post(f"{API}/runs/delete", {"run_id": run_id})

    def log_points(self, run_id: str, points: Sequence[tuple[str, PlainPoint]]) -> None:
        """Add points (key, (value, timestamp, step)); those that are there change nothing."""
        metrics = [
            {"key": key, "value": _sent(value), "timestamp": timestamp, "step": step}
            for key, (value, timestamp, step) in points
        ]
        self._log(run_id, "metrics", metrics)

    def log_texts(self, run_id: str, kind: str, texts: Mapping[str, str]) -> None:
        """Write parameters or tags in as few requests as the limits allow.

        Args:
            run_id: Whose they become.
            kind: "params" or "tags".
            texts: At most of the length that the server takes.
        """
        for batch in batches(sent_pairs(texts), TEXTS_A_BATCH):
            self._log(run_id, kind, batch)

    def log_inputs(self, run_id: str, used: Sequence[DatasetInput]) -> None:
        """Say which data sets a run used; twice where somebody else did so at the same time.

        Raises:
            ServerError: The server refuses them.
        """
        datasets = [
            {
                "dataset": {key: value for key, value in each.dataset if value is not None},
                "tags": [{"key": tag.key, "value": tag.value} for tag in each.tags],
            }
            for each in used
        ]
        arguments = {"run_id": run_id, "datasets": datasets}
        with self._one_logs_inputs:
            try:
                self.rest.post(f"{API}/runs/log-inputs", arguments)
            except ServerError as error:
                if error.status != _BAD_REQUEST:
                    raise
                self.rest.post(f"{API}/runs/log-inputs", arguments)

    def history(self, run_id: str, key: str) -> Iterator[PlainPoint]:
        """Every point of one metric."""
        arguments = {"run_id": run_id, "metric_key": key, "max_results": POINTS_A_PAGE}
        for page in self.pages("metrics/get-history", arguments):
            for point in read_list(page, "metrics"):
                yield read_point(point)

    def history_sample(self, run_id: str, key: str) -> list[PlainPoint]:
        """Points of one metric, spread evenly; all of them where there are fewer than SAMPLE.

        Raises:
            ServerError: Among others where the server does not have this route.
        """
        arguments = {"run_ids": run_id, "metric_key": key, "max_results": SAMPLE}
        try:
            answer = self.rest.get(f"{API}/metrics/get-history-bulk-interval", arguments)
        except ServerError as error:
            self.has_samples = error.status not in NO_ROUTE
            raise
        return list(map(read_point, read_list(answer, "metrics")))

    def has_points(self, run_id: str, key: str, count: int) -> bool:
        """Whether one metric has just so many points: a page that starts at the last holds one.

        Raises:
            ServerError: Among others where the server does not read such a token.
        """
        start = base64.b64encode(json.dumps({"offset": count - 1}).encode()).decode()
        arguments = {"run_id": run_id, "metric_key": key, "max_results": 1, "page_token": start}
        page = self.rest.get(f"{API}/metrics/get-history", arguments)
        return len(read_list(page, "metrics")) == 1 and not page.get("next_page_token")

    # Files

    def artifacts(self, run: Run, folder: Path, allowed_roots: Sequence[str]) -> ArtifactStore:
        """The files of a run: through the server's proxy, or in the store that it names.

        Args:
            run: Whose.
            folder: Where relative paths would start; none is taken.
            allowed_roots: URLs of stores that may be used without the server's proxy.

        Raises:
            ArtifactError: They are kept where this machine cannot reach them, or may not.
        """
        uri = run.info.artifact_uri
        parts = urlsplit(uri)
        address = self.rest.access.address
        if parts.scheme == "mlflow-artifacts" and parts.hostname in {None, address.host}:
            return ServerArtifacts(self.rest, parts.path.strip("/"))
        if parts.scheme in {"", "file", "mlflow-artifacts", "http", "https", "dbfs"}:
            raise ArtifactError(
                f"The server keeps files at {uri!r}, which only it can reach: start it with "
                f"`--serve-artifacts`, in a new experiment."
            )
        if not any(uri.startswith(f"{root.rstrip('/')}/") for root in allowed_roots):
            raise OutsideRootsError(
                f"The server keeps files at {uri!r}: allow that with `--allow "
                f"{parts.scheme}://{parts.netloc}`, and have the store's own credentials ready."
            )
        return open_artifacts(uri, folder, allowed_roots=allowed_roots)

    def _log(self, run_id: str, kind: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Send one batch, in halves where the server finds it too large."""
        try:
            self.rest.post(f"{API}/runs/log-batch", {"run_id": run_id, kind: entries})
        except ServerError as error:
            if error.status != 413 or len(entries) == 1:  # noqa: PLR2004
                raise
            middle = len(entries) // 2
            self._log(run_id, kind, entries[:middle])
            self._log(run_id, kind, entries[middle:])

    def pages(
        self,
        route: str,
        arguments: Mapping[str, Any],
        ask: Callable[[str, Mapping[str, Any]], dict[str, Any]] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The answers of a route, page by page; `ask` gets them where that is not `rest.get`."""
        token = None
        while True:
            page = (ask or self.rest.get)(f"{API}/{route}", {**arguments, "page_token": token})
            yield page
            before, token = token, page.get("next_page_token")
            if not token or token == before:
                return


def batches(entries: Iterable[Mapping[str, str]], most: int) -> Iterator[list[Mapping[str, str]]]:
    """Entries in lists of at most `most` and of less than a megabyte.

    >>> [len(batch) for batch in batches([{"value": "x" * 400_000}] * 5, 100)]
    [2, 2, 1]
    """
    batch: list[Mapping[str, str]] = []
    size = 0
    for entry in entries:
        weight = sum(len(text.encode(errors="replace")) + 20 for text in entry.values())
        if batch and (len(batch) == most or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


def _sent(value: float) -> float | str:
    """A number as MLflow's JSON has it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"


def sent_text(text: str) -> str:
    """A text as MLflow's search language quotes it, which has no escapes."""
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"


def sent_pairs(texts: Mapping[str, str]) -> list[dict[str, str]]:
    """Parameters or tags as MLflow's JSON has them."""
    return [{"key": key, "value": value} for key, value in texts.items()]
