"""The input example of a model folder: a small input, kept as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE_FILE: Final = "input_example.json"


def write(folder: Path, example: Any) -> dict[str, Any]:
    """Keep an example in a model folder.

    Args:
        folder: The model's.
        example: A DataFrame, Series, array, torch tensor, dict of arrays, or what JSON can say.

    Returns:
        What an `MLmodel` file says of it: its file and its kind.

    Raises:
        InvalidValueError: It is something else.
    """
    content, kind = _as_json(example)
    try:
        text = json.dumps(content, default=_plain)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"An input example is a table, an array or what JSON can say, not "
            f"{type(example).__name__}: {error}."
        ) from error
    (folder / EXAMPLE_FILE).write_text(text, encoding="utf-8")
    return {"artifact_path": EXAMPLE_FILE, **kind}


def read(folder: Path, info: dict[str, Any]) -> Any:
    """The example of a model folder as the kind of data it was.

    Raises:
        InvalidValueError: The file is missing, or holds something else.
    """
    file = folder / str(info.get("artifact_path", EXAMPLE_FILE))
    if file.resolve().parent != folder.resolve():
        raise InvalidValueError(
            f"The input example {str(file)!r} is outside of the model's folder."
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidValueError(
            f"The input example {str(file)!r} cannot be read: {error}."
        ) from error
    if info.get("type") == "dataframe":
        return _table(content, info)
    if info.get("type") == "ndarray":
        return _arrays(content)
    return content


def with_params(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """An example and the parameters that may come with it, as `(data, {"name": value})`."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):  # noqa: PLR2004
        return example[0], example[1]
    return example, None


def _as_json(example: Any) -> tuple[Any, dict[str, Any]]:
    """An example as JSON, and what the `MLmodel` file says of its kind."""
    if hasattr(example, "to_frame") and not hasattr(example, "columns"):
        example = example.to_frame()
    if hasattr(example, "columns") and hasattr(example, "to_json"):
        return _split(example), {"type": "dataframe", "pandas_orient": "split"}
    if isinstance(example, dict) and example and all(map(_is_array, example.values())):
        return {name: _plain(each) for name, each in example.items()}, {"type": "ndarray"}
    if _is_array(example):
        return _plain(example), {"type": "ndarray"}
    return example, {"type": "json_object"}


def _split(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(table.to_json(orient="split", date_format="iso"))
    is_numbered = list(table.index) == list(range(len(table)))
    return {name: each for name, each in found.items() if name != "index" or not is_numbered}


def _is_array(data: object) -> bool:
    return hasattr(data, "tolist") and getattr(data, "ndim", 0) > 0


def _plain(data: Any) -> Any:
    """JSON's idea of an array, a numpy number or a date."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
    if hasattr(data, "tolist"):
        return data.tolist()
    if hasattr(data, "isoformat"):
        return data.isoformat()
    raise TypeError(f"{type(data).__name__} is not JSON")


def _table(content: Any, info: dict[str, Any]) -> Any:
    import pandas as pd  # noqa: PLC0415

    try:
        if info.get("pandas_orient") == "split":
            return pd.DataFrame(**content)
        return pd.DataFrame(content)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"The input example holds no table: {error}.") from error


def _arrays(content: Any) -> Any:
    """An array, or arrays by name; MLflow 2 wraps them in `inputs`."""
    import numpy as np  # noqa: PLC0415

    if isinstance(content, dict) and set(content) == {"inputs"}:
        content = content["inputs"]
    if isinstance(content, dict):
        return {name: np.asarray(each) for name, each in content.items()}
    return np.asarray(content)
