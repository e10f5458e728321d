"""Loading the files of a model that hold no code, one function per format."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.models.programs import inert_program
from tracker.serving.errors import ServingError
from tracker.serving.inputs import Columns, Input, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Array = NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Backend:
    """A loaded model, whatever it was made with.

    Args:
        predict: The inputs by name, rows along the first axis, to the outputs by name.
        inputs: What the file itself says of its inputs; None where it says nothing.
        named_outputs: True if MLflow answers with one entry per output, as for ONNX.
        errors: What `predict` raises for inputs the model does not take.
    """

    predict: Callable[[Arrays], Arrays]
    inputs: Input | None
    named_outputs: bool
    errors: tuple[type[Exception], ...]


def load_backend(folder: Path, flavors: Mapping[str, Mapping[str, Any]]) -> Backend:
    """Load the first format in `flavors` that holds no code.

    Raises:
        ServingError: There is no such format, its package is missing, or its file is damaged.
    """
    for flavor, load in LOADERS.items():
        if flavor in flavors:
            backend = load(folder, flavors[flavor])
            if backend is not None:
                return backend
    formats = ", ".join(sorted(set(flavors) - {"python_function"})) or "none"
    raise ServingError(
        f"The model at {str(folder)!r} has no format that can be loaded without running code "
        f"(it has: {formats}). Log it with ONNX, torch.export, XGBoost, or a LightGBM Booster."
    )


def _onnx(folder: Path, flavor: Mapping[str, Any]) -> Backend:
    runtime = _package("onnxruntime")
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    errors = tuple(
        getattr(state, name)
        for name in (
            "Fail",
            "InvalidArgument",
            "InvalidGraph",
            "InvalidProtobuf",
            "NotImplemented",
            "NoSuchFile",
            "RuntimeException",
        )
        if hasattr(state, name)
    )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = _file(folder, flavor.get("data", "model.onnx"))
    try:
        session = runtime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except errors as error:
        raise ServingError(f"{path.name} is not a valid ONNX model: {error}") from error
    names = [output.name for output in session.get_outputs()]

    def predict(arrays: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, arrays), strict=True))

    inputs = tuple(
        Tensor(entry.name, _onnx_type(entry.type), _onnx_shape(entry.shape))
        for entry in session.get_inputs()
    )
    return Backend(predict, inputs, named_outputs=True, errors=(*errors, ValueError))


def _onnx_type(name: str) -> str:
    """`float32` of `tensor(float)`."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64", "string": "str"}.get(inner, inner)


def _onnx_shape(shape: list[int | str | None]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in shape)


def _exported_program(folder: Path, flavor: Mapping[str, Any]) -> Backend | None:
    data = folder / str(flavor.get("model_data", "data"))
    path = data if data.suffix == ".pt2" else data / "model.pt2"
    if not path.is_file():
        return None  # A pickled module: loading it would run its code.
    torch = _package("torch")
    torch.set_num_threads(1)
    try:
        program = inert_program(_file(folder, str(path.relative_to(folder))))
        module = torch.export.load(program).module()
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise ServingError(f"{path.name} is not a valid exported program: {error}") from error

    def predict(arrays: Arrays) -> Arrays:
        with torch.inference_mode():
            result = module(*(torch.from_numpy(array) for array in arrays.values()))
        outputs = result if isinstance(result, (tuple, list)) else [result]
        return {f"output_{i}": output.numpy() for i, output in enumerate(outputs)}

    errors = (RuntimeError, ValueError, TypeError, AssertionError)
    return Backend(predict, None, named_outputs=False, errors=errors)


def _xgboost(folder: Path, flavor: Mapping[str, Any]) -> Backend | None:
    path = _file(folder, str(flavor.get("data", "model.ubj")))
    if path.suffix not in {".ubj", ".json", ".xgb"}:
        return None
    xgboost = _package("xgboost")
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError as error:
        raise ServingError(f"{path.name} is not a valid XGBoost model: {error}") from error

    def predict(arrays: Arrays) -> Arrays:
        (matrix,) = arrays.values()
        data = xgboost.DMatrix(matrix, feature_names=booster.feature_names, nthread=1)
        return {"output": np.asarray(booster.predict(data))}

    errors = (xgboost.core.XGBoostError, ValueError)
    return Backend(predict, _columns(booster.feature_names), named_outputs=False, errors=errors)


def _lightgbm(folder: Path, flavor: Mapping[str, Any]) -> Backend | None:
    path = _file(folder, str(flavor.get("data", "model.lgb")))
    if path.suffix not in {".lgb", ".txt"}:
        return None
    lightgbm = _package("lightgbm")
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except lightgbm.basic.LightGBMError as error:
        raise ServingError(f"{path.name} is not a valid LightGBM model: {error}") from error

    def predict(arrays: Arrays) -> Arrays:
        (matrix,) = arrays.values()
        return {"output": np.asarray(booster.predict(matrix, num_threads=1))}

    errors = (lightgbm.basic.LightGBMError, ValueError)
    return Backend(predict, _columns(booster.feature_name()), named_outputs=False, errors=errors)


def _columns(names: list[str] | None) -> Columns | None:
    return Columns(tuple(names), (False,) * len(names)) if names else None


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ServingError(
            f"This model needs the package {name}: pip install {name} "
            '(onnxruntime is part of "ml-tracker[serving]").'
        ) from error


def _file(folder: Path, name: str) -> Path:
    """A file of the model, which may not lie outside its folder.

    Raises:
        ServingError: It is missing, or the name or a link leads elsewhere.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ServingError(f"The model names a file outside its folder: {name!r}.")
    if not path.is_file():
        raise ServingError(f"The model's file {name!r} is missing from {str(folder)!r}.")
    return path


# In the order of preference; a folder may hold several.
LOADERS: dict[str, Callable[[Path, Mapping[str, Any]], Backend | None]] = {
    "onnx": _onnx,
    "pytorch": _exported_program,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
