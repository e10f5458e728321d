"""MLflow's `mlflow.environment_variables`: one object per variable, with `get`, `set`, `unset`."""

from __future__ import annotations

import os
from typing import Any

from tracker import environment

_OURS = {theirs: ours for ours, theirs in environment.MLFLOW_TWINS.items()}
_ON_OR_OFF = {
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": False,
    "MLFLOW_TRUNCATE_LONG_VALUES": True,
    "MLFLOW_ENABLE_ASYNC_LOGGING": False,
}


class EnvironmentVariable:
    """A variable of MLflow; the tracker's twin counts first where there is one."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def defined(self) -> bool:
        """Whether it is set in the environment."""
        return self.name in os.environ

    def is_set(self) -> bool:
        """Whether it is set in the environment."""
        return self.defined

    def get(self) -> Any:
        """Its value; None, or False or True for a switch, if it is unset."""
        ours = _OURS.get(self.name, self.name)
        if self.name in _ON_OR_OFF:
            return environment.is_on(ours, default=_ON_OR_OFF[self.name])
        return environment.value_of(ours)

    def get_raw(self) -> str | None:
        """Its text; None if it is unset."""
        return os.environ.get(self.name)

    def set(self, value: object) -> None:
        """Set it in the environment."""
        os.environ[self.name] = str(value)

    def unset(self) -> None:
        """Remove it from the environment."""
        os.environ.pop(self.name, None)

    def __str__(self) -> str:
        return self.name


def __getattr__(name: str) -> EnvironmentVariable:
    if not name.startswith(("MLFLOW_", "_MLFLOW_")):
        raise AttributeError(name)
    variable = globals()[name] = EnvironmentVariable(name)
    return variable
