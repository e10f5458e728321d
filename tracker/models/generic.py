"""MLflow's generic model: a loaded model of any flavor behind one `predict`."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, UnsupportedError
from tracker.models import files, from_code, inputs, pickles
from tracker.models.model import MLMODEL, PYFUNC, Model
from tracker.models.uris import local_model

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

PICKLE_FILE: Final = "python_model.pkl"
MLFLOW_MODULE: Final = "mlflow.pyfunc.model"
_CODE_MODULE: Final = "mlflow.pyfunc.loaders.code_model"
# Loader modules of MLflow, and the flavors that read such folders here.
_FLAVORS: Final = {
    f"mlflow.{name}": f"tracker.{name}"
    for name in ("sklearn", "pytorch", "xgboost", "lightgbm", "onnx")
}
_lock = threading.Lock()


class PythonModel:
    """A model written in Python; a subclass has `predict`.

    It is pickled as a subclass of MLflow's own base class, so that MLflow loads it.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Prepare the model when it is loaded, from the files in `context.artifacts`."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """The model's output; may take `model_input` alone."""
        raise NotImplementedError(f"{type(self).__name__} has no method 'predict'.")


PythonModel.__module__ = MLFLOW_MODULE


class PythonModelContext:
    """What a model finds when it is loaded and when it predicts.

    Args:
        artifacts: Name -> path of a file on this machine.
        model_config: The settings that the model was logged with.
    """

    def __init__(
        self, artifacts: Mapping[str, str], model_config: Mapping[str, Any] | None = None
    ) -> None:
        self.artifacts = dict(artifacts)
        self.model_config = dict(model_config or {})


class FunctionModel(PythonModel):
    """MLflow's wrapper around a plain function; read, never written."""

    func: Callable[[Any], Any]

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """What the function returns."""
        del context
        return _call(self.func, model_input, params)


class PyFuncModel:
    """A loaded model of any flavor.

    Args:
        metadata: Its `MLmodel` file.
        predictor: What predicts.
        config: The settings that it was logged with.
    """

    def __init__(self, metadata: Model, predictor: Any, config: Mapping[str, Any]) -> None:
        self.metadata = metadata
        self.model_config = dict(config)
        self._predictor = predictor

    @property
    def loader_module(self) -> str:
        """MLflow's module for the flavor."""
        return str(self.metadata.flavors[PYFUNC].get("loader_module"))

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """The model's output for an input that fits its signature.

        Args:
            data: A table, an array, a dictionary or a list.
            params: Parameters that the signature names.

        Raises:
            InvalidValueError: A column is missing, or a shape or a type does not fit.
        """
        return _call(
            self._predictor.predict,
            inputs.fit(data, self.metadata.get_input_schema()),
            inputs.fit_params(params, self.metadata.get_params_schema()),
        )

    def get_raw_model(self) -> Any:
        """The framework's own model."""
        raw = getattr(self._predictor, "get_raw_model", None)
        return self._predictor if raw is None else raw()

    def unwrap_python_model(self) -> Any:
        """The `PythonModel` inside.

        Raises:
            InvalidValueError: It is a model of another flavor.
        """
        if not isinstance(self._predictor, _PythonPredictor):
            raise InvalidValueError(f"The model is of {self.loader_module}, not a PythonModel.")
        return self._predictor.python_model


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | None = None,
    *,
    model_config: dict[str, Any] | None = None,
    suppress_warnings: bool = False,
) -> PyFuncModel:
    """The model behind a URI, whatever its flavor. Its pickle or its own code is run.

    Args:
        model_uri: See `tracker.models.uris.local_model`.
        dst_path: Where to put a copy of the files.
        model_config: Settings instead of those that it was logged with.
        suppress_warnings: For MLflow's sake; there are none.

    Raises:
        NotFoundError: There is no such model.
        UnsafeModelError: It is a pickle, and pickles may not be loaded.
        UnsupportedError: Its flavor or its framework is not here.
    """
    del suppress_warnings
    folder = local_model(model_uri, dst_path)
    model = Model.read(folder / MLMODEL)
    settings = files.flavor_settings(folder, PYFUNC)
    files.add_code(folder, settings)
    config = {**(settings.get("config") or {}), **(model_config or {})}
    return PyFuncModel(model, _predictor(folder, settings, config), config)


