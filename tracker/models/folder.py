"""Writes model folders: saved at a path, or logged into the active run.

A flavor writes its own files and says what it wrote (`Contents`); all the rest is here.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict, Unpack

from tracker.exceptions import (
    AlreadyExistsError,
    InvalidValueError,
    TrackerError,
    UnsupportedError,
    warn,
)
from tracker.model_names import check_name
from tracker.models import environment, examples, generic
from tracker.models.files import CODE
from tracker.models.model import MLMODEL, PYFUNC, Model, ModelInfo
from tracker.models.signature import ModelSignature, infer_signature
from tracker.tags import MLFLOW_LOGGED_MODELS
from tracker.validation import MAX_TAG_VALUE

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from tracker.models.environment import CondaEnv, Requirements

# What a model raises that does not take its input example.
_MISFITS: Final = (
    TrackerError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a flavor wrote into a model folder.

    Args:
        flavors: Flavor -> its settings; what all models have in common is added.
        packages: The distributions needed to load it, such as "scikit-learn".
        signature: Known to the flavor, where the user gives none.
    """

    flavors: dict[str, dict[str, Any]]
    packages: Sequence[str] = field(default_factory=list)
    signature: ModelSignature | None = None


Write: TypeAlias = Callable[[Path], Contents]


class SaveOptions(TypedDict, total=False):
    """The arguments that `save_model` of every flavor takes.

    Args:
        signature: The model's input and output; inferred from the input example by default.
        input_example: A small input, kept beside the model; `(input, params)` with parameters.
        pip_requirements: All requirements, instead of those that the flavor has.
        extra_pip_requirements: Requirements beside them.
        conda_env: A whole environment, as a dict or a YAML file.
        code_paths: Files and folders with the code that the model needs, kept beside it; MLflow 2
            calls it `code_path`, too.
        metadata: The user's own entries of the `MLmodel` file.
    """

    signature: ModelSignature | None
    input_example: Any
    pip_requirements: Requirements | None
    extra_pip_requirements: Requirements | None
    conda_env: CondaEnv | None
    code_paths: Sequence[str | os.PathLike[str]] | None
    code_path: Sequence[str | os.PathLike[str]] | None
    metadata: dict[str, Any] | None
    infer_code_paths: bool


class LogOptions(SaveOptions, total=False):
    """The arguments that `log_model` of every flavor takes, those of `save_model` included.

    Args:
        name: The model's folder below the run's artifacts, before `artifact_path`.
        registered_model_name: Register it under this name, too.
        await_registration_for: For MLflow's sake, as are `model_type`, `step`, `tags`, `params`,
            `prompts` and `infer_code_paths`: they belong to MLflow 3's logged models.
    """

    name: str | None
    registered_model_name: str | None
    await_registration_for: int | None
    model_type: str | None
    step: int
    tags: dict[str, Any] | None
    params: dict[str, Any] | None
    prompts: list[Any] | None


def save(path: str | os.PathLike[str], write: Write, /, **options: Unpack[SaveOptions]) -> None:
    """Write a model folder at a path.

    Raises:
        AlreadyExistsError: There is something at the path.
        InvalidValueError: An argument breaks a rule.
    """
    _refuse_unknown(options, SaveOptions)
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExistsError(
            f"There is something at {str(path)!r}: name a new folder for the model, or delete it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, Model(), write, options)


def log(artifact_path: str | None, write: Write, /, **options: Unpack[LogOptions]) -> ModelInfo:
    """Write a model folder into the active run, which is started if there is none.

    Raises:
        InvalidValueError: There is no name, or an argument breaks a rule; nothing is logged.
    """
    from tracker.active_runs import active_run_id  # noqa: PLC0415
    from tracker.current import get_client  # noqa: PLC0415

    _refuse_unknown(options, LogOptions)
    name = options.get("name") or artifact_path
    if not isinstance(name, str) or not name.strip("/"):
        raise InvalidValueError(
            f"log_model needs the name of the model's folder, such as name='model', not {name!r}."
        )
    registered_name = options.get("registered_model_name")
    if registered_name is not None:
        check_name(registered_name)
    client, run_id = get_client(), active_run_id()
    model = Model(artifact_path=name.rstrip("/"), run_id=run_id)
    with tempfile.TemporaryDirectory(prefix="model-") as temporary:
        _write(Path(temporary), model, write, options)
        client.log_artifacts(run_id, temporary, model.artifact_path)
    client.store.append_to_tag(run_id, MLFLOW_LOGGED_MODELS, _history_entry(model), MAX_TAG_VALUE)
    info = model.get_model_info()
    if registered_name is None:
        return info
    version = client.register_model(info.model_uri, registered_name)
    return replace(info, registered_model_version=version.version)


def _write(folder: Path, model: Model, write: Write, options: SaveOptions) -> None:
    """Fill a folder with a model and all that belongs to it."""
    contents = write(folder)
    model.flavors = _with_common_settings(contents.flavors)
    if code_paths := options.get("code_paths") or options.get("code_path"):
        _copy_code(code_paths, folder / CODE)
        for settings in model.flavors.values():
            settings[CODE] = CODE
    environment.write(
        folder,
        contents.packages,
        pip_requirements=options.get("pip_requirements"),
        extra_pip_requirements=options.get("extra_pip_requirements"),
        conda_env=options.get("conda_env"),
    )
    model.metadata = options.get("metadata")
    model.signature = options.get("signature") or contents.signature
    if (example := options.get("input_example")) is not None:
        data, _ = examples.with_params(example)
        model.saved_input_example_info = examples.write(folder, data)
    model.save(folder / MLMODEL)
    if example is not None and model.signature is None:
        model.signature = _signature_of_example(folder, example)
        model.save(folder / MLMODEL)


def _history_entry(model: Model) -> dict[str, Any]:
    """What MLflow's pages and clients read of a run's model in a tag."""
    names = ("run_id", "artifact_path", "utc_time_created", "model_uuid", "flavors")
    return {name: getattr(model, name) for name in names}


def _with_common_settings(flavors: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    common = {"env": environment.ENV, "python_version": platform.python_version()}
    return {
        name: settings | common if name == PYFUNC else settings
        for name, settings in flavors.items()
    }


def _copy_code(code_paths: Sequence[str | os.PathLike[str]], target: Path) -> None:
    """Copy the user's code into the model's folder.

    Raises:
        InvalidValueError: There is no such file or folder.
    """
    target.mkdir()
    for path in map(Path, [code_paths] if isinstance(code_paths, str) else code_paths):
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, target / path.resolve().name, ignore=ignored)
        elif path.is_file():
            shutil.copy(path, target)
        else:
            raise InvalidValueError(f"code_paths names {str(path)!r}, where there is nothing.")


def _signature_of_example(folder: Path, example: Any) -> ModelSignature | None:
    """What the model makes of its example; None, with a warning, where it does not take it."""
    data, params = examples.with_params(example)
    try:
        return infer_signature(
            data, generic.load_model(folder).predict(data, params=params), params
        )
    except _MISFITS as error:
        warn(f"The model has no signature: it cannot predict its input example ({error}).")
        return None


def _refuse_unknown(options: SaveOptions | LogOptions, known: type) -> None:
    for name in options:
        if name not in known.__annotations__:
            raise UnsupportedError(
                f"The tracker's models take no argument {name!r}: leave it out, or log the model "
                f"with MLflow itself."
            )
