"""MLflow's generic models: any flavor behind one `predict`, and models written in Python.

A subclass of `PythonModel` is logged and loaded like this::

    class AddN(tracker.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input + 1

    info = tracker.pyfunc.log_model("model", python_model=AddN())
    tracker.pyfunc.load_model(info.model_uri).predict(2)
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from tracker.exceptions import InvalidValueError, NotFoundError, UnsupportedError
from tracker.models import environment, pickles
from tracker.models import folder as folders
from tracker.models.generic import (
    MLFLOW_MODULE,
    PICKLE_FILE,
    FunctionModel,
    PyFuncModel,
    PythonModel,
    PythonModelContext,
    load_model,
    mlflow_base_class,
    model_of_function,
)
from tracker.models.model import PYFUNC
from tracker.models.uris import local_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracker.models.model import ModelInfo

    Given: TypeAlias = "PythonModel | Callable[..., Any] | str | os.PathLike[str]"

__all__ = [
    "FunctionModel",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "load_model",
    "log_model",
    "save_model",
]


def save_model(
    path: str | os.PathLike[str],
    *,
    python_model: Given | None = None,
    artifacts: Mapping[str, str] | None = None,
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    model_config: dict[str, Any] | None = None,
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write a model in Python into a new folder.

    Args:
        path: The folder.
        python_model: A `PythonModel`, a function of one argument, or a file that ends in
            `mlflow.models.set_model(…)`; or
        loader_module: a module with `_load_pyfunc(path)`, named in `code_paths`.
        artifacts: Name -> path or URI of a file to keep beside the model.
        data_path: The file or folder that the loader module reads.
        model_config: Settings that the model finds in its context.
        options: See `tracker.models.folder.SaveOptions`.

    Raises:
        AlreadyExistsError: There is something at the path.
        InvalidValueError: Neither or both of `python_model` and `loader_module` are given.
    """
    write = _writer(python_model, artifacts, loader_module, data_path, model_config)
    folders.save(path, write, **options)


def log_model(
    artifact_path: str | None = None,
    *,
    python_model: Given | None = None,
    artifacts: Mapping[str, str] | None = None,
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    model_config: dict[str, Any] | None = None,
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log a model in Python as a folder of the active run; see `save_model`.

    Args:
        artifact_path: The folder below the run's artifacts; or `name`.
        python_model: A `PythonModel`, a function of one argument, or a file that ends in
            `mlflow.models.set_model(…)`; or
        loader_module: a module with `_load_pyfunc(path)`, named in `code_paths`.
        artifacts: Name -> path or URI of a file to keep beside the model.
        data_path: The file or folder that the loader module reads.
        model_config: Settings that the model finds in its context.
        options: See `tracker.models.folder.LogOptions`.

    Raises:
        InvalidValueError: Neither or both of `python_model` and `loader_module` are given.
    """
    write = _writer(python_model, artifacts, loader_module, data_path, model_config)
    return folders.log(artifact_path, write, **options)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(f"tracker.pyfunc has no {name!r}: that needs MLflow itself.")


def _writer(
    python_model: Given | None,
    artifacts: Mapping[str, str] | None,
    loader_module: str | None,
    data_path: str | os.PathLike[str] | None,
    config: dict[str, Any] | None,
) -> folders.Write:
    if (python_model is None) == (loader_module is None):
        raise InvalidValueError("Give python_model or loader_module, one of the two.")
    if loader_module is not None:
        return partial(_write_loader, loader_module, data_path, config)
    return partial(_write_python_model, python_model, dict(artifacts or {}), config)


def _write_loader(
    loader_module: str,
    data_path: str | os.PathLike[str] | None,
    config: dict[str, Any] | None,
    folder: Path,
) -> folders.Contents:
    settings: dict[str, Any] = {"loader_module": loader_module}
    if data_path is not None:
        settings["data"] = f"data/{_copy(data_path, folder / 'data')}"
    if config is not None:
        settings["config"] = config
    return folders.Contents({PYFUNC: settings})


def _write_python_model(
    given: Any, artifacts: dict[str, str], config: dict[str, Any] | None, folder: Path
) -> folders.Contents:
    settings: dict[str, Any] = {"loader_module": MLFLOW_MODULE, "streamable": False}
    packages: list[str] = []
    if isinstance(given, str | os.PathLike):
        name = _copy(given, folder)
        settings |= {"model_code_path": name, "python_model": name}
    else:
        settings["python_model"] = PICKLE_FILE
        packages = _dump(given, folder / PICKLE_FILE)
        settings["cloudpickle_version"] = environment.version("cloudpickle")
    settings["artifacts"] = {
        name: _artifact(uri, folder / "artifacts") for name, uri in artifacts.items()
    }
    if config is not None:
        settings["config"] = config
    return folders.Contents({PYFUNC: settings}, packages)


def _artifact(uri: str, target: Path) -> dict[str, str]:
    return {"path": f"artifacts/{_copy(local_model(uri), target)}", "uri": os.fspath(uri)}


def _copy(source: str | os.PathLike[str], target: Path) -> str:
    """Copy a file or a folder into a folder and return its name.

    Raises:
        NotFoundError: There is nothing to copy.
    """
    path = Path(source).resolve()
    target.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target / path.name)
    elif path.is_file():
        shutil.copy(path, target)
    else:
        raise NotFoundError(f"There is no file {os.fspath(source)!r} to keep with the model.")
    return path.name


def _dump(given: Any, path: Path) -> list[str]:
    if not isinstance(given, PythonModel):
        if not callable(given):
            raise InvalidValueError(
                f"python_model is a PythonModel, a function or a file, not {type(given).__name__}."
            )
        given = model_of_function(given)
    with mlflow_base_class():
        return pickles.dump(given, path)
