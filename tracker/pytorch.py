"""PyTorch models in MLflow's format: `tracker.pytorch.log_model(model, "model")`."""

from __future__ import annotations

import pickle
import sys
import warnings
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Unpack

from tracker.exceptions import InvalidValueError, warn
from tracker.models import examples, files, pickles, programs
from tracker.models import folder as folders
from tracker.models.autolog import autolog_of
from tracker.models.uris import local_model

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tracker.models.model import ModelInfo

SERIALIZATION_FORMAT_PICKLE: Final = "pickle"
SERIALIZATION_FORMAT_PT2: Final = "pt2"
_FORMATS: Final = (SERIALIZATION_FORMAT_PICKLE, SERIALIZATION_FORMAT_PT2)
_PICKLE_FILE: Final = "model.pth"
_PROGRAM_FILE: Final = "model.pt2"
# Any other name makes MLflow look for an Unpickler that cloudpickle lacks.
_PICKLE_MODULE: Final = ("pickle_module_info.txt", "pickle")

autolog = autolog_of("pytorch")


def save_model(
    pytorch_model: Any,
    path: str | os.PathLike[str],
    *,
    pickle_module: Any = None,
    serialization_format: str = SERIALIZATION_FORMAT_PICKLE,
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write a PyTorch module into a new folder.

    Args:
        pytorch_model: A `torch.nn.Module`, or with "pt2" a `torch.export.ExportedProgram` too.
        path: The folder.
        pickle_module: What pickles it; chosen so that it loads elsewhere by default.
        serialization_format: "pickle" keeps the module and loads in every MLflow. "pt2" exports
            it for an `input_example`, without a pickled module, and loads in 3.9 and later.
        options: See `tracker.models.folder.SaveOptions`.

    Raises:
        AlreadyExistsError: There is something at the path.
        InvalidValueError: The model cannot be written so.
    """
    write = _writer(pytorch_model, pickle_module, serialization_format, options)
    folders.save(path, write, **options)


def log_model(
    pytorch_model: Any,
    artifact_path: str | None = None,
    *,
    pickle_module: Any = None,
    serialization_format: str = SERIALIZATION_FORMAT_PICKLE,
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log a PyTorch module as a folder of the active run; see `save_model`.

    Args:
        pytorch_model: A `torch.nn.Module`.
        artifact_path: The folder below the run's artifacts; or `name`.
        pickle_module: What pickles it; chosen so that it loads elsewhere by default.
        serialization_format: "pickle" or "pt2".
        options: See `tracker.models.folder.LogOptions`.

    Raises:
        InvalidValueError: The model cannot be written so; nothing is logged.
    """
    write = _writer(pytorch_model, pickle_module, serialization_format, options)
    return folders.log(artifact_path, write, **options)


def load_model(
    model_uri: str | os.PathLike[str],
    dst_path: str | None = None,
    *,
    map_location: Any = "cpu",
    device: Any = None,
) -> Any:
    """The module behind a URI. What its pickle says is run.

    Args:
        model_uri: See `tracker.models.uris.local_model`.
        dst_path: Where to put a copy of the files.
        map_location: The device on which it is loaded; or
        device: MLflow's other word for it.

    Raises:
        NotFoundError: There is no such model.
        UnsafeModelError: It is a pickle, and pickles may not be loaded.
        UnsupportedError: PyTorch, or a module that the model needs, is not installed.
    """
    return _load(local_model(model_uri, dst_path), device or map_location)


class _Predictor:
    """The generic model of the flavor: arrays and tables go in, arrays and tables come out."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """The module."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """The module's output for an array, a table, or the only entry of a dictionary."""
        import numpy as np  # noqa: PLC0415
        import torch  # noqa: PLC0415

        if isinstance(data, dict) and len(data) == 1:
            (data,) = data.values()
        is_table = hasattr(data, "columns")
        array = data.to_numpy(dtype=np.float32) if is_table else np.asarray(data)
        with torch.no_grad():
            predicted = self._model(torch.from_numpy(np.ascontiguousarray(array)), **params or {})
        if not isinstance(predicted, torch.Tensor):
            raise InvalidValueError(
                f"The generic model takes a module that returns one tensor, not "
                f"{type(predicted).__name__}: use tracker.pytorch.load_model."
            )
        if not is_table:
            return predicted.numpy()
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame(predicted.numpy(), index=data.index)


def load_predictor(folder: Path, settings: dict[str, Any]) -> _Predictor:
    """The generic model in a folder."""
    del settings
    model = _load(folder, "cpu")
    if not (folder / "data" / _PROGRAM_FILE).exists():  # An exported program has no modes.
        model.eval()
    return _Predictor(model)


def _writer(
    model: Any, pickle_module: Any, kind: str, options: folders.SaveOptions
) -> folders.Write:
    if kind not in _FORMATS:
        raise InvalidValueError(
            f"A PyTorch model is written as one of {', '.join(_FORMATS)}, not {kind!r}."
        )
    signature = options.get("signature")
    inputs = signature.inputs if signature else None
    if inputs and inputs.is_tensor_spec() and inputs.has_input_names():
        warn(
            "MLflow's generic model (pyfunc) refuses PyTorch models whose input tensor has a name: "
            "leave the name out if the model is to be served by MLflow."
        )
    if kind == SERIALIZATION_FORMAT_PT2:
        return partial(_write, partial(_write_program, model, options.get("input_example")))
    return partial(_write, partial(_write_pickle, model, pickle_module))


def _write(write_model: Any, folder: Path) -> folders.Contents:
    torch = files.flavor_module("torch", "torch")
    (folder / "data").mkdir()
    packages = ["torch", "numpy", *write_model(folder / "data")]
    if "torchvision" in sys.modules:
        packages.append("torchvision")
    settings = {"model_data": "data", "pytorch_version": torch.__version__, "code": None}
    pyfunc = {"loader_module": "mlflow.pytorch", "data": "data"}
    return folders.Contents({"python_function": pyfunc, "pytorch": settings}, packages)


def _write_pickle(model: Any, pickle_module: Any, data: Path) -> list[str]:
    """Write `model.pth`; the packages that reading it needs."""
    import torch  # noqa: PLC0415

    if not isinstance(model, torch.nn.Module):
        raise InvalidValueError(
            f"A PyTorch model is a torch.nn.Module, not {type(model).__name__}."
        )
    name, module_name = _PICKLE_MODULE
    (data / name).write_text(module_name, encoding="utf-8")
    if pickle_module is not None:
        torch.save(model, data / _PICKLE_FILE, pickle_module=pickle_module)
        return [str(pickle_module.__name__)] if pickle_module.__name__ == "cloudpickle" else []
    importable = SimpleNamespace(**vars(pickle) | {"Pickler": pickles.ImportablePickler})
    try:
        torch.save(model, data / _PICKLE_FILE, pickle_module=importable)
    except pickles.NOT_IMPORTABLE:
        cloudpickle = pickles.import_cloudpickle()
        torch.save(model, data / _PICKLE_FILE, pickle_module=cloudpickle)
        return ["cloudpickle"]
    return []


def _write_program(model: Any, example: Any, data: Path) -> list[str]:
    """Write `model.pt2`, with a first dimension that may vary."""
    import torch  # noqa: PLC0415

    if isinstance(model, torch.export.ExportedProgram):
        _save_program(model, data / _PROGRAM_FILE)
        return []
    array, _ = examples.with_params(example)
    if array is None or isinstance(array, dict):
        raise InvalidValueError(
            "The format pt2 needs input_example: an array or a tensor that the model takes."
        )
    tensor = array if isinstance(array, torch.Tensor) else torch.as_tensor(array)
    rows = tensor if len(tensor) > 1 else torch.cat([tensor, tensor])  # One row would be fixed.
    was_training = model.training
    model.eval()
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(model, (rows,), dynamic_shapes=shapes)
    model.train(was_training)
    _save_program(program, data / _PROGRAM_FILE)
    return []


def _save_program(program: Any, file: Path) -> None:
    import torch  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # About pytrees, from torch's own code.
        torch.export.save(program, file)


def _load(folder: Path, device: Any) -> Any:
    settings = files.flavor_settings(folder, "pytorch")
    data = files.model_file(folder, settings.get("model_data", "data"))
    torch = files.flavor_module("torch", "torch")
    files.add_code(folder, settings)
    pickled = data / _PICKLE_FILE
    if not pickled.exists():
        program = files.model_file(folder, f"{data.name}/{_PROGRAM_FILE}")
        return torch.export.load(
            program if pickles.is_allowed() else programs.inert_program(program)
        ).module()
    pickles.refuse_if_forbidden(pickled)
    try:
        return torch.load(pickled, map_location=device, weights_only=False)
    except ModuleNotFoundError as error:
        raise pickles.missing_module(pickled, error) from error
