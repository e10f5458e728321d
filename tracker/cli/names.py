"""From what a user types to the run or experiment that is meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from tracker.cli.plain import plural
from tracker.entities import LifecycleStage, RunInfo, ViewType
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.store import lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.entities import Experiment
    from tracker.store import Store

SHORT_ID: Final = 8
_CANDIDATES: Final = 50
_NAMES: Final = 10_000


def find_run(store: Store, text: str) -> RunInfo:
    """The one run with this id or name, or with this start of an id or, failing that, of a name.

    An active run goes before deleted ones of the same name.

    Raises:
        NotFoundError: No run fits; names the nearest.
        InvalidValueError: Several fit; lists them.
    """
    with store.database.read() as connection:
        by_id = lookup.runs_with_id_prefix(connection, text, _CANDIDATES) if text else []
        if by_id and by_id[0].run_id == text:
            return by_id[0]
        named = lookup.runs_named(connection, text, _CANDIDATES)
        known = {info.run_id: info for info in (*named, *by_id)}
        if not known and text:
            started = lookup.runs_with_name_prefix(connection, text, _CANDIDATES)
            known = {info.run_id: info for info in started}
        if not known:
            names = lookup.run_names(connection, _NAMES)
            raise NotFoundError(f"There is no run {text!r}{_did_you_mean(text, names)}")
    return _only(text, list(known.values()))


def find_runs(store: Store, texts: Sequence[str]) -> list[RunInfo]:
    """One run a text, each run once.

    Raises:
        NotFoundError: A text fits no run.
        InvalidValueError: A text fits several runs.
    """
    return list({info.run_id: info for info in (find_run(store, text) for text in texts)}.values())


def find_experiment(store: Store, text: str) -> Experiment:
    """The experiment of this name, else of this id, else the only one whose name starts so.

    Raises:
        NotFoundError: There is none; names the nearest.
    """
    if named := store.get_experiment_by_name(text):
        return named
    with store.database.read() as connection:
        summaries = lookup.experiment_summaries(connection, ViewType.ALL)
    started = [each.experiment_id for each in summaries if each.name.startswith(text) and text]
    for ids in ({each.experiment_id for each in summaries} & {text}, started):
        if len(ids) == 1:
            return store.get_experiment(next(iter(ids)))
    hint = _did_you_mean(text, [summary.name for summary in summaries])
    raise NotFoundError(f"There is no experiment {text!r}{hint}")


def find_experiments(store: Store, texts: Sequence[str]) -> list[Experiment]:
    """One experiment a text, each experiment once.

    Raises:
        NotFoundError: There is no such experiment.
    """
    found = [find_experiment(store, text) for text in texts]
    return list({experiment.experiment_id: experiment for experiment in found}.values())


def experiment_ids(store: Store, texts: Sequence[str]) -> list[str]:
    """The ids of the experiments named, of all where none is.

    Raises:
        NotFoundError: There is no such experiment.
    """
    if texts:
        return [experiment.experiment_id for experiment in find_experiments(store, texts)]
    with store.database.read() as connection:
        summaries = lookup.experiment_summaries(connection, ViewType.ALL)
    return [summary.experiment_id for summary in summaries]


def describe(info: RunInfo) -> str:
    """A run in a message: its name with the start of its id."""
    short = info.run_id[:SHORT_ID]
    return f"{info.run_name!r} ({short})" if info.run_name else short


def _only(text: str, found: Sequence[RunInfo]) -> RunInfo:
    active = [info for info in found if info.lifecycle_stage == LifecycleStage.ACTIVE]
    candidates = active or list(found)
    if len(candidates) == 1:
        return candidates[0]
    shown = ", ".join(f"{info.run_id[:SHORT_ID]} ({info.run_name})" for info in candidates[:5])
    more = ", …" if len(candidates) > 5 else ""  # noqa: PLR2004
    raise InvalidValueError(
        f"{text!r} fits {plural(len(candidates), 'run')}: {shown}{more}; name one by its id."
    )


def _did_you_mean(text: str, known: Sequence[str]) -> str:
    close = get_close_matches(text, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
