"""Makes the environments of the interop tests: releases of MLflow, its users, a team's server.

    python tests/interop/environments.py FOLDER
    MLFLOW_ENVIRONMENTS=FOLDER pytest -m interop

Takes some 20 seconds with Python 3.11 or 3.12; numpy and pandas of MLflow 2.4's time have no
wheels for later ones. An environment that is there with the same requirements is used again.
mlflow-skinny is MLflow's own tracking client and store without the server, the flavours and their
gigabyte of packages.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

# Releases up to 3.8 fail to import with sqlalchemy 2.1. MLflow 2.4 needs pkg_resources, and the
# numpy and pandas of its time.
NEWEST = "newest"
RELEASES = {
    "2.4": [
        "mlflow-skinny==2.4.2",
        "sqlalchemy<2.1",
        "alembic",
        "pandas<2.3",
        "numpy<2",
        "setuptools<81",
    ],
    "2.22": ["mlflow-skinny==2.22.5", "sqlalchemy<2.1", "alembic", "pandas<3"],
    "3.5": ["mlflow-skinny==3.5.1", "sqlalchemy<2.1", "alembic", "pandas<3"],
    # With scipy, MLflow says the schema of a data set, with pillow it keeps images.
    NEWEST: ["mlflow-skinny", "sqlalchemy", "alembic", "pandas", "scipy", "pillow"],
}

# A team's server with its stores; no test of ours imports them.
SERVERS = {
    "server": ["mlflow", "psycopg2-binary", "boto3", "flask-wtf"],  # The last one for logins.
    "store": ["moto[server]"],
}

# Put on the path of the interpreter that runs the tests, which has torch: no second copy of it.
LOGGERS = [
    "pytorch-lightning",
    "torchmetrics",
    "lightning-utilities",
    "optuna",
    "optuna-integration",
    "colorlog",
    "sqlalchemy",
    "alembic",
    "mako",
    "greenlet",
    "tqdm",
]

# The same for libraries whose trackers write to MLflow: less than 100 MB.
CLIENTS = [
    "accelerate",
    "skorch",
    "tabulate",
    "transformers",
    "huggingface-hub",
    "tokenizers",
    "safetensors",
    "regex",
    "hf-xet",
    "httpx2",
    "httpcore2",
    "truststore",
    "typer",
    "shellingham",
    "annotated-doc",
    "tqdm",
]


def main() -> None:
    """Make what is missing and print a line for each environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    uv = install_uv(folder / "uv")
    for name, requirements in (RELEASES | SERVERS).items():
        print(name, make_environment(uv, folder / name, requirements))  # noqa: T201
    for name, requirements in {"loggers": LOGGERS, "clients": CLIENTS}.items():
        print(name, add_packages(uv, folder / name, requirements))  # noqa: T201


def install_uv(folder: Path) -> Path:
    """The program `uv`, which installs five environments in the time pip takes for one."""
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return folder / "bin" / "uv"


def make_environment(uv: Path, folder: Path, requirements: list[str]) -> Path:
    """The interpreter of a virtual environment that holds these packages and what they need."""
    interpreter = folder / "bin" / "python"
    if not is_made(folder, requirements):
        venv.create(folder, clear=True)
        install(uv, requirements, "--python", str(interpreter))
        if folder.name == NEWEST:
            take_whole_mlflow(uv, interpreter)
        note_made(folder, requirements)
    return interpreter


def take_whole_mlflow(uv: Path, interpreter: Path) -> None:
    """Put the newest MLflow in the place of mlflow-skinny, whose packages serve it too.

    The index may have the one without the other: 3.18.0 came without its skinny half.
    """
    target = ["--python", str(interpreter)]
    subprocess.run([uv, "pip", "uninstall", "--quiet", *target, "mlflow-skinny"], check=True)
    install(uv, ["mlflow"], "--no-deps", *target)


def add_packages(uv: Path, folder: Path, requirements: list[str]) -> Path:
    """A folder that holds these packages and nothing else."""
    if not is_made(folder, requirements):
        target = ["--no-deps", "--python", sys.executable, "--target", str(folder)]
        install(uv, requirements, *target)
        note_made(folder, requirements)
    return folder


def install(uv: Path, requirements: list[str], *options: str) -> None:
    """Install packages where the options say."""
    subprocess.run([uv, "pip", "install", "--quiet", *options, *requirements], check=True)


def is_made(folder: Path, requirements: list[str]) -> bool:
    """Whether the folder was filled with just these packages."""
    note = folder / "requirements.txt"
    return note.exists() and note.read_text().split("\n") == requirements


def note_made(folder: Path, requirements: list[str]) -> None:
    """Remember what the folder holds, once it is complete."""
    (folder / "requirements.txt").write_text("\n".join(requirements))


if __name__ == "__main__":
    main()
