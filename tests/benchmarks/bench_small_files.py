"""Logs a folder of 3,000 tiny files and lists it, beside MLflow in the same run.

    MLFLOW_PYTHON=python-with-mlflow python tests/benchmarks/bench_small_files.py

Prints how many times MLflow's time the tracker takes, best of several turns; exits with 1 where
that is over 2. The tracker syncs every file to the disk before it shows its name; MLflow does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

FILES = 3_000
FOLDERS = 30
TURNS = 5
BOUND = 2.0

# Both clients take it as it is. Each line of output: seconds to log, seconds to list.
WORK = """
import sys, time
from pathlib import Path

def measure(client, source, turns):
    for _ in range(turns):
        run_id = client.create_run("0").info.run_id
        began = time.perf_counter()
        client.log_artifacts(run_id, source)
        logged = time.perf_counter()
        found = sum(
            len(client.list_artifacts(run_id, folder.path))
            for folder in client.list_artifacts(run_id)
        )
        print(logged - began, time.perf_counter() - logged, found, flush=True)
        sys.stdin.readline()
"""
OURS = f"{WORK}\nimport tracker\nmeasure(tracker.TrackingClient('ours.db'), *ARGUMENTS)"
THEIRS = f"""{WORK}
import logging, mlflow
logging.disable()
mlflow.set_tracking_uri("sqlite:///theirs.db")
measure(mlflow.MlflowClient(), *ARGUMENTS)
"""


def main() -> int:
    python = os.environ.get("MLFLOW_PYTHON")
    if python is None:
        sys.exit("Name an interpreter that has MLflow in MLFLOW_PYTHON.")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        make_files(source)
        times = measure_in_turns(
            {"ours": (sys.executable, OURS), "theirs": (python, THEIRS)}, folder, source
        )
    return report(times)


def make_files(source: Path) -> None:
    """Tiny files, each different, in folders of a hundred."""
    for number in range(FILES):
        file = source / f"part_{number % FOLDERS:02}" / f"sample_{number:04}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"sample {number}\n")


def measure_in_turns(
    programs: dict[str, tuple[str, str]], folder: str, source: Path
) -> dict[str, list[tuple[float, float]]]:
    """Seconds to log and to list of each program's turns; never two at a time."""
    arguments = f"ARGUMENTS = ({str(source)!r}, {TURNS})\n"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    processes = {}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for name, (python, code) in programs.items():
        processes[name] = subprocess.Popen(
            [python, "-c", arguments + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )
        _read_turn(processes[name], times[name])
    for _ in range(TURNS - 1):
        for name, process in processes.items():
            process.stdin.write("\n")
            process.stdin.flush()
            _read_turn(process, times[name])
    for process in processes.values():
        process.communicate("\n")
    return times


def _read_turn(process: subprocess.Popen[str], times: list[tuple[float, float]]) -> None:
    logged, listed, found = process.stdout.readline().split()
    if int(found) != FILES:
        sys.exit(f"{found} of {FILES} files are listed.")
    times.append((float(logged), float(listed)))
    os.sync()
    time.sleep(0.2)


def report(times: dict[str, list[tuple[float, float]]]) -> int:
    """The exit code: 1 where a ratio is over its bound."""
    worst = 0.0
    for position, verb in enumerate(("log_artifacts", "list_artifacts")):
        ours, theirs = (min(turn[position] for turn in times[name]) for name in ("ours", "theirs"))
        ratio = ours / theirs
        worst = max(worst, ratio)
        print(f"{verb:14} of {FILES:,} files: {ours:6.3f} s, MLflow {theirs:6.3f} s, {ratio:.2f} x")
    return int(worst > BOUND)


if __name__ == "__main__":
    sys.exit(main())
