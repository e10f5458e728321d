"""From what a person types to the run or experiment that is meant: its id, its name or a start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.entities import LifecycleStage, RunInfo
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.store import lookup
from tracker.text import did_you_mean, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.entities import Experiment
    from tracker.store import Store

SHORT_ID: Final = 8
_MAX_CANDIDATES: Final = 50
_MAX_LISTED: Final = 5
_MAX_NAMES: Final = 10_000


def find_run(store: Store, text: str) -> RunInfo:
    """The one run with this id or name, or whose id or, failing that, whose name starts so.

    An active run goes before deleted ones of the same name.

    Args:
        store: Where to look (`TrackingClient.store`).
        text: A run's id, its name, or the start of either.

    Raises:
        NotFoundError: There is no such run; the message names the nearest.
        InvalidValueError: There are several; the message lists them.
    """
    with store.database.read() as connection:
        by_id = lookup.runs_with_id_prefix(connection, text, _MAX_CANDIDATES) if text else []
        if by_id and by_id[0].run_id == text:
            return by_id[0]
        named = lookup.runs_named(connection, text, _MAX_CANDIDATES)
        found = {info.run_id: info for info in (*named, *by_id)}
        if not found and text:
            started = lookup.runs_with_name_prefix(connection, text, _MAX_CANDIDATES)
            found = {info.run_id: info for info in started}
        if not found:
            names = lookup.run_names(connection, _MAX_NAMES)
            raise NotFoundError(f"There is no run {text!r}{did_you_mean(text, names) or '.'}")
    return _only_one(text, list(found.values()))


def find_runs(store: Store, texts: Sequence[str]) -> list[RunInfo]:
    """One run per text, each run once.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: There are several.
    """
    return list({info.run_id: info for info in (find_run(store, text) for text in texts)}.values())


def find_experiment(store: Store, text: str) -> Experiment:
    """The experiment of this name, else of this id, else the only one whose name starts so.

    Raises:
        NotFoundError: There is none; the message names the nearest.
    """
    if named := store.get_experiment_by_name(text):
        return named
    with store.database.read() as connection:
        names = lookup.experiment_names(connection)
    started = [each for each, name in names.items() if text and name.startswith(text)]
    for ids in (names.keys() & {text}, started):
        if len(ids) == 1:
            return store.get_experiment(next(iter(ids)))
    hint = did_you_mean(text, names.values()) or "."
    raise NotFoundError(f"There is no experiment {text!r}{hint}")


def find_experiments(store: Store, texts: Sequence[str]) -> list[Experiment]:
    """One experiment per text, each experiment once.

    Raises:
        NotFoundError: There is no such experiment.
    """
    found = [find_experiment(store, text) for text in texts]
    return list({experiment.experiment_id: experiment for experiment in found}.values())


def experiment_ids(store: Store, texts: Sequence[str]) -> list[str]:
    """The ids of the named experiments; of all experiments if none is named.

    Raises:
        NotFoundError: There is no such experiment.
    """
    if texts:
        return [experiment.experiment_id for experiment in find_experiments(store, texts)]
    with store.database.read() as connection:
        return list(lookup.experiment_names(connection))


def describe(info: RunInfo) -> str:
    """A run in a message: its name with the start of its id."""
    short = info.run_id[:SHORT_ID]
    return f"{info.run_name!r} ({short})" if info.run_name else short


def _only_one(text: str, found: Sequence[RunInfo]) -> RunInfo:
    active = [info for info in found if info.lifecycle_stage == LifecycleStage.ACTIVE]
    candidates = active or list(found)
    if len(candidates) == 1:
        return candidates[0]
    listed = (f"{info.run_id[:SHORT_ID]} ({info.run_name})" for info in candidates[:_MAX_LISTED])
    more = ", …" if len(candidates) > _MAX_LISTED else ""
    raise InvalidValueError(
        f"{text!r} fits {plural(len(candidates), 'run')}: {', '.join(listed)}{more}; "
        "name one by its id."
    )
