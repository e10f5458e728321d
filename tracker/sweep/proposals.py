"""What to try next: Optuna's samplers and pruners, which know the trials from their runs.

The tracking database is the search's only memory: before every ask, a study of Optuna's is brought
up to date with the trials. It can be made anew from them at any time.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import UnsupportedError
from tracker.sweep.space import Choices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

    from tracker.sweep.settings import SweepSettings
    from tracker.sweep.space import Parameter, Space, Value
    from tracker.sweep.trials import TrialRecord

STARTUP_TRIALS: Final = 6
"""Complete trials before the first is pruned."""
KNOWN_TO_OPTUNA: Final = ("COMPLETE", "PRUNED", "RUNNING")
"""States of trials that Optuna has by the same name; all others have failed."""


def load_optuna() -> ModuleType:
    """The package optuna, which says nothing of its own.

    Raises:
        UnsupportedError: It is not installed.
    """
    try:
        import optuna  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UnsupportedError("A sweep needs Optuna: pip install 'ml-tracker[sweep]'.") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def experimental() -> Iterator[None]:
    """A block that uses what Optuna warns may change: tried with Optuna 5."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", load_optuna().exceptions.ExperimentalWarning)
        yield


class Proposer:
    """Proposes trials from those before; what it asks is kept from one ask to the next.

    Nothing depends on that: a new one proposes the same.

    Args:
        space: What to search.
        settings: How.
    """

    def __init__(self, space: Space, settings: SweepSettings) -> None:
        self._space, self._settings = space, settings
        self._domains: dict[str, Any] = {}
        self._storage: Any = None
        self._study: Any = None
        self._taken: list[TrialRecord] = []

    def propose(
        self, trials: Sequence[TrialRecord], again: Mapping[str, Value] | None = None
    ) -> Any | None:
        """Ask for the next trial.

        Args:
            trials: All trials so far, the running ones too.
            again: Parameters to try once more, in place of new ones.

        Returns:
            An Optuna trial, which knows its parameters (see `chosen`) and the trials before it;
            None if a grid is exhausted.
        """
        params = again
        if params is None and self._settings.sampler == "grid":
            params = self._next_of_grid(trials)
            if params is None:
                return None
        study = self.study(trials)
        study.sampler = build_sampler(self._settings, len(trials))
        if params is not None:
            study.enqueue_trial(encoded(params))
        asked = study.ask()
        chosen(self._space, asked)
        return asked

    def study(self, trials: Sequence[TrialRecord]) -> Any:
        """A study in memory that has these trials.

        It is the one of the last call, brought up to date, if since then trials have only come and
        ended. A study gives up no trial and changes none that has ended: otherwise it is a new one.
        """
        new = [place for place, trial in enumerate(trials) if not self._has(place, trial)]
        if self._study is None or not self._can_take(new, trials):
            self._begin()
            new = list(range(len(trials)))
        for place in new:
            self._take(place, trials[place])
        return self._study

    def _next_of_grid(self, trials: Sequence[TrialRecord]) -> dict[str, Value] | None:
        tried = {json.dumps(trial.params, sort_keys=True) for trial in trials}
        left = (p for p in self._space.grid() if json.dumps(p, sort_keys=True) not in tried)
        return next(left, None)

    def _begin(self) -> None:
        optuna = load_optuna()
        self._taken = []  # first of all: Ctrl-C may come at any point
        self._domains = {each.name: distribution(each) for each in self._space.parameters}
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            direction=self._settings.direction,
            pruner=build_pruner(self._settings),
        )

    def _has(self, place: int, trial: TrialRecord) -> bool:
        """Whether the study has taken this trial as it is now."""
        if place >= len(self._taken):
            return False
        return self._taken[place] is trial or self._taken[place] == trial

    def _can_take(self, new: Sequence[int], trials: Sequence[TrialRecord]) -> bool:
        known = self._study.get_trials(deepcopy=False)
        return len(known) <= len(trials) and all(
            self._can_become(known[place], trials[place], is_asked=place >= len(self._taken))
            for place in new
            if place < len(known)
        )

    @staticmethod
    def _can_become(known: Any, trial: TrialRecord, *, is_asked: bool) -> bool:
        """Whether a trial of the study was at work so far and may be this one.

        One that was asked for here holds, while it is at work, parameters that were drawn and do
        not apply, of which its run knows nothing.
        """
        return (
            known.state.name == "RUNNING"
            and not (is_asked and trial.state == "RUNNING")
            and known.params == encoded(trial.params)
            and known.intermediate_values.keys() <= trial.intermediate_values.keys()
        )

    def _take(self, place: int, trial: TrialRecord) -> None:
        wanted = self._as_optuna(trial)
        known = self._study.get_trials(deepcopy=False)
        if place == len(known):
            self._study.add_trial(wanted)
        else:
            trial_id = known[place]._trial_id  # noqa: SLF001 -- what the storage goes by
            for step, value in wanted.intermediate_values.items():
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            if wanted.state != known[place].state:
                self._storage.set_trial_state_values(trial_id, wanted.state, wanted.values)
        self._taken[place : place + 1] = [trial]

    def _as_optuna(self, trial: TrialRecord) -> Any:
        states = load_optuna().trial.TrialState
        state = states[trial.state] if trial.state in KNOWN_TO_OPTUNA else states.FAIL
        params = encoded({key: v for key, v in trial.params.items() if key in self._domains})
        return load_optuna().trial.create_trial(
            state=state,
            value=trial.value if trial.is_complete else None,
            params=params,
            distributions={name: self._domains[name] for name in params},
            intermediate_values=trial.intermediate_values,
        )


