"""The active runs of each thread: started, resumed, nested, ended.

Runs still open when the interpreter ends are closed: FINISHED, or FAILED after an uncaught
exception, KILLED after Ctrl-C. A process that is killed closes nothing; whoever opens the database
next marks its runs FAILED.

A forked child logs to the run that was active in its parent and may nest runs of its own in it.
Only the process that started a run ends it: where the child leaves the block or calls `end_run`,
the run just stops being active in the child.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker import context, environment, system_metrics
from tracker.current import check_belongs_here, current_experiment_id, get_client
from tracker.entities import LifecycleStage, Run, RunStatus
from tracker.exceptions import (
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    TrackerError,
    warn,
)
from tracker.tags import (
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    TRACKER_EXCEPTION_MESSAGE,
    TRACKER_EXCEPTION_TYPE,
    TRACKER_FAILURE_REASON,
)
from tracker.validation import MAX_TAG_VALUE, check_mapping, check_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from tracker.client import TrackingClient
    from tracker.system_metrics import SystemMetrics

__all__ = [
    "ActiveRun",
    "active_run",
    "end_run",
    "last_active_run",
    "start_run",
]

EXCEPTION_FILE = "exception.txt"
MAX_REASON = 500


class ActiveRun(Run):
    """A run that ends with its `with` block.

    FINISHED at the end of the block, KILLED by Ctrl-C, FAILED by any other exception, which goes
    on to the caller. A failed run keeps the exception's type and message as tags and the traceback
    as the artifact `exception.txt`.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _end_through(self.info.run_id, error)


@dataclass(slots=True, eq=False)
class _OpenRun:
    """A run that this process will end, through the client that started it."""

    run_id: str
    run: ActiveRun
    client: TrackingClient
    pid: int
    error_before: BaseException | None
    sampler: SystemMetrics | None


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.stack: list[_OpenRun] = []
        self.last_run_id: str | None = None


