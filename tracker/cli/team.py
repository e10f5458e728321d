"""`push` and `pull`: runs on their way to a team's MLflow server and back."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from tracker import text
from tracker.cli.parser import ALL, add_experiments, add_run
from tracker.cli.transfer import remark_troubles, report_merge, report_models
from tracker.client import TrackingClient
from tracker.entities import ViewType
from tracker.lookup import experiment_ids, find_runs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from tracker.cli.console import Console
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.exceptions import ServerError
    from tracker.team.plan import Amount
    from tracker.team.pull import Choice
    from tracker.team.server import Server
    from tracker.team.tally import Tally

FIRST_ANSWER_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 300.0
_EVERY_SECONDS: Final = 0.2
_REMARK_EVERY_SECONDS: Final = 60.0
_CLOCK_SECONDS: Final = 300.0
# Sending so many bytes takes about as long as sending a point.
_BYTES_A_POINT: Final = 10_000
_PUSH_EXAMPLES: Final = """\
  push --to https://mlflow.example.org --experiment MNIST
  push --to http://127.0.0.1:5000 --filter "metrics.val_loss < 0.3" --dry-run
  push --to https://mlflow.example.org --follow
"""
_PULL_EXAMPLES: Final = """\
  pull --from https://mlflow.example.org --experiment MNIST
  pull --from http://127.0.0.1:5000 --dry-run