def chosen(space: Space, trial: Any) -> dict[str, Value]:
    """The parameters of an Optuna trial; those not chosen yet are chosen now."""
    params: dict[str, Value] = {}
    for parameter in space.parameters:
        if parameter.applies_to(params):
            params[parameter.name] = _decoded(parameter, _suggested(parameter, trial))
    return params


def _suggested(parameter: Parameter, trial: Any) -> Any:
    name, domain = parameter.name, parameter.domain
    if isinstance(domain, Choices):
        return trial.suggest_categorical(name, [_plain(value) for value in domain.values])
    if domain.is_integer:
        step = int(domain.step or 1)
        return trial.suggest_int(name, domain.low, domain.high, log=domain.log, step=step)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log, step=domain.step)


def build_sampler(settings: SweepSettings, number: int | None) -> Any:
    """The sampler of a trial: the same number and history give the same proposal.

    Args:
        settings: Name the sampler and the seed.
        number: Of the trial; None for a sampler of random seed.
    """
    optuna = load_optuna()
    content = f"{settings.seed}:{number}".encode()
    digest = hashlib.sha256(content).digest()
    seed = None if number is None else int.from_bytes(digest[:4])
    if settings.sampler != "tpe":
        return optuna.samplers.RandomSampler(seed=seed)
    with experimental():
        return optuna.samplers.TPESampler(
            seed=seed,
            multivariate=True,
            group=True,  # conditional parameters are searched where they apply
            constant_liar=True,  # the running trials of other workers count as bad ones
            n_startup_trials=settings.startup_trials,
        )


def build_pruner(settings: SweepSettings) -> Any:
    """The pruner of a sweep."""
    pruners = load_optuna().pruners
    if settings.pruner == "none":
        return pruners.NopPruner()
    return pruners.MedianPruner(
        n_startup_trials=STARTUP_TRIALS, n_warmup_steps=settings.warmup_steps
    )


def distribution(parameter: Parameter) -> Any:
    """A parameter's domain in Optuna's terms."""
    distributions, domain = load_optuna().distributions, parameter.domain
    if isinstance(domain, Choices):
        return distributions.CategoricalDistribution([_plain(value) for value in domain.values])
    if domain.is_integer:
        step = int(domain.step or 1)
        return distributions.IntDistribution(domain.low, domain.high, log=domain.log, step=step)
    return distributions.FloatDistribution(
        domain.low, domain.high, log=domain.log, step=domain.step
    )


def importances(
    space: Space, settings: SweepSettings, trials: Sequence[TrialRecord]
) -> dict[str, float]:
    """How much each parameter matters for the objective (PED-ANOVA), the most important first.

    Args:
        space: What was searched.
        settings: How.
        trials: All trials.

    Returns:
        Fractions that add up to 1; empty before there are enough complete trials.
    """
    optuna = load_optuna()
    study = Proposer(space, settings).study([trial for trial in trials if trial.is_complete])
    if len(study.trials) < STARTUP_TRIALS:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        found: dict[str, float] = optuna.importance.get_param_importances(
            study, evaluator=evaluator
        )
    except (RuntimeError, ValueError):  # all values equal, or no parameter common to all trials
        return {}
    return dict(found)


def encoded(params: Mapping[str, Value]) -> dict[str, Any]:
    """Parameters as Optuna takes them."""
    return {name: _plain(value) for name, value in params.items()}


def decoded(space: Space, params: Mapping[str, Any]) -> dict[str, Value]:
    """Parameters as the space has them, from those of an Optuna trial."""
    known = {parameter.name: parameter for parameter in space.parameters}
    return {name: _decoded(known[name], value) for name, value in params.items() if name in known}


def _plain(value: Value) -> Any:
    """Optuna's choices are scalars: a list stands as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _decoded(parameter: Parameter, value: Any) -> Value:
    if not isinstance(parameter.domain, Choices):
        return value
    return next(each for each in parameter.domain.values if _plain(each) == value)
