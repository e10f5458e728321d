"""An experiment tracker on plain SQLite whose file is a real MLflow database.

>>> import tracker
>>> tracker.best_step.__name__
'best_step'

`import tracker as mlflow` runs a script written for MLflow's tracking API. Names of MLflow that
have no counterpart here raise `UnsupportedError` and say so.

The public names are those in the `__all__` of the modules below; they are loaded at the first use
of one, so that `import tracker` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker import artifacts as artifacts
    from tracker import data as data
    from tracker import entities as entities
    from tracker import exceptions as exceptions
    from tracker import lightgbm as lightgbm
    from tracker import models as models
    from tracker import onnx as onnx
    from tracker import pyfunc as pyfunc
    from tracker import pytorch as pytorch
    from tracker import sklearn as sklearn
    from tracker import tags as tags
    from tracker import tracking as tracking
    from tracker import types as types
    from tracker import xgboost as xgboost
    from tracker.active_runs import *
    from tracker.client import *
    from tracker.current import *
    from tracker.entities import *
    from tracker.exceptions import *
    from tracker.fluent import *
    from tracker.images import *
    from tracker.models.autolog import *
    from tracker.models.registered import *
    from tracker.output import *
    from tracker.system_metrics import *

__version__ = "0.1.0"

# The light ones first. `fluent` loads the rest: a signal handler that logs must not meet a
# half-loaded one.
_HOMES = (
    "exceptions",
    "entities",
    "client",
    "fluent",
    "active_runs",
    "current",
    "output",
    "system_metrics",
    "images",
    "models.autolog",
    "models.registered",
)

# Modules that are public as a whole; every other module is the tracker's own business.
_MODULES = (
    "artifacts",
    "data",
    "database",
    "entities",
    "exceptions",
    "files",
    "lightgbm",
    "locations",
    "lookup",
    "models",
    "numbers",
    "onnx",
    "promotion",
    "pyfunc",
    "pytorch",
    "sandbox",
    "search",
    "sklearn",
    "sweep",
    "tags",
    "text",
    "tracking",
    "types",
    "xgboost",
)


def _find(name: str) -> Any:
    from importlib import import_module, util  # noqa: PLC0415

    if name == "__all__":
        homes = [import_module(f"tracker.{home}") for home in _HOMES]
        return sorted(public for home in homes for public in home.__all__)
    if name.startswith("_"):
        raise AttributeError(name)
    if name == "utils":
        return import_module("tracker.as_mlflow.constants")
    if util.find_spec(f"tracker.{name}"):
        return import_module(f"tracker.{name}")
    for home in _HOMES:
        module = import_module(f"tracker.{home}")
        if name in module.__all__:
            # All of its names at once: when the interpreter ends, nothing can be imported any more.
            globals().update({n: getattr(module, n) for n in module.__all__ if hasattr(module, n)})
            return getattr(module, name)
    from tracker.unsupported import missing  # noqa: PLC0415

    raise missing("tracker", name, __dir__())


def __dir__() -> list[str]:
    return sorted({*_find("__all__"), *_MODULES})


if not TYPE_CHECKING:  # A type checker reports a name that is not there.
    __getattr__ = _find
