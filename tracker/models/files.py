"""Reads model folders: what a flavor finds in one, and the framework it needs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, NotFoundError, UnsupportedError
from tracker.models.model import MLMODEL, Model

if TYPE_CHECKING:
    from pathlib import Path

CODE: Final = "code"


def flavor_module(name: str, package: str) -> Any:
    """The framework of a flavor.

    Raises:
        UnsupportedError: It is not installed; says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UnsupportedError(
            f"The {name} flavor needs {package}: `pip install {package}`."
        ) from error


def flavor_settings(folder: Path, flavor: str) -> dict[str, Any]:
    """The settings of a flavor of the model in a folder.

    Raises:
        InvalidValueError: The model does not have it.
    """
    flavors = Model.read(folder / MLMODEL).flavors
    if flavor not in flavors:
        raise InvalidValueError(
            f"The model {str(folder)!r} has no flavor {flavor!r}, only {', '.join(flavors)}."
        )
    return flavors[flavor]


def model_file(folder: Path, name: object) -> Path:
    """A file that an `MLmodel` file names, inside of the model's folder.

    Raises:
        NotFoundError: It is missing or elsewhere.
    """
    path = folder / str(name)
    is_inside = path.resolve().is_relative_to(folder.resolve())
    if not is_inside or not path.exists():
        raise NotFoundError(f"The model {str(folder)!r} has no file {name!r}.")
    return path


def add_code(folder: Path, settings: dict[str, Any]) -> None:
    """Let the code kept beside a model be imported from now on."""
    if not settings.get(CODE):
        return
    path = str(model_file(folder, settings[CODE]).resolve())
    if path not in sys.path:
        sys.path.insert(0, path)


def class_of(package: str, dotted: str) -> Any:
    """A class of a framework by its full name.

    Raises:
        InvalidValueError: It belongs to another package, or there is none.
    """
    module, _, name = dotted.rpartition(".")
    if module.split(".")[0] != package:
        raise InvalidValueError(f"The model names the class {dotted!r}, which is not {package}'s.")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidValueError(
            f"{package} has no {dotted!r}: the model needs another release."
        ) from error