"""
_CREDENTIALS: Final = (
    "Credentials come from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
    "MLFLOW_TRACKING_TOKEN, ~/.mlflow/credentials or ~/.netrc."
)


def add_verbs(verbs: Verbs) -> None:
    """Add `push` and `pull`."""
    parser = verbs.add(
        "push",
        "Send runs to an MLflow server, verified: all of them, or those that are named. Doing it "
        f"again sends only what is new. {_CREDENTIALS}",
        push,
        examples=_PUSH_EXAMPLES,
    )
    _add_server(parser, "--to")
    add_run(parser, nargs="*")
    add_experiments(parser, "all runs of this experiment; may be repeated")
    _add_filter(parser)
    _add_dry_run(parser, "sent")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="go on with running runs, looking every second, until they have ended",
    )
    parser = verbs.add(
        "pull",
        "Bring runs from an MLflow server into the database, verified: all of them, or those that "
        f"are named. Doing it again adds only what is new. {_CREDENTIALS}",
        pull,
        examples=_PULL_EXAMPLES,
    )
    _add_server(parser, "--from")
    parser.add_argument("runs", metavar="RUN", nargs="*", help="id or name of a run on the server")
    add_experiments(parser, "all runs of this experiment on the server; may be repeated")
    _add_filter(parser)
    _add_dry_run(parser, "brought")
    parser.add_argument("--no-artifacts", action="store_true", help="do not copy files")


def _add_dry_run(parser: argparse.ArgumentParser, done: str) -> None:
    parser.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help=f"ask the server, and only say what would be {done}",
    )


def _add_server(parser: argparse.ArgumentParser, option: str) -> None:
    parser.add_argument(
        option, dest="url", metavar="URL", required=True, help="the address of the MLflow server"
    )
    parser.add_argument(
        "--allow",
        metavar="ROOT",
        action="append",
        default=[],
        help="a store, such as s3://bucket, in which the server keeps files that it does not "
        "serve itself; may be repeated",
    )


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--filter",
        metavar="TEXT",
        default="",
        help="only runs that match, for instance metrics.val_loss < 0.3",
    )


def push(session: Session) -> int:
    """Send runs; exit code 1 if something stays behind.

    Raises:
        NotFoundError: There is no such run or experiment.
        InvalidStateError: Another process is pushing from this database.
        ServerError: The server refuses, or does not answer.
    """
    from tracker.maintenance.registered_models import LocalRegistry, copy_models  # noqa: PLC0415
    from tracker.team.models import ServerRegistry  # noqa: PLC0415
    from tracker.team.plan import amount_of  # noqa: PLC0415
    from tracker.team.push import Push, push_lock, with_parents  # noqa: PLC0415
    from tracker.team.tally import Tally  # noqa: PLC0415

    options = session.options
    # Following, it also looks for runs whose processes have died.
    client = session.writing if options.follow else session.reading
    chosen = _chosen(session, client)
    with _server(session, math.inf if options.follow else PATIENCE_SECONDS) as server:
        if options.dry_run:
            return _plan_push(session, client, server, chosen)
        runs = with_parents(client, chosen)
        tally = Tally()
        total = amount_of(client, [run.info.run_id for run in runs])
        with push_lock(client, server), _Progress(session.console, tally, total, len(runs)):
            job = Push(client, server, tally, allowed_roots=options.allow)
            if options.follow:
                job.follow(lambda: _chosen(session, client))
            else:
                job.run(chosen)
            copied = copy_models(LocalRegistry(client.store), ServerRegistry(server), job.copy_ids)
            tally.add_models(copied)
    return _report(session, tally)


def pull(session: Session) -> int:
    """Merge runs of a server into the database; exit code 1 if something is left behind.

    Raises:
        NotFoundError: The server has no such experiment.
        ServerError: The server refuses, or does not answer.
    """
    from tracker.cli.console import StepCounter  # noqa: PLC0415
    from tracker.maintenance.merge import Merge  # noqa: PLC0415
    from tracker.team.pull import Choice, ServerSource  # noqa: PLC0415

    options, console = session.options, session.console
    choice = Choice(options.runs, options.experiments, options.filter)
    if options.dry_run:
        return _plan_pull(session, choice)
    with _server(session, PATIENCE_SECONDS) as server, StepCounter(console, "run") as steps:
        client = TrackingClient(session.path)
        source = ServerSource(server, client, choice, options.allow)
        merged = Merge(
            source,
            client,
            now=console.now,
            wanted=None if choice.is_whole else source.runs,
            with_artifacts=not options.no_artifacts,
            progress=steps.done,
        ).run()
        merged.troubles += [*source.unfound(), *source.differences()]
    report_merge(session, merged, "pull")
    return 1 if merged.troubles else 0


@contextmanager
def _server(session: Session, patience_seconds: float) -> Iterator[Server]:
    """The server, once it has answered."""
    from tracker.team.credentials import access_to  # noqa: PLC0415
    from tracker.team.rest import RestClient  # noqa: PLC0415
    from tracker.team.server import Server  # noqa: PLC0415

    with RestClient(
        access_to(session.options.url),
        patience_seconds=FIRST_ANSWER_SECONDS,
        on_wait=_Outages(session.console).remark,
    ) as rest:
        server = Server(rest)
        server.check()
        if abs(rest.clock_lead_seconds) > _CLOCK_SECONDS:
            lead = text.duration(abs(rest.clock_lead_seconds))
            where = "ahead of" if rest.clock_lead_seconds > 0 else "behind"
            session.console.remark(
                f"note: The server's clock is {lead} {where} this machine's; times stay as they "
                f"were logged."
            )
        rest.patience_seconds = patience_seconds
        yield server


def _chosen(session: Session, client: TrackingClient) -> list[str]:
    """The ids of the runs that are meant; of all active ones where none is named."""
    options, store = session.options, session.store
    named = [info.run_id for info in find_runs(store, options.runs)]
    if named and not options.experiments and not options.filter:
        return named
    ids = experiment_ids(store, options.experiments)
    found = client.store.search_run_infos(
        ids, options.filter, ViewType.ACTIVE_ONLY, ALL, 0, ["attributes.start_time ASC"]
    )
    return [info.run_id for info in found if not named or info.run_id in named]


def _plan_push(session: Session, client: TrackingClient, server: Server, run_ids: list[str]) -> int:
    from tracker.team.plan import plan_push  # noqa: PLC0415

    plan = plan_push(client, server, run_ids)
    console = session.console
    console.line(
        f"{text.plural(plan.runs_new, 'run')} to send, {plan.runs_unfinished:,} to complete, "
        f"{plan.runs_unchanged:,} unchanged; {text.plural(len(plan.experiments_new), 'experiment')}"
        f" to create; {text.plural(plan.amount.points, 'point')}, "
        f"{text.plural(plan.amount.files, 'file')} ({text.size(plan.amount.size_bytes)})"
    )
    remark_troubles(console, plan.troubles)
    return 1 if plan.troubles else 0


def _plan_pull(session: Session, choice: Choice) -> int:
    from tracker.maintenance.scratch import scratch_folder  # noqa: PLC0415
    from tracker.team.plan import plan_pull  # noqa: PLC0415
    from tracker.team.pull import ServerSource  # noqa: PLC0415

    console, options = session.console, session.options
    with _server(session, PATIENCE_SECONDS) as server, scratch_folder() as folder:
        exists = session.path.exists()
        client = session.reading if exists else TrackingClient(folder / "tracking.db")
        source = ServerSource(server, client, choice, options.allow)
        plan = plan_pull(client, source, with_artifacts=not options.no_artifacts)
    console.line(
        f"{text.plural(plan.runs_new, 'run')} to bring, {plan.runs_here:,} here already; "
        f"{text.plural(len(plan.experiments_new), 'experiment')} to create; "
        f"{text.plural(plan.amount.files, 'file')} ({text.size(plan.amount.size_bytes)})"
    )
    remark_troubles(console, plan.troubles)
    return 1 if plan.troubles else 0


def _report(session: Session, tally: Tally) -> int:
    console = session.console
    console.line(
        f"{text.plural(tally.runs - tally.runs_unchanged, 'run')} sent and verified, "
        f"{tally.runs_unchanged:,} unchanged; {text.plural(tally.points_sent, 'point')}, "
        f"{text.plural(tally.files_sent, 'file')} ({text.size(tally.size_sent_bytes)})"
    )
    report_models(console, tally.versions_sent, tally.notes)
    if tally.runs_running:
        console.remark(
            f"{text.plural(tally.runs_running, 'run')} still running: push again when done, or "
            f"with --follow."
        )
    remark_troubles(console, tally.troubles)
    return 1 if tally.troubles else 0


class _Outages:
    """Says that a server is silent or busy, at most once a minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def remark(self, problem: ServerError, pause_seconds: float) -> None:
        """Write why a request will be tried again."""
        if pause_seconds >= 1 and time.monotonic() >= self._next:
            self._next = time.monotonic() + _REMARK_EVERY_SECONDS
            self._console.remark(f"{problem} Trying again.")


