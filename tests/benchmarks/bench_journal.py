"""Measures who waits for whom: a caller for another's lock, and others for a point.

    python tests/benchmarks/bench_journal.py [--seconds 20] [--folder FOLDER]

The caller logs and pauses, for 1 ms. First another process holds the database's write lock for so
many seconds, and every call is timed. Then a program with nothing but sqlite3 looks every
millisecond, for as long, how old each new point is when it first sees it; at last it does so while
the caller pauses for 0.1 ms only. It asserts nothing but that no point was lost.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

# The value of a point is when its call returned; the last line tells what each call took.
CALLER = """
import sys, time, tracker
path, seconds, pause = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
tracker.set_tracking_uri(path)
clock, took = time.monotonic, []
with tracker.start_run():
    tracker.log_metric("m", clock(), step=0)
    print("ready", flush=True)
    sys.stdin.readline()
    end = clock() + seconds
    while (start := clock()) < end:
        tracker.log_metric("m", start, step=len(took) + 1)
        took.append(clock() - start)
        time.sleep(pause)
print(*took)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the three")
    parser.add_argument("--folder", type=Path, help="where the databases go for the time being")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        took = _beside_a_lock(folder / "locked.db", options.seconds)
        _report("a call beside a held lock", took)
        _report("until seen, pauses of 1 ms", _ages(folder / "paced.db", options.seconds, 0.001))
        _report("until seen, pauses of 0.1 ms", _ages(folder / "full.db", options.seconds, 0.0001))


def _beside_a_lock(path: Path, seconds: float) -> list[float]:
    caller = _start(path, seconds, 0.001)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        caller.stdin.write("go\n")
        caller.stdin.flush()
        time.sleep(seconds)
        other.execute("ROLLBACK")
    return _end(path, caller)


def _ages(path: Path, seconds: float, pause: float) -> list[float]:
    """How old each point was when plain SQL first saw it, in seconds."""
    caller, ages, seen = _start(path, seconds, pause), [], 0
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        caller.stdin.write("go\n")
        caller.stdin.flush()
        end = time.monotonic() + seconds + 1
        while time.monotonic() < end:
            rows = reader.execute("SELECT rowid, value FROM metrics WHERE rowid > ?", (seen,))
            found = rows.fetchall()
            now = time.monotonic()
            ages += [now - logged for _, logged in found if seen]
            seen = max([seen, *(rowid for rowid, _ in found)])
            time.sleep(0.001)
    _end(path, caller)
    return ages


def _start(path: Path, seconds: float, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CALLER, str(path), str(seconds), str(pause)]
    caller = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=path.parent
    )
    assert caller.stdout.readline() == "ready\n"
    return caller


def _end(path: Path, caller: subprocess.Popen[str]) -> list[float]:
    """What each call took, in seconds."""
    took = [float(word) for word in caller.communicate()[0].split()]
    with closing(sqlite3.connect(path)) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM metrics").fetchone()
    if stored != len(took) + 1:
        raise SystemExit(f"{len(took) + 1 - stored} of {len(took) + 1} points were lost.")
    return took


def _report(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p99 = (1000 * ordered[int(share * len(ordered))] for share in (0.5, 0.99))
    print(
        f"{what:<28} {len(ordered):>9,} times  p50 {p50:8.3f} ms  p99 {p99:8.3f} ms  "
        f"most {1000 * ordered[-1]:8.3f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