# The open runs of all threads, in the order in which they were started.
_open_runs: list[_OpenRun] = []
_local = _PerThread()


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,  # noqa: FBT001, FBT002
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,  # noqa: FBT001
) -> ActiveRun:
    """Start a run, or resume one by its id, and make it the active run of this thread.

    Args:
        run_id: The run to resume. Default: the environment variable `TRACKER_RUN_ID` or
            `MLFLOW_RUN_ID`, which counts once; a new run otherwise, or if `parent_run_id` is given.
        experiment_id: The experiment of a new run; the current experiment by default.
        run_name: A random name by default.
        nested: Start the run below the active one.
        parent_run_id: Start the run below this one, which must be the active run if there is one.
        tags: Its first tags.
        description: A note in Markdown.
        log_system_metrics: Sample CPU, memory and GPU use into the run; None follows
            `enable_system_metrics_logging`, which is off by default.

    Raises:
        InvalidStateError: A run is active and `nested` is not set, or `parent_run_id` is another
            run; or the run, its parent or its experiment is deleted; or the run to resume belongs
            to another experiment than the one `set_experiment` chose.
        InvalidValueError: The note is given twice, or the key of a tag breaks a rule.
        NotFoundError: There is no such run or experiment.
        UnsupportedError: System metrics are asked for and psutil is not installed.

    Example::

        with tracker.start_run(run_name="baseline") as run:
            tracker.log_metric("loss", 0.3)
        print(run.info.run_id)
    """
    stack = _local.stack
    if stack and not nested:
        raise InvalidStateError(
            f"The run {stack[-1].run_id!r} is active already: end it with `end_run()` first, "
            f"or start this one with nested=True."
        )
    client = get_client()
    wanted = _to_resume(client, run_id, parent_run_id)
    first_tags = _first_tags(tags, description)
    samples = system_metrics.is_wanted() if log_system_metrics is None else log_system_metrics
    sampler = system_metrics.sampler(client) if samples else None
    if wanted:
        run = _resume(client, wanted, run_name, first_tags)
    else:
        parent = _parent(client, parent_run_id)
        home = current_experiment_id() if experiment_id is None else experiment_id
        run = _create(client, home, parent, first_tags, run_name)
    opened = _open(client, run, sampler)
    if sampler is not None:
        _start_or_fail(sampler, opened)
    return opened.run


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End the active run of this thread, if there is one.

    In a forked child a run of the parent only stops being active.

    Args:
        status: FINISHED, FAILED or KILLED; "FINISHED" by default.

    Raises:
        InvalidValueError: There is no such status; the run goes on.
    """
    if _local.stack:
        _end_last(status)


@contextlib.contextmanager
def added_to(run_id: str) -> Iterator[ActiveRun]:
    """Make a run that has ended the active run of a block; its status and times stay as they are.

    Args:
        run_id: The run, whose process may be another one.

    Raises:
        NotFoundError: There is no such run.
        InvalidStateError: The run belongs to another experiment than the one that is set.
    """
    client = get_client()
    check_belongs_here(client, run_id)
    opened = _open(client, client.get_run(run_id), None)
    try:
        yield opened.run
    finally:
        _local.stack.remove(opened)
        _open_runs.remove(opened)


def active_run() -> ActiveRun | None:
    """The active run of this thread as it was when it started; None if there is none."""
    return _local.stack[-1].run if _local.stack else None


def last_active_run() -> Run | None:
    """The active run of this thread, or the one that was active last, with its present data."""
    run_id = _local.last_run_id
    return None if run_id is None else get_client().get_run(run_id)


def active_run_id() -> str:
    """The id of the active run; starts a run if there is none."""
    stack = _local.stack
    return stack[-1].run_id if stack else start_run().info.run_id


def _open(client: TrackingClient, run: Run, sampler: SystemMetrics | None) -> _OpenRun:
    active = ActiveRun(run.info, run.data, run.inputs)
    opened = _OpenRun(run.info.run_id, active, client, os.getpid(), _uncaught_error(), sampler)
    _local.stack.append(opened)
    _open_runs.append(opened)
    _local.last_run_id = opened.run_id
    return opened


def _start_or_fail(sampler: SystemMetrics, opened: _OpenRun) -> None:
    try:
        sampler.start(opened.run_id)
    except BaseException as error:
        _end_through(opened.run_id, error)
        raise


def _to_resume(client: TrackingClient, run_id: str | None, parent_run_id: str | None) -> str | None:
    """The run to resume: the one that is named, else the environment's, which counts once."""
    if not run_id:
        # A parent that is named asks for a new run.
        return None if parent_run_id else environment.pop(environment.TRACKER_RUN_ID)
    try:
        client.store.get_run_info(run_id)
    except NotFoundError as error:
        raise NotFoundError(f"{error} A new run is given a name by run_name={run_id!r}.") from error
    return run_id


def _first_tags(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, Any]:
    check_mapping("tag", tags or {})
    first = dict(tags or {})
    if description is None:
        return first
    if MLFLOW_RUN_NOTE in first:
        raise InvalidValueError(
            f"The note is given twice: leave out description, or the tag {MLFLOW_RUN_NOTE!r}."
        )
    return first | {MLFLOW_RUN_NOTE: description}


def _parent(client: TrackingClient, wanted: str | None) -> str | None:
    """The parent of a new run: the active run, or the one asked for if none is active."""
    active = _local.stack[-1].run_id if _local.stack else None
    parent = wanted or active
    if parent is None:
        return None
    if active is not None and parent != active:
        raise InvalidStateError(
            f"The run {active!r} is active and would be the parent, not {parent!r}: leave out "
            f"parent_run_id, or end the active run with `end_run()` first."
        )
    info = client.store.get_run_info(parent)
    if wanted and info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidStateError(
            f"The run {parent!r} is deleted and cannot be a parent: restore it with "
            f"`restore_run({parent!r})` first."
        )
    return parent


