"""Models whose own code is kept instead of a pickle, and runs when they are loaded."""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_models: list[Any] = []


def set_model(model: Any) -> None:
    """Say which object of a file is the model, at the end of a file given as `python_model`."""
    _models.append(model)


def run(file: Path) -> Any:
    """Run a file, in which `mlflow` means the tracker, and return the model it sets.

    Raises:
        InvalidValueError: It sets none.
    """
    before = len(_models)
    with tracker_as_mlflow():
        runpy.run_path(str(file))
    found = _models[before:]
    del _models[before:]
    if not found:
        raise InvalidValueError(
            f"{str(file)!r} sets no model: end it with `mlflow.models.set_model(MyModel())`."
        )
    return found[-1]


@contextmanager
def tracker_as_mlflow() -> Iterator[None]:
    """Within the block, `import mlflow` gives the tracker."""
    from tracker import as_mlflow  # noqa: PLC0415

    def of_mlflow() -> dict[str, Any]:
        return {
            name: module for name, module in sys.modules.items() if name.split(".")[0] == "mlflow"
        }

    before = of_mlflow()
    for name in before:
        del sys.modules[name]
    sys.modules.update(as_mlflow.modules())
    try:
        yield
    finally:
        for name in of_mlflow():
            del sys.modules[name]
        sys.modules.update(before)
