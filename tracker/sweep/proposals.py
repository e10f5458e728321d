"""What to try next: Optuna's samplers and pruners, re-created from the trials at every ask.

The tracking database is the search's only memory. Re-creating a study of 1,000 trials and asking it
costs a tenth of a second of CPU, less than an epoch of a small network.
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


def propose(
    space: Space,
    settings: SweepSettings,
    trials: Sequence[TrialRecord],
    again: Mapping[str, Value] | None = None,
) -> Any | None:
    """Ask for the next trial.

    Args:
        space: What to search.
        settings: How.
        trials: All trials so far, the running ones too.
        again: Parameters to try once more, in place of new ones.

    Returns:
        An Optuna trial, which knows its parameters (see `chosen`) and the trials before it; None if
        a grid is exhausted.
    """
    study, params = build_study(space, settings, trials), again
    if params is None and settings.sampler == "grid":
        tried = {json.dumps(trial.params, sort_keys=True) for trial in trials}
        left = (each for each in space.grid() if json.dumps(each, sort_keys=True) not in tried)
        params = next(left, None)
        if params is None:
            return None
    if params is not None:
        study.enqueue_trial(encoded(params))
    trial = study.ask()
    chosen(space, trial)
    return trial


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


def build_study(space: Space, settings: SweepSettings, trials: Sequence[TrialRecord]) -> Any:
    """A study in memory that knows the trials."""
    optuna = load_optuna()
    study = optuna.create_study(
        direction=settings.direction,
        sampler=build_sampler(settings, len(trials)),
        pruner=build_pruner(settings),
    )
    domains = {parameter.name: distribution(parameter) for parameter in space.parameters}
    study.add_trials([_as_optuna(optuna, domains, trial) for trial in trials])
    return study


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
    study = build_study(space, settings, [trial for trial in trials if trial.is_complete])
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


def _as_optuna(optuna: ModuleType, domains: Mapping[str, Any], trial: TrialRecord) -> Any:
    states = optuna.trial.TrialState
    state = states[trial.state] if trial.state in KNOWN_TO_OPTUNA else states.FAIL
    params = encoded({name: value for name, value in trial.params.items() if name in domains})
    return optuna.trial.create_trial(
        state=state,
        value=trial.value if trial.is_complete else None,
        params=params,
        distributions={name: domains[name] for name in params},
        intermediate_values=trial.intermediate_values,
    )