def _create(
    client: TrackingClient,
    experiment_id: str,
    parent: str | None,
    tags: dict[str, Any],
    run_name: str | None,
) -> Run:
    if parent is not None:
        tags = tags | {MLFLOW_PARENT_RUN_ID: parent}
    if run_name:
        tags = tags | {MLFLOW_RUN_NAME: run_name}
    run = client.create_run(experiment_id, None, context.run_tags() | tags, run_name)
    if parent is None and context.enabled():
        _capture_files(client, run.info.run_id)
    return run


def _capture_files(client: TrackingClient, run_id: str) -> None:
    try:
        client.artifacts(run_id).log_contents(context.run_files())
    except TrackerError as error:  # The run goes on without the list of its packages.
        warn(f"The run's environment is not kept: {error}")


def _resume(client: TrackingClient, run_id: str, run_name: str | None, tags: dict[str, Any]) -> Run:
    check_belongs_here(client, run_id)
    client.resume_run(run_id)
    if run_name:
        client.update_run(run_id, name=run_name)
    if tags:
        client.set_tags(run_id, tags)
    return client.get_run(run_id)


def _status_after(error: BaseException | None) -> RunStatus:
    if error is None:
        return RunStatus.FINISHED
    return RunStatus.KILLED if isinstance(error, KeyboardInterrupt) else RunStatus.FAILED


def _end_last(status: str, error: BaseException | None = None) -> None:
    final = check_status(status)
    ended = _local.stack.pop()
    _local.last_run_id = ended.run_id
    _end(ended, final, error)


def _end(ended: _OpenRun, status: str, error: BaseException | None) -> None:
    """End a run of this process; where that fails beside an exception, the exception goes on."""
    if ended not in _open_runs:  # At the end of the interpreter, before an object's `__del__`.
        return
    if ended.pid == os.getpid():
        if ended.sampler is not None:
            ended.sampler.stop()
        try:
            ended.client.set_terminated(ended.run_id, status)
            if error is not None and status == RunStatus.FAILED:
                _record_exception(ended, error)
        except TrackerError as failure:
            if error is None:
                raise
            error.add_note(f"The end of the run {ended.run_id!r} is not recorded: {failure}")
    _open_runs.remove(ended)


def _record_exception(ended: _OpenRun, error: BaseException) -> None:
    """Keep type and message as tags, and the traceback as the artifact `exception.txt`."""
    whole = traceback.TracebackException.from_exception(error)
    kind, message = type(error).__qualname__, context.readable(str(whole))
    first_line = (message.strip().splitlines() or [""])[0]
    tags = {
        TRACKER_FAILURE_REASON: f"{kind}: {first_line}".removesuffix(": ")[:MAX_REASON],
        TRACKER_EXCEPTION_TYPE: kind,
        TRACKER_EXCEPTION_MESSAGE: message[:MAX_TAG_VALUE],
    }
    ended.client.set_tags(ended.run_id, tags)
    text = context.readable("".join(whole.format()))
    ended.client.log_text(ended.run_id, text, EXCEPTION_FILE)


def _end_through(run_id: str, error: BaseException | None) -> None:
    """End a run, and before it the runs left open inside it."""
    while any(entry.run_id == run_id for entry in _local.stack):
        is_innermost = _local.stack[-1].run_id == run_id
        _end_last(_status_after(error), error)
        if is_innermost:
            return


@atexit.register
def _end_open_runs() -> None:
    """Close the open runs when the interpreter ends."""
    uncaught = _uncaught_error()
    for entry in reversed(_open_runs.copy()):
        error = None if uncaught is entry.error_before else uncaught
        with contextlib.suppress(TrackerError):
            _end(entry, _status_after(error), error)


def _uncaught_error() -> BaseException | None:
    """The exception that ends the interpreter; in an interactive one, the last one shown."""
    return getattr(sys, "last_value", None)
