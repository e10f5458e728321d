"""ONNX models in MLflow's format, which holds no pickle: `tracker.onnx.log_model`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from tracker.exceptions import InvalidValueError
from tracker.models import files
from tracker.models import folder as folders
from tracker.models.signature import ModelSignature
from tracker.models.uris import local_model
from tracker.types.schema import Schema, TensorSpec

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.models.model import ModelInfo

_CPU: Final = ["CPUExecutionProvider"]
_FILE: Final = "model.onnx"


def save_model(
    onnx_model: Any,
    path: str | os.PathLike[str],
    *,
    onnx_execution_providers: Sequence[str] | None = None,
    onnx_session_options: dict[str, Any] | None = None,
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write an ONNX model into a new folder.

    Args:
        onnx_model: An `onnx.ModelProto`, its bytes, or the path of a `.onnx` file.
        path: The folder.
        onnx_execution_providers: Where it runs, the CPU by default.
        onnx_session_options: Options of onnxruntime's session, kept for MLflow.
        options: See `tracker.models.folder.SaveOptions`; without a signature, the model's own
            inputs and outputs are it.

    Raises:
        AlreadyExistsError: There is something at the path.
    """
    settings = (onnx_model, onnx_execution_providers, onnx_session_options)
    folders.save(path, partial(_write, *settings), **options)


def log_model(
    onnx_model: Any,
    artifact_path: str | None = None,
    *,
    onnx_execution_providers: Sequence[str] | None = None,
    onnx_session_options: dict[str, Any] | None = None,
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log an ONNX model as a folder of the active run; see `save_model`.

    Args:
        onnx_model: An `onnx.ModelProto`, its bytes, or the path of a `.onnx` file.
        artifact_path: The folder below the run's artifacts; or `name`.
        onnx_execution_providers: Where it runs, the CPU by default.
        onnx_session_options: Options of onnxruntime's session, kept for MLflow.
        options: See `tracker.models.folder.LogOptions`.
    """
    settings = (onnx_model, onnx_execution_providers, onnx_session_options)
    return folders.log(artifact_path, partial(_write, *settings), **options)


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Any:
    """The `onnx.ModelProto` behind a URI.

    Raises:
        NotFoundError: There is no such model.
        UnsupportedError: The package onnx is not installed.
    """
    folder = local_model(model_uri, dst_path)
    onnx = files.flavor_module("onnx", "onnx")
    model = onnx.load(_model_file(folder))
    onnx.checker.check_model(model)
    return model


class Predictor:
    """The generic model of the flavor: a session of onnxruntime.

    Args:
        file: The `.onnx` file.

    Raises:
        UnsupportedError: onnxruntime is not installed.
    """

    def __init__(self, file: Path) -> None:
        onnxruntime = files.flavor_module("onnxruntime", "onnxruntime")
        self._session = onnxruntime.InferenceSession(file, providers=_CPU)
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]

    def get_raw_model(self) -> Any:
        """The session."""
        return self._session

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model predicts.

        Args:
            data: Arrays by input name, one array for the only input, or a table.
            params: None are taken.

        Returns:
            Arrays by output name; a table for a table.
        """
        del params
        is_table = hasattr(data, "columns")
        found = self._session.run(self._outputs, self._fed(data))
        predicted = dict(zip(self._outputs, found, strict=True))
        if not is_table:
            return predicted
        import pandas as pd  # noqa: PLC0415

        columns = {name: list(values.reshape(len(data), -1)) for name, values in predicted.items()}
        flat = {
            name: [row[0] if len(row) == 1 else row for row in rows]
            for name, rows in columns.items()
        }
        return pd.DataFrame(flat, index=data.index)

    def _fed(self, data: Any) -> dict[str, Any]:
        import numpy as np  # noqa: PLC0415

        if hasattr(data, "columns") and len(self._inputs) > 1:
            data = {name: data[name].to_numpy().reshape(-1, 1) for name in self._inputs}
        if not isinstance(data, dict):
            if len(self._inputs) > 1:
                raise InvalidValueError(
                    f"The model takes {self._inputs} by name, such as {{{self._inputs[0]!r}: …}}."
                )
            data = {self._inputs[0]: data}
        arrays = {name: np.asarray(each) for name, each in data.items()}
        wanted = {each.name: each.type for each in self._session.get_inputs()}
        return {
            name: each.astype(np.float32)
            if each.dtype == np.float64 and wanted.get(name) == "tensor(float)"
            else each
            for name, each in arrays.items()
        }


def load_predictor(folder: Path, settings: dict[str, Any]) -> Predictor:
    """The generic model in a folder."""
    del settings
    return Predictor(_model_file(folder))


def _model_file(folder: Path) -> Path:
    settings = files.flavor_settings(folder, "onnx")
    return files.model_file(folder, settings.get("data", _FILE))


def _write(
    given: Any,
    providers: Sequence[str] | None,
    session_options: dict[str, Any] | None,
    folder: Path,
) -> folders.Contents:
    onnx = files.flavor_module("onnx", "onnx")
    model = given
    if isinstance(given, bytes):
        model = onnx.load_from_string(given)
    elif not isinstance(given, onnx.ModelProto):
        model = onnx.load(given)
    onnx.save(model, folder / _FILE)
    settings = {
        "data": _FILE,
        "onnx_version": onnx.__version__,
        "providers": list(providers or _CPU),
        "onnx_session_options": session_options,
    }
    pyfunc = {"loader_module": "mlflow.onnx", "data": _FILE}
    flavors = {"python_function": pyfunc, "onnx": settings}
    return folders.Contents(flavors, ["onnx", "onnxruntime", "numpy"], signature_of(model))


def signature_of(model: Any) -> ModelSignature | None:
    """The inputs and outputs that an ONNX model names; None for what is not a tensor."""
    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    specs = [[_tensor(each) for each in group] for group in (inputs, model.graph.output)]
    if not all(group and None not in group for group in specs):
        return None
    schemas = [Schema([spec for spec in group if spec]) for group in specs]
    return ModelSignature(schemas[0], schemas[1])


def _tensor(value: Any) -> TensorSpec | None:
    """A tensor's element type and shape; -1 for a length that may vary."""
    import onnx  # noqa: PLC0415

    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    shape = [axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim]
    return TensorSpec(dtype, shape, value.name)
