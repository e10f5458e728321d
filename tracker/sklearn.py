"""scikit-learn models in MLflow's format: `tracker.sklearn.log_model(model, "model")`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from tracker.exceptions import InvalidValueError
from tracker.models import files, pickles, skops_files
from tracker.models import folder as folders
from tracker.models.autolog import autolog_of
from tracker.models.uris import local_model

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.models.model import ModelInfo

SERIALIZATION_FORMAT_PICKLE: Final = "pickle"
SERIALIZATION_FORMAT_CLOUDPICKLE: Final = "cloudpickle"
SERIALIZATION_FORMAT_SKOPS: Final = "skops"
_FORMATS: Final = ("pickle", "cloudpickle", "skops")

autolog = autolog_of("sklearn")


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    *,
    serialization_format: str = SERIALIZATION_FORMAT_PICKLE,
    pyfunc_predict_fn: str = "predict",
    skops_trusted_types: Sequence[str] | None = None,
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write a scikit-learn model into a new folder.

    Args:
        sk_model: The fitted model or pipeline.
        path: The folder.
        serialization_format: "pickle" loads in every MLflow, "skops" holds no pickle and loads in
            3.9 and later; "cloudpickle" is written where a pickle would not load elsewhere.
        pyfunc_predict_fn: The method behind `predict` of the generic model.
        skops_trusted_types: More types that MLflow may load from a skops file.
        options: See `tracker.models.folder.SaveOptions`.

    Raises:
        AlreadyExistsError: There is something at the path.
        InvalidValueError: The model cannot be written so.
    """
    settings = (sk_model, serialization_format, pyfunc_predict_fn, skops_trusted_types or ())
    folders.save(path, partial(_write, *settings), **options)


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    *,
    serialization_format: str = SERIALIZATION_FORMAT_PICKLE,
    pyfunc_predict_fn: str = "predict",
    skops_trusted_types: Sequence[str] | None = None,
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log a scikit-learn model as a folder of the active run; see `save_model`.

    Args:
        sk_model: The fitted model or pipeline.
        artifact_path: The folder below the run's artifacts; or `name`.
        serialization_format: "pickle", "cloudpickle" or "skops".
        pyfunc_predict_fn: The method behind `predict` of the generic model.
        skops_trusted_types: More types that MLflow may load from a skops file.
        options: See `tracker.models.folder.LogOptions`.

    Raises:
        InvalidValueError: The model cannot be written so; nothing is logged.
    """
    settings = (sk_model, serialization_format, pyfunc_predict_fn, skops_trusted_types or ())
    return folders.log(artifact_path, partial(_write, *settings), **options)


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Any:
    """The scikit-learn model behind a URI. What its pickle says is run.

    Raises:
        NotFoundError: There is no such model.
        UnsafeModelError: Pickles may not be loaded, or a skops file names a strange type.
    """
    return _load(local_model(model_uri, dst_path))


class _Predictor:
    """The generic model of the flavor."""

    def __init__(self, model: Any, method: str) -> None:
        self._model, self._method = model, method

    def get_raw_model(self) -> Any:
        """The scikit-learn model."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model's method returns."""
        return getattr(self._model, self._method)(data, **params or {})


def load_predictor(folder: Path, settings: dict[str, Any]) -> _Predictor:
    """The generic model in a folder."""
    return _Predictor(_load(folder), str(settings.get("predict_fn", "predict")))


def _write(
    model: Any, kind: str, method: str, trusted: Sequence[str], folder: Path
) -> folders.Contents:
    if kind not in _FORMATS:
        raise InvalidValueError(
            f"A scikit-learn model is written as one of {', '.join(_FORMATS)}, not {kind!r}."
        )
    file = "model.skops" if kind == SERIALIZATION_FORMAT_SKOPS else "model.pkl"
    settings: dict[str, Any] = {"pickled_model": file, "serialization_format": kind}
    packages = ["scikit-learn", "numpy", "scipy"]
    if kind == SERIALIZATION_FORMAT_SKOPS:
        settings["skops_trusted_types"] = skops_files.dump(model, folder / file, trusted)
        packages.append("skops")
    else:
        extra = pickles.dump(model, folder / file)
        settings["serialization_format"] = SERIALIZATION_FORMAT_CLOUDPICKLE if extra else kind
        packages += extra
    settings["sklearn_version"] = files.flavor_module("sklearn", "scikit-learn").__version__
    pyfunc = {"loader_module": "mlflow.sklearn", "model_path": file, "predict_fn": method}
    return folders.Contents({"python_function": pyfunc, "sklearn": settings}, packages)


def _load(folder: Path) -> Any:
    settings = files.flavor_settings(folder, "sklearn")
    file = files.model_file(folder, settings.get("pickled_model", "model.pkl"))
    files.flavor_module("sklearn", "scikit-learn")
    files.add_code(folder, settings)
    is_skops = settings.get("serialization_format") == SERIALIZATION_FORMAT_SKOPS
    return skops_files.load(file) if is_skops else pickles.load(file)
