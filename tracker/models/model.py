"""The `MLmodel` file of a model folder, in MLflow's format.

A model folder holds `MLmodel`, the files of its flavors, and what people and servers need beside
them: `requirements.txt`, `conda.yaml`, `python_env.yaml`, perhaps `code/` and an input example.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tracker.block_yaml import read_yaml, typed, write_yaml
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.model_names import MODEL_FOLDER
from tracker.models import examples
from tracker.models.signature import ModelSignature
from tracker.names import random_id

if TYPE_CHECKING:
    from tracker.client import TrackingClient
    from tracker.types.params import ParamSchema
    from tracker.types.schema import Schema

MLMODEL: Final = "MLmodel"
PYFUNC: Final = "python_function"
# The release whose reading of the file the tracker relies on: every later one reads it too.
MLFLOW_VERSION: Final = "2.4.0"
_LARGEST_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class ModelInfo:
    """What `log_model` returns: where the model is and what it says of itself.

    Args:
        model_uri: `runs:/<run_id>/<path>`, or the path of a folder outside of runs.
        flavors: Flavor -> its settings.
        registered_model_version: The version it was registered as, if it was.
    """

    model_uri: str
    run_id: str | None
    artifact_path: str | None
    model_uuid: str | None
    flavors: dict[str, dict[str, Any]]
    signature: ModelSignature | None
    mlflow_version: str | None
    utc_time_created: str | None
    metadata: dict[str, Any] | None = None
    saved_input_example_info: dict[str, Any] | None = None
    registered_model_version: int | None = None
    model_id: str | None = None


@dataclass(slots=True)
class Model:
    """The content of an `MLmodel` file.

    Args:
        artifact_path: Its folder below the run's artifacts.
        run_id: The run that logged it.
        utc_time_created: As MLflow writes it, `2026-11-30 09:00:00.000000`.
        flavors: Flavor -> its settings; `python_function` is the one that every model has.
        signature: What goes in and comes out, if known.
        saved_input_example_info: Where the input example is and of which kind.
        model_uuid: 32 hexadecimal digits.
        mlflow_version: The release that wrote it.
        metadata: The user's own.
    """

    artifact_path: str | None = None
    run_id: str | None = None
    utc_time_created: str | None = field(default_factory=lambda: str(datetime.now(UTC))[:26])
    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    model_uuid: str | None = field(default_factory=random_id)
    mlflow_version: str | None = MLFLOW_VERSION
    metadata: dict[str, Any] | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The model of a folder or of a URI such as `models:/digits@champion`.

        Nothing of the model itself is loaded or run.

        Raises:
            NotFoundError: There is no such model.
            InvalidValueError: The file is not an `MLmodel` file.
        """
        from tracker.models.uris import local_model  # noqa: PLC0415

        folder = local_model(path)
        return cls.read(folder if folder.is_file() else folder / MLMODEL)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The content of an `MLmodel` file.

        Raises:
            NotFoundError: There is no such file.
            InvalidValueError: It is something else.
        """
        try:
            with file.open("rb") as stream:
                content = stream.read(_LARGEST_BYTES)
        except OSError as error:
            raise NotFoundError(
                f"{str(file.parent)!r} is not a model: it has no readable file {MLMODEL!r}."
            ) from error
        try:
            return cls.from_dict(read_yaml(content.decode(), typed))
        except (UnicodeDecodeError, InvalidValueError) as error:
            raise InvalidValueError(f"{str(file)!r} cannot be read: {error}") from error

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """The model that the entries of an `MLmodel` file describe.

        Raises:
            InvalidValueError: They describe none.
        """
        flavors = found.get("flavors")
        is_model = isinstance(flavors, dict) and all(isinstance(f, dict) for f in flavors.values())
        if not is_model:
            raise InvalidValueError("it names no flavors")
        signature = found.get("signature")
        known = {name: found[name] for name in cls.__slots__ if name in found}
        return cls(**known | {"signature": signature and ModelSignature.from_dict(signature)})

    def to_dict(self) -> dict[str, Any]:
        """The entries of an `MLmodel` file; what is None is left out."""
        found = {name: getattr(self, name) for name in self.__slots__}
        if self.signature is not None:
            found["signature"] = self.signature.to_dict()
        return {name: found[name] for name in sorted(found) if found[name] is not None}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file.

        Raises:
            InvalidValueError: The metadata or a flavor holds what YAML cannot.
        """
        Path(path).write_text(write_yaml(self.to_dict()), encoding="utf-8")

    def get_model_info(self, registered_model_version: int | None = None) -> ModelInfo:
        """What `log_model` returns."""
        is_logged = self.run_id and self.artifact_path
        return ModelInfo(
            f"runs:/{self.run_id}/{self.artifact_path}" if is_logged else str(self.artifact_path),
            self.run_id,
            self.artifact_path,
            self.model_uuid,
            self.flavors,
            self.signature,
            self.mlflow_version,
            self.utc_time_created,
            self.metadata,
            self.saved_input_example_info,
            registered_model_version,
        )

    def get_input_schema(self) -> Schema | None:
        """The columns or tensors that go in."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Schema | None:
        """The columns or tensors that come out."""
        return self.signature.outputs if self.signature else None

    def get_params_schema(self) -> ParamSchema | None:
        """The parameters that the model takes beside its input."""
        return self.signature.params if self.signature else None

    def load_input_example(self, path: str | os.PathLike[str]) -> Any:
        """The input example in the model's folder, or None, as the kind of data it was.

        Raises:
            InvalidValueError: The file holds something else.
        """
        info = self.saved_input_example_info
        return None if info is None else examples.read(Path(path), info)


def has_model(client: TrackingClient, run_id: str, path: str = MODEL_FOLDER) -> bool:
    """Whether a run has logged a model.

    Args:
        client: Of the run's database.
        run_id: The run.
        path: The model's folder below the run's artifacts.

    Raises:
        TrackerError: There is no such run, or its artifacts cannot be listed.
    """
    return f"{path}/{MLMODEL}" in {entry.path for entry in client.list_artifacts(run_id, path)}


def get_model_info(model_uri: str | os.PathLike[str]) -> ModelInfo:
    """What a model says of itself; nothing of it is loaded or run.

    Args:
        model_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version>`, `models:/<name>@<alias>`,
            or the path of a model folder.

    Raises:
        NotFoundError: There is no such model.
        InvalidValueError: Its `MLmodel` file cannot be read.
    """
    model = Model.load(model_uri)
    info = model.get_model_info()
    return info if model.run_id else replace(info, model_uri=os.fspath(model_uri))
