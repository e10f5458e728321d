"""The packages a model needs, in the three files that MLflow keeps beside it.

None of them is needed to load a model: they are for people, and for servers that build an
environment of their own.
"""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracker.block_yaml import read_yaml, typed, write_yaml
from tracker.exceptions import ArtifactError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Requirements = str | os.PathLike[str] | Iterable[str]
    CondaEnv = str | os.PathLike[str] | dict[str, Any]

REQUIREMENTS: Final = "requirements.txt"
CONDA: Final = "conda.yaml"
VIRTUALENV: Final = "python_env.yaml"
# What the entry `env` of the flavor python_function says.
ENV: Final = {"conda": CONDA, "virtualenv": VIRTUALENV}


def write(
    folder: Path,
    packages: Sequence[str],
    *,
    pip_requirements: Requirements | None = None,
    extra_pip_requirements: Requirements | None = None,
    conda_env: CondaEnv | None = None,
) -> None:
    """Write the three files into a model's folder.

    Args:
        folder: The model's.
        packages: The distributions that the flavor needs, such as "scikit-learn".
        pip_requirements: All requirements, as a list or a requirements file, instead of these.
        extra_pip_requirements: What to add to them.
        conda_env: A whole environment as a dict or a YAML file, instead of all others.

    Raises:
        InvalidValueError: The environment is given twice, or a requirement is not a text.
        ArtifactError: A file that was named cannot be read.
    """
    if conda_env is not None and (pip_requirements or extra_pip_requirements):
        raise InvalidValueError("Give conda_env or pip requirements, not both.")
    if conda_env is None:
        given = pinned(packages) if pip_requirements is None else _listed(pip_requirements)
        wanted = [*given, *_listed(extra_pip_requirements or ())]
        conda = _conda(wanted)
    else:
        conda = conda_env if isinstance(conda_env, dict) else read_yaml(_text(conda_env), typed)
        wanted = _pip_of(conda)
    virtualenv = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    (folder / REQUIREMENTS).write_text("".join(f"{each}\n" for each in wanted), encoding="utf-8")
    (folder / CONDA).write_text(write_yaml(conda), encoding="utf-8")
    (folder / VIRTUALENV).write_text(write_yaml(virtualenv), encoding="utf-8")


def pinned(packages: Sequence[str]) -> list[str]:
    """Requirements with the versions that are installed; MLflow, which loads the model, without."""
    return ["mlflow", *(f"{name}=={version(name)}" for name in packages if version(name))]


def version(package: str) -> str | None:
    """The installed version of a distribution without its build ("2.6.0", not "2.6.0+cpu")."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _conda(requirements: Sequence[str]) -> dict[str, Any]:
    python = f"python={platform.python_version()}"
    dependencies = [python, "pip", {"pip": list(requirements)}]
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}


def _pip_of(conda: dict[str, Any]) -> list[str]:
    found = [each for each in conda.get("dependencies") or () if isinstance(each, dict)]
    return [str(each) for group in found for each in group.get("pip") or ()]


def _listed(requirements: Requirements) -> list[str]:
    if isinstance(requirements, str | os.PathLike):
        lines = (line.strip() for line in _text(requirements).splitlines())
        return [line for line in lines if line and not line.startswith("#")]
    wanted = list(requirements)
    if not all(isinstance(each, str) for each in wanted):
        raise InvalidValueError(f"pip requirements are texts such as 'numpy>=2', not {wanted!r}.")
    return wanted


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"cannot read {os.fspath(path)!r}: {error}") from error
