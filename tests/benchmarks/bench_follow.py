"""Measures `push --follow` of a run that logs a thousand points a second.

    python tests/interop/environments.py FOLDER
    python tests/benchmarks/bench_follow.py FOLDER --seconds 120 --outage 30

First, steps of about a millisecond, each with one `log_metric`, alone and followed in turns: how
much longer a step takes, and how much more CPU time of the training process. Then a run at a
thousand points a second, in the middle of which the server is down: how long after the run's end
all of it is on the server. Everything shares one machine, so that the wall times hold only where
cores are free for the server and its database.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "team"))
from servers import team_server

ROOT = Path(__file__).parents[2]
STEPS = """
import hashlib, sys, time, tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment(sys.argv[2])
count, is_paced = int(sys.argv[3]), sys.argv[4] == "paced"
block = bytes(2_000_000)
with tracker.start_run():
    print("started", flush=True)
    started, used = time.perf_counter(), time.process_time()
    for step in range(count):
        if is_paced:
            time.sleep(max(0, started + step / 1000 - time.perf_counter()))
        else:
            hashlib.sha256(block).digest()
        tracker.log_metric("loss", 1 / (1 + step), step=step)
    print((time.perf_counter() - started) / count, (time.process_time() - used) / count, flush=True)
"""


def main() -> None:
    """Start a server and print both figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", type=Path)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--outage", type=int, default=30, help="seconds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5_000, help="of each round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with team_server(options.environments, folder, with_store=False) as server:
            slow_down(server, folder, options)
            outage(server, folder, options)


def slow_down(server, folder, options) -> None:
    """Print the time of a step, alone and followed."""
    alone, followed = [], []
    for number in range(options.rounds):
        path, steps = folder / "steps.db", options.steps
        alone.append(step_seconds(path, f"alone {number}", steps))
        followed.append(step_seconds(path, f"followed {number}", steps, server))
    for what, first, second in zip(("wall", "CPU"), medians(alone), medians(followed), strict=True):
        print(
            f"{what} of a step alone {1e3 * first:.3f} ms, followed {1e3 * second:.3f} ms: "
            f"{second / first - 1:+.1%}",
            flush=True,
        )


def medians(rounds):
    return [statistics.median(some) for some in zip(*rounds, strict=True)]


def step_seconds(path, name, steps, server=None):
    """Wall and CPU seconds of a step."""
    with start_steps(path, name, steps, "busy") as process:
        following = None if server is None else follow(path, name, server)
        seconds = tuple(map(float, process.stdout.readline().split()))
    if following is not None:
        finish(following)
    return seconds


def outage(server, folder, options) -> None:
    """Print how long after its end a run is complete on the server, which was down meanwhile."""
    path, count = folder / "outage.db", 1_000 * options.seconds

    def interrupt() -> None:
        server.stop()
        time.sleep(options.outage)
        server.start()

    with start_steps(path, "outage", count, "paced") as process:
        following = follow(path, "outage", server)
        timer = threading.Timer((options.seconds - options.outage) / 2, interrupt)
        timer.start()
        process.stdout.readline()
        process.wait()
    ended = time.perf_counter()
    said = finish(following)
    timer.join()
    print(
        f"{count:,} points, server down for {options.outage} s: complete "
        f"{time.perf_counter() - ended:.1f} s after the end\n{said}",
        flush=True,
    )


def start_steps(path, name, steps, how):
    command = [sys.executable, "-c", STEPS, path, name, str(steps), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout.readline() == "started\n"
    return process


def follow(path, name, server):
    command = [sys.executable, "-m", "tracker", "--db", path, "push", "--to", server.url]
    return subprocess.Popen(
        [*command, "--experiment", name, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )


def finish(following) -> str:
    said, _ = following.communicate()
    assert following.returncode == 0, said
    return said.strip()


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    main()
