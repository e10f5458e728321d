"""XGBoost models in MLflow's format, which holds no pickle: `tracker.xgboost.log_model`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from tracker.exceptions import InvalidValueError
from tracker.models import files
from tracker.models import folder as folders
from tracker.models.autolog import autolog_of
from tracker.models.uris import local_model

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tracker.models.model import ModelInfo

_FORMATS: Final = ("ubj", "json")
_BOOSTER: Final = "xgboost.core.Booster"

autolog = autolog_of("xgboost")


def save_model(
    xgb_model: Any,
    path: str | os.PathLike[str],
    *,
    model_format: str = "ubj",
    **options: Unpack[folders.SaveOptions],
) -> None:
    """Write a Booster or a model of XGBoost's scikit-learn API into a new folder.

    Args:
        xgb_model: The trained model.
        path: The folder.
        model_format: "ubj" or "json".
        options: See `tracker.models.folder.SaveOptions`.

    Raises:
        AlreadyExistsError: There is something at the path.
    """
    folders.save(path, partial(_write, xgb_model, model_format), **options)


def log_model(
    xgb_model: Any,
    artifact_path: str | None = None,
    *,
    model_format: str = "ubj",
    **options: Unpack[folders.LogOptions],
) -> ModelInfo:
    """Log an XGBoost model as a folder of the active run; see `save_model`.

    Args:
        xgb_model: The trained model.
        artifact_path: The folder below the run's artifacts; or `name`.
        model_format: "ubj" or "json".
        options: See `tracker.models.folder.LogOptions`.
    """
    return folders.log(artifact_path, partial(_write, xgb_model, model_format), **options)


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None) -> Any:
    """The model behind a URI, a Booster or, say, an XGBClassifier.

    Raises:
        NotFoundError: There is no such model.
        UnsupportedError: XGBoost is not installed.
    """
    return _load(local_model(model_uri, dst_path))


class _Predictor:
    """The generic model of the flavor."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get_raw_model(self) -> Any:
        """The XGBoost model."""
        return self._model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """What the model predicts for a table or an array."""
        import xgboost  # noqa: PLC0415

        if isinstance(self._model, xgboost.Booster):
            data = xgboost.DMatrix(data)
        return self._model.predict(data, **params or {})


def load_predictor(folder: Path, settings: dict[str, Any]) -> _Predictor:
    """The generic model in a folder."""
    del settings
    return _Predictor(_load(folder))


def _write(model: Any, kind: str, folder: Path) -> folders.Contents:
    if kind not in _FORMATS:
        raise InvalidValueError(
            f"An XGBoost model is written as one of {', '.join(_FORMATS)}, not {kind!r}."
        )
    xgboost = files.flavor_module("xgboost", "xgboost")
    file = f"model.{kind}"
    model.save_model(folder / file)
    of_model = type(model)
    settings = {
        "data": file,
        "model_class": f"{of_model.__module__}.{of_model.__name__}",
        "model_format": kind,
        "xgb_version": xgboost.__version__,
    }
    pyfunc = {"loader_module": "mlflow.xgboost", "data": file}
    packages = ["xgboost", "numpy", "scipy"]
    if of_model.__module__ == "xgboost.sklearn":
        packages.append("scikit-learn")
    return folders.Contents({"python_function": pyfunc, "xgboost": settings}, packages)


def _load(folder: Path) -> Any:
    settings = files.flavor_settings(folder, "xgboost")
    file = files.model_file(folder, settings.get("data", "model.xgb"))
    files.flavor_module("xgboost", "xgboost")
    model = files.class_of("xgboost", str(settings.get("model_class", _BOOSTER)))()
    model.load_model(file)
    return model
