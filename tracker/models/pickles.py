"""Pickles of models: written so that they load elsewhere, read only where that is allowed.

Loading a pickle runs what it says. `MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false` refuses every
pickle, as in MLflow 3.9 and later; a model's own code (`code/`, models from code) is no pickle.
"""

from __future__ import annotations

import os
import pickle
import types
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, UnsafeModelError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

ALLOW_VARIABLE: Final = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
# Classes of MLflow that its own pickles name, and ours that stand for them.
_STAND_INS: Final = {
    ("mlflow.pyfunc.model", "PythonModel"): ("tracker.models.generic", "PythonModel"),
    ("mlflow.pyfunc.model", "PythonModelContext"): ("tracker.models.generic", "PythonModelContext"),
    ("mlflow.pyfunc.model", "_FunctionPythonModel"): ("tracker.models.generic", "FunctionModel"),
    ("mlflow.models.signature", "_TypeHints"): ("types", "SimpleNamespace"),
}


class _ByValueError(Exception):
    """The object names a class or function that no other process can import."""


# What `ImportablePickler` raises where cloudpickle is needed.
NOT_IMPORTABLE: Final = (_ByValueError, pickle.PicklingError, AttributeError)


class ImportablePickler(pickle.Pickler):
    """Refuses classes and functions of the running script, which other processes do not find.

    Raises:
        _ByValueError: One was met; cloudpickle keeps its code.
    """

    def reducer_override(self, obj: Any) -> Any:
        """Refuse what has no name to import it by; all else is left to pickle."""
        if isinstance(obj, type | types.FunctionType) and (
            obj.__module__ == "__main__" or "<" in obj.__qualname__
        ):
            raise _ByValueError(obj.__qualname__)
        return NotImplemented


def dump(model: Any, path: Path) -> list[str]:
    """Write a pickle: by `pickle` where every class can be imported elsewhere, else by cloudpickle.

    Returns:
        The packages that reading it needs: cloudpickle, or none.

    Raises:
        UnsupportedError: It needs cloudpickle, which is not installed.
        InvalidValueError: It cannot be pickled at all.
    """
    with path.open("wb") as file:
        try:
            ImportablePickler(file, pickle.DEFAULT_PROTOCOL).dump(model)
        except NOT_IMPORTABLE:
            file.seek(0)
            file.truncate()
        except TypeError as error:
            raise _not_picklable(model, error) from error
        else:
            return []
        cloudpickle = import_cloudpickle()
        try:
            cloudpickle.dump(model, file, pickle.DEFAULT_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise _not_picklable(model, error) from error
    return ["cloudpickle"]


def import_cloudpickle() -> Any:
    """The package cloudpickle.

    Raises:
        UnsupportedError: It is not installed.
    """
    try:
        import cloudpickle  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError(
            "The model uses a class or function of the running script, which needs cloudpickle: "
            "`pip install cloudpickle`, or move it into a module and name that in code_paths."
        ) from error
    return cloudpickle


def load(path: Path) -> Any:
    """The object in a pickle. Whatever the pickle says is run.

    Raises:
        UnsafeModelError: `MLFLOW_ALLOW_PICKLE_DESERIALIZATION` is false.
        UnsupportedError: It names a module that is not installed.
        InvalidValueError: It is not a pickle that can be read here.
    """
    refuse_if_forbidden(path)
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except ModuleNotFoundError as error:
        raise missing_module(path, error) from error
    except (pickle.UnpicklingError, AttributeError, EOFError) as error:
        raise InvalidValueError(f"The pickle {str(path)!r} cannot be read: {error}.") from error


def missing_module(path: Path, error: ModuleNotFoundError) -> UnsupportedError:
    """The error of a model whose pickle names a module that is not there."""
    return UnsupportedError(
        f"The model {str(path)!r} needs the module {error.name!r}: install it, or log the model "
        f"with code_paths."
    )


def refuse_if_forbidden(path: Path) -> None:
    """See to it that pickles may be loaded.

    Raises:
        UnsafeModelError: They may not.
    """
    if not is_allowed():
        raise UnsafeModelError(
            f"{str(path)!r} is a pickle, and {ALLOW_VARIABLE} is "
            f"{os.environ[ALLOW_VARIABLE]!r}: log the model in a format without pickles (onnx, "
            f"pt2, skops, xgboost), or allow pickles if you trust where it came from."
        )


def is_allowed() -> bool:
    """Whether pickles may be loaded in this process."""
    return os.environ.get(ALLOW_VARIABLE, "true").strip().lower() not in {"false", "0"}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        home, name = _STAND_INS.get((module_name, global_name), (module_name, global_name))
        return super().find_class(home, name)


def _not_picklable(model: object, error: Exception) -> InvalidValueError:
    return InvalidValueError(f"The model ({type(model).__name__}) cannot be pickled: {error}.")
