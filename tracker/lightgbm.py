"""LightGBM models in MLflow's format: `tracker.lightgbm.log_model(booster, "model")`.

A Booster is written as text. The classes of LightGBM's scikit-learn API are pickled, as MLflow
does it: as a Booster they would predict probabilities instead of classes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from tracker.models import files, pickles, skops_files
from tracker.models import folder as folders
from tracker.models.autolog import autolog_of
from tracker.models.uris import local_model

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.models.model import ModelInfo

_BOOSTER: Final = "lightgbm.basic.Booster"
_SKOPS: Final = "skops"

autolog = autolog_of("lightgbm")


def save_model(
    lgb_model: Any,
    path: str | os.PathLike[str],
    *,
    serialization_format: str = "cloudpickle",
    skops_trusted_types: Sequence[str] | None = None,
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write a Booster or a model of LightGBM's scikit-learn API into a new folder.

    Args:
        lgb_model: The trained model.
        path: The folder.
        serialization_format: "skops" writes a model of the scikit-learn API without a pickle.
        skops_trusted_types: More types that MLflow may load from a skops file.
        options: See `tracker.models.folder.SaveOptions`.

    Raises:
        AlreadyExistsError: There is something at the path.
    """
    settings = (lgb_model, serialization_format, skops_trusted_types or ())
    folders.save(path, partial(_write, *settings), **options)


def log_model(
    lgb_model: Any,
    artifact_path: str | None = None,
    *,
    serialization_format: str = "cloudpickle",
    skops_trusted_types: Sequence[str] | None = None,
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log a LightGBM model as a folder of the active run; see `save_model`.

    Args:
        lgb_model: The trained model.
        artifact_path: The folder below the run's artifacts; or `name`.
        serialization_format: "skops" writes a model of the scikit-learn API without a pickle.
        skops_trusted_types: More types that MLflow may load from a skops file.
        options: See `tracker.models.folder.LogOptions`.
    """
    settings = (lgb_model, serialization_format, skops_trusted_types or ())
    return folders.log(artifact_path, partial(_write, *settings), **options)


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Any:
    """The model behind a URI, a Booster or, say, an LGBMClassifier.

    Raises:
        NotFoundError: There is no such model.
        UnsafeModelError: It is a pickle, and pickles may not be loaded.
        UnsupportedError: LightGBM is not installed.
    """
    return _load(local_model(model_uri, dst_path))


class _Predictor:
    """The generic model of the flavor."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """The LightGBM model."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model predicts for a table or an array."""
        return self._model.predict(data, **params or {})


def load_predictor(folder: Path, settings: dict[str, Any]) -> _Predictor:
    """The generic model in a folder."""
    del settings
    return _Predictor(_load(folder))


def _write(model: Any, kind: str, trusted: Sequence[str], folder: Path) -> folders.Contents:
    lightgbm = files.flavor_module("lightgbm", "lightgbm")
    of_model = type(model)
    settings = {
        "model_class": f"{of_model.__module__}.{of_model.__name__}",
        "lgb_version": lightgbm.__version__,
    }
    packages = ["lightgbm", "numpy", "scipy"]
    if isinstance(model, lightgbm.Booster):
        settings["data"] = "model.lgb"
        model.save_model(folder / "model.lgb")
    elif kind == _SKOPS:
        settings |= {"data": "model.skops", "serialization_format": _SKOPS}
        settings["skops_trusted_types"] = skops_files.dump(model, folder / "model.skops", trusted)
        packages += ["scikit-learn", "skops"]
    else:
        settings |= {"data": "model.pkl", "serialization_format": "cloudpickle"}
        packages += ["scikit-learn", *pickles.dump(model, folder / "model.pkl")]
    pyfunc = {"loader_module": "mlflow.lightgbm", "data": settings["data"]}
    return folders.Contents({"python_function": pyfunc, "lightgbm": settings}, packages)


def _load(folder: Path) -> Any:
    settings = files.flavor_settings(folder, "lightgbm")
    file = files.model_file(folder, settings.get("data", "model.lgb"))
    lightgbm = files.flavor_module("lightgbm", "lightgbm")
    if settings.get("model_class", _BOOSTER) == _BOOSTER:
        return lightgbm.Booster(model_file=file)
    is_skops = settings.get("serialization_format") == _SKOPS
    return skops_files.load(file) if is_skops else pickles.load(file)
