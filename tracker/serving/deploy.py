"""Files that bring a served model elsewhere: a Docker build folder, a systemd unit."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.serving.errors import ServingError

if TYPE_CHECKING:
    from tracker.serving.model import ServedModel

PACKAGES = {
    "onnx": ("onnxruntime", "numpy"),
    "pytorch": ("torch", "numpy"),
    "xgboost": ("xgboost", "numpy"),
    "lightgbm": ("lightgbm", "numpy"),
}
SERVER = ("starlette", "uvicorn", "httptools", "pillow")

DOCKERFILE = """\
FROM python:{python}-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY tracker tracker
COPY model model
RUN useradd --no-create-home serving
USER serving
EXPOSE 5001
HEALTHCHECK CMD python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:5001/ping')"
CMD ["python", "-m", "tracker", "serve", "model", "--host", "0.0.0.0", "--port", "5001"]
"""

UNIT = """\
[Unit]
Description=Model {name}
After=network.target

[Service]
WorkingDirectory={folder}
ExecStart={command}
Restart=on-failure
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths={folder}
MemoryMax=1G

[Install]
WantedBy=multi-user.target
"""


def write_docker_folder(served: ServedModel, folder: Path) -> None:
    """Write a folder that `docker build` turns into a server, without this repository.

    Args:
        served: The model.
        folder: A new folder.

    Raises:
        ServingError: The folder exists.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise ServingError(f"{folder} exists; name a new folder.") from error
    package = Path(__file__).parents[1]
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(package, folder / "tracker", ignore=ignored)
    schema = package / "schema.sql"
    source = schema if schema.is_file() else package.parent / "schema.sql"
    shutil.copyfile(source, folder / "tracker" / "schema.sql")
    shutil.copytree(served.target.folder, folder / "model")
    (folder / "requirements.txt").write_text(requirements(set(served.flavors)), encoding="utf-8")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "Dockerfile").write_text(DOCKERFILE.format(python=python), encoding="utf-8")


def requirements(flavors: set[str]) -> str:
    """The packages a server of this model needs, at the versions installed here."""
    first = next(flavor for flavor in PACKAGES if flavor in flavors)
    lines = []
    for name in sorted({*PACKAGES[first], *SERVER}):
        try:
            lines.append(f"{name}=={version(name).split('+')[0]}\n")
        except PackageNotFoundError:
            lines.append(f"{name}\n")
    return "".join(lines)


def systemd_unit(name: str, arguments: list[str], folder: Path) -> str:
    """A unit that runs the same `serve` command in `folder` and restarts it after a failure."""
    command = shlex.join([sys.executable, "-m", "tracker", *arguments])
    values = {"name": name, "folder": str(folder), "command": command}
    # systemd replaces what begins with a percent sign.
    return UNIT.format(**{key: value.replace("%", "%%") for key, value in values.items()})
