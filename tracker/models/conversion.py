"""An exported PyTorch program as ONNX, which every MLflow loads and a server runs without torch."""

from __future__ import annotations

import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracker import onnx as onnx_flavor
from tracker.exceptions import TrackerError, UnsafeModelError, UnsupportedError, warn
from tracker.models import files
from tracker.models.model import MLMODEL, Model
from tracker.models.programs import inert_program
from tracker.models.signature import ModelSignature
from tracker.tags import TRACKER_ONNX_FAILURE
from tracker.types import ColSpec, Schema, TensorSpec

if TYPE_CHECKING:
    from tracker.client import TrackingClient

SUFFIX: Final = "-onnx"
TOLERANCE: Final = 1e-4
# Of ONNX 1.13, which onnxruntime reads since 1.14: those that MLflow 2.4 was used with.
OPSET: Final = 18
IR_VERSION: Final = 8


class ConversionError(TrackerError):
    """A program has no equal as ONNX; the message says why."""


def as_onnx(client: TrackingClient, run_id: str, path: str) -> str:
    """The artifact path of a run's model as ONNX, converted at the first call.

    Args:
        client: The database.
        run_id: The run.
        path: The model's folder below its artifacts, `model` for example.

    Returns:
        `path` itself if the model is not an exported program or holds ONNX already, else
        `<path>-onnx`.

    Raises:
        NotFoundError: There is no such model.
        ConversionError: It cannot be converted; the run's tag `tracker.onnx.failure` says why.
        UnsupportedError: onnx, onnxscript, onnxruntime, or torch is not installed.
    """
    artifacts = client.artifacts(run_id)
    folder = artifacts.local_path(path)
    flavors = Model.load(folder).flavors
    program = folder / "data" / "model.pt2"
    if "onnx" in flavors or "pytorch" not in flavors or not program.is_file():
        return path
    converted = path.rstrip("/") + SUFFIX
    if any(entry.path == f"{converted}/{MLMODEL}" for entry in artifacts.list(converted)):
        return converted
    try:
        with tempfile.TemporaryDirectory(prefix="onnx-") as temporary:
            target = Path(temporary, "model")
            convert(folder, target, run_id=run_id, artifact_path=converted)
            client.log_artifacts(run_id, str(target), converted)
    except ConversionError as error:
        client.set_tag(run_id, TRACKER_ONNX_FAILURE, str(error))
        raise
    return converted


def as_registered(client: TrackingClient, run_id: str, path: str) -> str:
    """The artifact path under which a run's model is registered: as ONNX where that can be.

    Without ONNX only MLflow 3.9 and later load an exported program; a warning says why.

    Args:
        client: The database.
        run_id: The run.
        path: The model's folder below its artifacts; what is no model folder stays as it is.

    Raises:
        NotFoundError: There is no such run.
    """
    inside = {entry.path for entry in client.artifacts(run_id).list(path)}
    if f"{path.rstrip('/')}/{MLMODEL}" not in inside:
        return path
    try:
        return as_onnx(client, run_id, path)
    except (ConversionError, UnsupportedError) as error:
        warn(f"The model is registered as it is, not as ONNX: {error}")
        return path


def convert(
    folder: Path, target: Path, *, run_id: str | None = None, artifact_path: str | None = None
) -> None:
    """Write the exported program of a model folder as a new folder of ONNX.

    Inputs and outputs get the names of the signature, else `input` and `output`; the number of
    rows stays open. The two are compared on the input example.

    Args:
        folder: The model's folder.
        target: The new one.
        run_id: The run it will belong to.
        artifact_path: Where it will lie below that run's artifacts.

    Raises:
        ConversionError: The program cannot be converted, or the result computes something else.
        UnsupportedError: A package is missing.
    """
    torch = files.flavor_module("torch", "torch")
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(package)
        except ImportError as error:
            raise UnsupportedError(
                f'Writing ONNX needs {package}: pip install "ml-tracker[serving]".'
            ) from error
    description = Model.load(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Torch warns of its own deprecations.
        try:
            program = torch.export.load(inert_program(folder / "data" / "model.pt2"))
            names = _names(program, description.signature)
            options = {"dynamo": True, "verbose": False, "opset_version": OPSET}
            model = torch.onnx.export(program, **options, **names).model_proto
        except UnsafeModelError as error:
            raise ConversionError(str(error)) from error
        except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConversionError(f"The model has no equal as ONNX: {reason}") from error
    model.ir_version = IR_VERSION
    example = description.load_input_example(folder)
    signature = _named(description.signature, model)
    onnx_flavor.save_model(
        model, target, signature=signature, input_example=example, metadata=description.metadata
    )
    written = Model.load(target)
    written.run_id, written.artifact_path = run_id, artifact_path
    written.save(target / MLMODEL)
    if example is not None:
        _compare(program.module(), onnx_flavor.Predictor(target / "model.onnx"), example)


def _names(program: Any, signature: ModelSignature | None) -> dict[str, list[str]]:
    """Names for the inputs and outputs of the program."""
    counts = (
        len(program.graph_signature.user_inputs),
        len(program.graph_signature.user_outputs),
    )
    schemas = (signature.inputs, signature.outputs) if signature else (None, None)
    return {
        f"{kind}_names": _distinct(schema, count, kind)
        for kind, schema, count in zip(("input", "output"), schemas, counts, strict=True)
    }


def _distinct(schema: Schema | None, count: int, word: str) -> list[str]:
    given = schema.input_names() if schema and schema.has_input_names() else []
    if len(given) == count:
        return [str(name) for name in given]
    return [word] if count == 1 else [f"{word}_{i}" for i in range(count)]


def _named(signature: ModelSignature | None, model: Any) -> ModelSignature | None:
    """The signature with the names that the ONNX model has."""
    own = onnx_flavor.signature_of(model)
    if signature is None or own is None:
        return own
    return ModelSignature(
        _with_names(signature.inputs, own.inputs), _with_names(signature.outputs, own.outputs)
    )


def _with_names(schema: Schema | None, own: Schema | None) -> Schema | None:
    if schema is None or own is None or len(schema.inputs) != len(own.inputs):
        return own
    pairs = zip(schema.inputs, own.inputs, strict=True)
    specs: list[ColSpec | TensorSpec] = [
        TensorSpec(spec.type, spec.shape, named.name)
        for spec, named in pairs
        if isinstance(spec, TensorSpec)
    ]
    return Schema(specs) if len(specs) == len(own.inputs) else own


def _compare(program: Any, predictor: onnx_flavor.Predictor, example: Any) -> None:
    """Check that both compute the same.

    Raises:
        ConversionError: They differ by more than 1e-4.
    """
    import numpy as np  # noqa: PLC0415

    torch = files.flavor_module("torch", "torch")
    array = np.asarray(example, np.float32)
    with torch.inference_mode():
        expected = program(torch.from_numpy(array))
    outputs = expected if isinstance(expected, (tuple, list)) else [expected]
    found: dict[str, Any] = predictor.predict(array)
    for (name, got), want in zip(found.items(), outputs, strict=True):
        if not np.allclose(got, want.numpy(), rtol=TOLERANCE, atol=TOLERANCE):
            raise ConversionError(f"The ONNX model computes another {name!r} than the program.")