class _Progress:
    """What was sent, how fast and how long it will take, on one line of a terminal.

    Args:
        console: Its standard error is used.
        tally: What was sent.
        total: What is to be sent, or there already.
        runs: How many runs that is.
    """

    def __init__(self, console: Console, tally: Tally, total: Amount, runs: int) -> None:
        self._err = console.err
        self._tally = tally
        self._total = total
        self._runs = runs
        self._shows = self._err.isatty() and os.environ.get("TERM") != "dumb"
        self._started = time.monotonic()
        self._next = 0.0

    def __enter__(self) -> Self:
        if self._shows:
            self._tally.changed = self._show
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            self._tally.changed = lambda: None
            self._err.write("\r\x1b[K")
            self._err.flush()

    def _show(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_SECONDS
            self._err.write(f"\r\x1b[K{self._line(now - self._started)}")
            self._err.flush()

    def _line(self, seconds: float) -> str:
        tally, total = self._tally, self._total
        done = tally.points + tally.size_bytes / _BYTES_A_POINT
        work = total.points + total.size_bytes / _BYTES_A_POINT
        left = seconds * (work - done) / done if 0 < done < work else 0.0
        rate = tally.points_sent / seconds if seconds else 0.0
        return (
            f"{tally.runs:,}/{self._runs:,} runs, {tally.points:,}/{total.points:,} points "
            f"({rate:,.0f}/s), {text.size(tally.size_bytes)}/{text.size(total.size_bytes)}, "
            f"{text.duration(left)} left"
        )