class _PythonPredictor:
    """The generic model around a `PythonModel`."""

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        self.python_model = python_model
        self._context = context

    def get_raw_model(self) -> Any:
        """The `PythonModel`."""
        return self.python_model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model's `predict` returns, with the context if it takes one."""
        method = self.python_model.predict
        taken = [name for name in inspect.signature(method).parameters if name != "params"]
        if len(taken) > 1 or "context" in taken:
            method = partial(method, self._context)
        return _call(method, data, params)


def _call(predict: Callable[..., Any], data: Any, params: dict[str, Any] | None) -> Any:
    """Predict, with the parameters where the function takes them."""
    if "params" in inspect.signature(predict).parameters:
        return predict(data, params=params)
    return predict(data)


def _predictor(folder: Path, settings: dict[str, Any], config: dict[str, Any]) -> Any:
    loader = str(settings.get("loader_module"))
    if loader in _FLAVORS:
        return importlib.import_module(_FLAVORS[loader]).load_predictor(folder, settings)
    if loader in {MLFLOW_MODULE, _CODE_MODULE}:
        return _load_python_model(folder, settings, config)
    if loader.split(".", maxsplit=1)[0] in {"mlflow", "tracker"}:
        raise UnsupportedError(
            f"The tracker does not load models of {loader}: load it with MLflow itself."
        )
    data = settings.get("data")
    try:
        load = importlib.import_module(loader)._load_pyfunc  # noqa: SLF001  MLflow's protocol.
    except (ImportError, AttributeError) as error:
        raise UnsupportedError(
            f"The model's own loader {loader!r} cannot be imported ({error}): log the model with "
            f"code_paths, or install the module."
        ) from error
    return load(str(files.model_file(folder, data) if data else folder))


def _load_python_model(
    folder: Path, settings: dict[str, Any], config: dict[str, Any]
) -> _PythonPredictor:
    entries = settings.get("artifacts") or {}
    paths = {name: str(files.model_file(folder, each["path"])) for name, each in entries.items()}
    context = PythonModelContext(paths, config)
    code = settings.get("model_code_path")
    if code:
        python_model = from_code.run(files.model_file(folder, Path(str(code)).name))
    else:
        file = files.model_file(folder, settings.get("python_model", PICKLE_FILE))
        with mlflow_base_class():
            python_model = pickles.load(file)
    python_model = _as_model(python_model)
    if hasattr(python_model, "load_context"):
        python_model.load_context(context)
    return _PythonPredictor(python_model, context)


def _as_model(given: Any) -> Any:
    """A function as a model."""
    return given if hasattr(given, "predict") else model_of_function(given)


def model_of_function(function: Callable[..., Any]) -> PythonModel:
    """A model around a function, of a class that pickles bring along: MLflow has no such class."""
    takes_params = "params" in inspect.signature(function).parameters

    class Function(PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            del context
            return function(model_input, params=params) if takes_params else function(model_input)

    Function.__module__ = "__main__"
    return Function()


@contextmanager
def mlflow_base_class() -> Iterator[None]:
    """Within the block, `mlflow.pyfunc.model` holds our base class, as pickles name it."""
    stand_in = ModuleType(MLFLOW_MODULE)
    vars(stand_in).update(PythonModel=PythonModel, PythonModelContext=PythonModelContext)
    with _lock:
        before = {name: sys.modules.get(name) for name in ("mlflow", MLFLOW_MODULE)}
        # Python imports the package of a module by its name, too.
        sys.modules.setdefault("mlflow", ModuleType("mlflow"))
        sys.modules[MLFLOW_MODULE] = stand_in
        try:
            yield
        finally:
            for name, module in before.items():
                del sys.modules[name]
                if module is not None:
                    sys.modules[name] = module
