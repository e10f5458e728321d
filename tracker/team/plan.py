"""What a push would send or a pull would bring, without doing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker import tags
from tracker.entities import LifecycleStage, RunStatus
from tracker.exceptions import ServerUnreachableError, TrackerError
from tracker.store import runs as run_rows
from tracker.store import transfer
from tracker.team.push import (
    by_experiment,
    copies_of,
    deleted_copy,
    deleted_experiment,
    is_active,
    with_parents,
)
from tracker.team.replay import local_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracker.client import TrackingClient
    from tracker.entities import Run
    from tracker.files import ArtifactStore
    from tracker.team.pull import ServerSource
    from tracker.team.server import Server


@dataclass
class Amount:
    """Points, files and their bytes of some runs."""

    points: int = 0
    files: int = 0
    size_bytes: int = 0


@dataclass
class PushPlan:
    """What a push would send.

    Args:
        experiments_new: Names of experiments that the server lacks.
        runs_new: Runs without a copy.
        runs_unfinished: Runs whose copies are not complete, or that have changed since.
        runs_unchanged: Runs that are there as they are here.
        amount: What the new and unfinished runs hold; some of it may be there.
        troubles: Sentences about what cannot be sent.
    """

    experiments_new: list[str] = field(default_factory=list)
    runs_new: int = 0
    runs_unfinished: int = 0
    runs_unchanged: int = 0
    amount: Amount = field(default_factory=Amount)
    troubles: list[str] = field(default_factory=list)


@dataclass
class PullPlan:
    """What a pull would bring.

    Args:
        experiments_new: Names of experiments that are not here.
        runs_new: Runs that are not here.
        runs_here: Runs that are here; they would gain what they lack.
        amount: Files of the new runs; how many points they have, only a pull can tell.
        troubles: Sentences about files that cannot be brought.
    """

    experiments_new: list[str] = field(default_factory=list)
    runs_new: int = 0
    runs_here: int = 0
    amount: Amount = field(default_factory=Amount)
    troubles: list[str] = field(default_factory=list)


def plan_pull(client: TrackingClient, source: ServerSource, *, with_artifacts: bool) -> PullPlan:
    """What a pull into a database would bring; nothing is written.

    Raises:
        ServerError: The server refuses, or does not answer.
        NotFoundError: It has no such experiment.
    """
    plan = PullPlan()
    for experiment in source.experiments():
        run_ids = source.run_ids(experiment.experiment_id)
        is_new = client.get_experiment_by_name(experiment.name) is None
        if is_new and (run_ids or source.choice.is_whole):
            plan.experiments_new.append(experiment.name)
        for run_id in run_ids:
            with client.store.database.read() as connection:
                is_here = run_rows.find_info(connection, run_id) is not None
            plan.runs_here += is_here
            plan.runs_new += not is_here
            if with_artifacts and not is_here:
                _plan_files(plan, source, source.get_run(run_id))
    plan.troubles += source.unfound()
    return plan


def plan_push(client: TrackingClient, server: Server, run_ids: Iterable[str]) -> PushPlan:
    """What a push of runs would send; nothing is written anywhere.

    Raises:
        ServerError: The server refuses, or does not answer.
    """
    plan = PushPlan()
    for experiment_id, runs in by_experiment(with_parents(client, run_ids)).items():
        name = client.get_experiment(experiment_id).name
        target = server.experiment_named(name)
        if target is not None and target.lifecycle_stage == LifecycleStage.DELETED:
            plan.troubles.append(deleted_experiment(name))
            continue
        copies = {} if target is None else copies_of(server, target, runs)
        if target is None:
            plan.experiments_new.append(name)
        for run in runs:
            _plan_run(client, plan, run, copies.get(run.info.run_id, []))
    return plan


def amount_of(client: TrackingClient, run_ids: Iterable[str]) -> Amount:
    """What runs hold."""
    total = Amount()
    for run_id in run_ids:
        with client.store.database.read() as connection:
            total.points += transfer.count_points(connection, run_id)
        try:
            _add_files(total, client.artifacts(run_id))
        except TrackerError:  # The push will say so.
            continue
    return total


def _add_files(amount: Amount, store: ArtifactStore) -> None:
    for info in store.walk():
        amount.files += 1
        amount.size_bytes += info.file_size or 0


def _plan_files(plan: PullPlan, source: ServerSource, run: Run) -> None:
    try:
        _add_files(plan.amount, source.artifacts(run))
    except ServerUnreachableError:
        raise
    except TrackerError as error:
        plan.troubles.append(f"Files of run {run.info.run_id}: {error}")


def _plan_run(client: TrackingClient, plan: PushPlan, run: Run, copies: Sequence[Run]) -> None:
    active = [copy for copy in copies if is_active(copy)]
    if copies and not active:
        plan.troubles.append(deleted_copy(run, copies[0]))
        return
    if not active:
        plan.runs_new += 1
    elif _is_unchanged(client, run, active[0]):
        plan.runs_unchanged += 1
        return
    else:
        plan.runs_unfinished += 1
    found = amount_of(client, [run.info.run_id])
    plan.amount.points += found.points
    plan.amount.files += found.files
    plan.amount.size_bytes += found.size_bytes


def _is_unchanged(client: TrackingClient, run: Run, copy: Run) -> bool:
    known = copy.data.tags.get(tags.TRACKER_DIGEST)
    is_same = RunStatus.is_terminated(run.info.status) and copy.info.status == run.info.status
    return is_same and known == local_digest(client, run.info.run_id).text
