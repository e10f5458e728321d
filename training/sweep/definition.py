"""What a sweep searches: the section `sweep` of the configuration, and a trial's configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tracker.exceptions import InvalidValueError
from tracker.sweep import Choices, Space, SweepSettings, parse_space
from tracker.text import did_you_mean
from training.config import BOTH_METRICS, Config, ModelConfig
from training.errors import ConfigError, UsageError
from training.model import check_model_config, unused_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.image_sets import ImageSet

OPTIONS = "model_options."
NOT_SEARCHED = {"description", "on_request", "best_metric", "best_mode", "threads"}


@dataclass(frozen=True)
class SweepDefinition:
    """A search over the keys of one configuration.

    Args:
        config: The study.
        configuration: The configuration whose keys are searched.
        space: What is searched.
        settings: How.
    """

    config: Config
    configuration: str
    space: Space
    settings: SweepSettings

    def settings_on(self, images: ImageSet) -> SweepSettings:
        """How it searches on these training images, which are the same when it goes on."""
        known = {"images": f"{images.source} {images.digest[:8]}"}
        return replace(self.settings, context={**self.settings.context, **known})

    def trial_config(self, params: Mapping[str, Any]) -> Config:
        """The study with the one configuration that a trial trains.

        Raises:
            ConfigError: The parameters break a rule.
        """
        fixed = {**self.config.sweep.settings, **params}
        model = with_keys(self.config.model_configs[self.configuration], fixed)
        update = {"model_configs": {self.configuration: model}}
        return self.config.model_copy(update=update)


def define(config: Config, configuration: str | None = None) -> SweepDefinition:
    """Read the section `sweep` of a study.

    Args:
        config: The study.
        configuration: Instead of `sweep.configuration`.

    Raises:
        ConfigError: The space is empty, or a parameter breaks a rule.
        UsageError: There is no such configuration.
    """
    section = config.sweep
    name = configuration or section.configuration
    if name not in config.model_configs:
        hint = did_you_mean(name, config.model_configs, list_all=True)
        raise UsageError(f"there is no configuration {name!r}{hint}")
    base = with_keys(config.model_configs[name], section.settings)
    try:
        space = parse_space({key: _typed(base, key, spec) for key, spec in section.space.items()})
    except InvalidValueError as error:
        raise ConfigError(f"sweep.space: {error}") from error
    settings = SweepSettings(
        metric=section.metric,
        direction=section.direction or "minimize",
        sampler=section.sampler,
        pruner=section.pruner,
        seed=config.data_prep.seed if section.seed is None else section.seed,
        context={
            "configuration": name,
            "data_seed": config.data_prep.seed,
            "data_source": config.data_prep.source,
            **base.model_dump(exclude={*space.as_dict(), "description", "on_request"}),
        },
    )
    definition = SweepDefinition(config, name, space, settings)
    _check_first(definition)
    return definition


def with_keys(base: ModelConfig, keys: Mapping[str, Any]) -> ModelConfig:
    """A configuration with other values for some keys, `model_options.NAME` among them.

    Raises:
        ConfigError: There is no such key, or its value breaks a rule.
    """
    content = base.model_dump(exclude={"best_mode"})
    for key, value in keys.items():
        if key.startswith(OPTIONS):
            content["model_options"] = {
                **content["model_options"],
                key.removeprefix(OPTIONS): value,
            }
        else:
            content[key] = list(value) if isinstance(value, tuple) else value
    try:
        return ModelConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, reason = str(first["loc"][0]), first["msg"]
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, searchable_keys(), list_all=True)
            raise ConfigError(f"sweep: there is no parameter {key!r}{hint}") from error
        message = f"sweep: {key} cannot be {first['input']!r}: {reason[0].lower()}{reason[1:]}"
        raise ConfigError(message) from error


def searchable_keys() -> list[str]:
    """The keys of a configuration that a space may name."""
    return [key for key in ModelConfig.model_fields if key not in NOT_SEARCHED]


def _typed(base: ModelConfig, key: str, spec: Any) -> Any:
    """A parameter's description, its values of the types that the configuration has.

    Raises:
        ConfigError: There is no such key, or a value breaks a rule.
    """
    if not isinstance(spec, dict):
        return spec  # the space complains
    if key not in searchable_keys() and not key.startswith(OPTIONS):
        hint = did_you_mean(key, searchable_keys(), list_all=True)
        raise ConfigError(f"sweep.space: there is no parameter {key!r}{hint}")
    typed = dict(spec)
    for bound in ("low", "high"):
        if bound in spec:
            typed[bound] = _value(base, key, spec[bound])
    if isinstance(spec.get("choices"), list):
        typed["choices"] = [_value(base, key, choice) for choice in spec["choices"]]
    return typed


def _value(base: ModelConfig, key: str, value: Any) -> Any:
    changed = with_keys(base, {key: value})
    if key.startswith(OPTIONS):
        return changed.model_options[key.removeprefix(OPTIONS)]
    return getattr(changed, key)


def _check_first(definition: SweepDefinition) -> None:
    """Check the configuration of the first corner of the space, before anything is recorded.

    Raises:
        ConfigError: The network cannot be built, or a parameter has no effect.
    """
    params: dict[str, Any] = {}
    for parameter in definition.space.parameters:
        if parameter.applies_to(params):
            domain = parameter.domain
            first = domain.values[0] if isinstance(domain, Choices) else domain.low
            params[parameter.name] = first
    name = definition.configuration
    model = definition.trial_config(params).model_configs[name]
    if definition.settings.metric in BOTH_METRICS:
        model = model.model_copy(update={"best_metric": "val_loss"})
    try:
        check_model_config(name, model)
    except ConfigError as error:
        raise ConfigError(f"sweep: {error}") from error
    for key in params.keys() & unused_keys(model).keys():
        raise ConfigError(
            f"sweep.space: {key} has no effect with {unused_keys(model)[key]}; leave it out, or "
            "limit it by `when`"
        )
