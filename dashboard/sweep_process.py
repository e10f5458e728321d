"""The process of a sweep: started from the page, it goes on without it, and is stopped by a signal.

The page finds a sweep again by its run, which is RUNNING as long as the process lives.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from tracker.exceptions import InvalidStateError, InvalidValueError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.queries.sweeps import Sweep

ALLOW_VARIABLE = "DASHBOARD_ALLOW_JOBS"
LOCAL = {"localhost", "127.0.0.1", "::1"}
LAST_BYTES = 4_000
MODULE = "training.sweep"


@dataclass(frozen=True)
class Job:
    """What is asked for.

    Args:
        name: Of a new sweep.
        configuration: What is varied.
        metric: What is optimized.
        trials: How many complete or pruned ones.
        workers: How many processes.
        space: The parameters, as the configuration file writes them.
    """

    name: str
    configuration: str
    metric: str
    trials: int
    workers: int
    space: dict[str, Any]


def config_file(database: Path) -> Path | None:
    """The study's config.yaml: beside the database, else in the working directory."""
    for folder in (database.parent, Path.cwd()):
        if (folder / "config.yaml").is_file():
            return folder / "config.yaml"
    return None


def read_study(config: Path) -> dict[str, Any]:
    """A study's config.yaml as plain values.

    Raises:
        UnsupportedError: PyYAML is not installed, nor then the trainer.
        InvalidValueError: The file cannot be read.
    """
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise UnsupportedError(
            "Starting a sweep needs the trainer: pip install 'ml-tracker[training]'"
        ) from error
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidValueError(f"{config} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def is_allowed() -> bool:
    """Whether who looks may start and stop processes: from this machine, unless told otherwise."""
    if os.environ.get(ALLOW_VARIABLE) == "1":
        return True
    host = st.context.headers.get("Host", "")
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    return name in LOCAL and st.context.ip_address is None  # None is this machine


def command(config: Path, database: Path, job: Job) -> list[str]:
    """The command line that starts a sweep."""
    words = [sys.executable, "-m", MODULE, job.name, "--config", str(config)]
    words += ["--configuration", job.configuration]
    words += ["--trials", str(job.trials), "--workers", str(job.workers)]
    sets = {"metric": job.metric, "space": job.space}
    return [*words, *_sets("sweep", sets), *_database(database)]


def resume_command(config: Path, database: Path, sweep: Sweep, trials: int) -> list[str]:
    """The command line that goes on with a sweep as it began, whatever the file says by now."""
    words = [sys.executable, "-m", MODULE, "--resume", sweep.name, "--config", str(config)]
    if sweep.configuration:
        words += ["--configuration", sweep.configuration]
    words += ["--trials", str(trials)]
    how = {name: getattr(sweep.settings, name) for name in ("metric", "sampler", "pruner", "seed")}
    words += _sets("sweep", {**how, "space": sweep.space})
    words += _sets("sweep.settings", _fixed(config, sweep))
    return [*words, *_sets("data_prep", _data(sweep)), *_database(database)]


def again_command(
    config: Path, database: Path, sweep: Sweep, params: Mapping[str, Any]
) -> list[str]:
    """The command line that trains with a trial's parameters outside of the sweep.

    Args:
        config: The study.
        database: Where the run goes.
        sweep: The trial's.
        params: The trial's.
    """
    words = [sys.executable, "-m", "training", "--only", sweep.configuration]
    words += ["--config", str(config)]
    keys = {**_fixed(config, sweep), **params}
    words += _sets(f"model_configs.{sweep.configuration}", keys)
    # On the images of the sweep, or not at all: "auto" may have meant MNIST, and mean others now.
    source = str(sweep.settings.context.get("images", "")).partition(" ")[0]
    data = _data(sweep) | ({"source": source} if source else {})
    return [*words, *_sets("data_prep", data), *_database(database)]


def register_command(database: Path, run_id: str, name: str) -> list[str]:
    """The command line that registers a run's model."""
    words = [sys.executable, "-m", "tracker", "--db", str(database)]
    return [*words, "models", "register", run_id, name]


def _fixed(config: Path, sweep: Sweep) -> dict[str, Any]:
    """What the sweep sets for all trials, besides the configuration."""
    section = read_study(config).get("sweep") or {}
    context = sweep.settings.context
    return {key: context[key] for key in section.get("settings") or {} if key in context}


def _data(sweep: Sweep) -> dict[str, Any]:
    """Where its images come from, as the configuration said, and the seed."""
    known = {name: sweep.settings.context.get(f"data_{name}") for name in ("source", "seed")}
    return {name: value for name, value in known.items() if value is not None}


def _sets(section: str, values: Mapping[str, Any]) -> list[str]:
    return [
        word
        for key, value in values.items()
        for word in (
            "--set",
            f"{section}.{key}={value if isinstance(value, str) else json.dumps(value)}",
        )
    ]


def start(words: list[str], name: str) -> None:
    """Start a process; it survives the page, the browser, and the dashboard's server.

    Where two people start it at once, it is one process.

    Raises:
        InvalidValueError: The system cannot start it.
    """
    if is_starting(name):
        return
    try:
        with log_file(name).open("wb") as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise InvalidValueError(f"The process cannot be started: {error.strerror}.") from error
    _started()[name] = process


def finish(words: list[str], seconds: float = 120) -> str:
    """Run a process to its end; the last line that it prints.

    Raises:
        InvalidStateError: It fails, with what it says; or it takes longer than so many seconds.
        InvalidValueError: The system cannot start it.
    """
    try:
        done = subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=seconds,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise InvalidValueError(f"The process cannot be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise InvalidStateError(f"It was not done after {seconds:.0f} s.") from error
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    last = lines[-1] if lines else ""
    if done.returncode:
        raise InvalidStateError(last.removeprefix("error: ") or f"exit code {done.returncode}")
    return last


def stop(sweep: Sweep) -> None:
    """Ask the leading process to end: running trials become KILLED, and the sweep can be resumed.

    Raises:
        InvalidStateError: The process is not on this machine, or not that of a sweep.
    """
    if sweep.pid is None or sweep.host not in {"", platform.node()}:
        place = sweep.host or "another machine"
        raise InvalidStateError(f"The sweep {sweep.name!r} runs on {place}: stop it there.")
    if not _is_sweep(sweep.pid):
        raise InvalidStateError(f"The process of sweep {sweep.name!r} is gone.")
    os.kill(sweep.pid, signal.SIGINT)


def is_starting(name: str) -> bool:
    """Whether a process of this name was started here and has not ended."""
    process = _started().get(name)
    return process is not None and process.poll() is None


def has_failed(name: str) -> bool:
    """Whether a process of this name was started here and ended with an error."""
    process = _started().get(name)
    return process is not None and process.poll() not in {None, 0}


def last_output(name: str) -> str:
    """The end of what the process printed; empty if it was not started here."""
    try:
        content = log_file(name).read_bytes()[-LAST_BYTES:]
    except OSError:
        return ""
    return content.decode("utf-8", "replace")


def log_file(name: str) -> Path:
    """Where the process prints to."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
    return Path(tempfile.gettempdir(), f"ml-tracker-{os.getuid()}-{plain[:80]}.log")


def _database(database: Path) -> list[str]:
    return _sets("tracking", {"database": str(database)})


def _is_sweep(pid: int) -> bool:
    """Whether a process of this number leads a sweep, as far as the system tells."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # No /proc: the run's status has to do.
    except OSError:
        return False
    return any(MODULE.encode() in word or b"training/sweep" in word for word in words)


@st.cache_resource(show_spinner=False)
def _started() -> dict[str, subprocess.Popen[bytes]]:
    return {}
