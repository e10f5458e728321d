"""Searches a file of 100,000 runs and lists them by the command line.

    python tests/benchmarks/make_big_database.py FILE --runs 100000 --points 1000000
    python tests/benchmarks/bench_many_runs.py FILE

Prints the processor time of each, best of several, and exits with 1 where one takes longer
than its bound.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tracker import TrackingClient  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 7
LIMIT = 100
SEARCH_BOUND = 100.0
# Milliseconds of processor time: what is searched for, in which order, and how long it may take.
SEARCHES = {
    "newest 100": ("", [], 10.0),
    "half of the runs match, best 100": (
        "metrics.val_accuracy > 0 AND params.model = 'cnn'",
        ["metrics.val_accuracy DESC"],
        SEARCH_BOUND,
    ),
    "the same by another metric": (
        "metrics.val_accuracy > 0 AND params.model = 'cnn'",
        ["metrics.val_loss"],
        SEARCH_BOUND,
    ),
    "one run matches": (
        "metrics.val_accuracy > -5 AND params.seed = '777'",
        ["metrics.val_accuracy DESC"],
        SEARCH_BOUND,
    ),
    "few runs match, the newest first": ("metrics.val_accuracy > 0.9", [], SEARCH_BOUND),
}
COMMAND_BOUND = 200.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    client = TrackingClient(file, read_only=True)
    is_over = False
    for name, (text, order, bound) in SEARCHES.items():
        took = fastest(lambda: client.search_runs(["1"], text, order_by=order, max_results=LIMIT))  # noqa: B023
        is_over |= report(name, took, bound)
    command = [sys.executable, "-m", "tracker", "--db", str(file), "runs"]
    took = fastest(
        lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True),
        lambda: sum(os.times()[2:4]),  # of ended children
    )
    return int(report("python -m tracker runs", took, COMMAND_BOUND) or is_over)


def fastest(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds of the fastest of several turns."""
    times = []
    for _ in range(TURNS):
        began = clock()
        work()
        times.append(1000 * (clock() - began))
    return min(times)


def report(name: str, milliseconds: float, bound: float) -> bool:
    """Whether it took longer than its bound."""
    print(f"{name:36} {milliseconds:7.1f} ms (at most {bound:.0f})")
    return milliseconds > bound


if __name__ == "__main__":
    sys.exit(main())
