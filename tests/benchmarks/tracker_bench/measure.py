"""Drives the contenders: workers in processes of their own, taken in turn.

Ours, the earlier ours and raw get a new process and a new database for every repeat. How a process
lies in memory, a file on the disk, and a run's random id in an index, each make some per cent of
difference; kept, it would be taken for one between the contenders. Peers, ten times slower and
more, keep theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tracker_bench import seeds
from tracker_bench.rows import BEFORE, OURS, PROCESSES, RAW, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

WORKER = Path(__file__).with_name("worker.py")
MODULES = {
    OURS: "ours",
    BEFORE: "ours",
    RAW: "raw",
    "mlflow": "mlflow_peer",
    "trackio": "trackio_peer",
    "aim": "aim_peer",
    "tensorboard": "tensorboard_peer",
}
IMPORTS = {
    OURS: "tracker",
    BEFORE: "tracker",
    "mlflow": "mlflow",
    "trackio": "trackio",
    "aim": "aim",
}
# Have a process and a database of their own for every repeat.
FRESH = {OURS, BEFORE, RAW}
# MLflow reads a twentieth of a history, and pays for what the others have.
PEER_SEEDS = "peers"
MOST_PEER_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """What one operation took, in seconds.

    Args:
        wall: What the caller waited; the median where every call was timed by itself.
        cpu: Of the whole process, what it did after the calls included.
        calls: What the caller waited, by the names of the quantiles.
    """

    wall: float
    cpu: float
    calls: Mapping[str, float] = field(default_factory=dict)


class Worker:
    """A process of one contender."""

    def __init__(self, contender: str, python: str, folder: Path, seeds_folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"worker-{time.monotonic_ns()}.log"
        self._process = subprocess.Popen(
            [python, str(WORKER), MODULES[contender], str(folder), str(seeds_folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
            cwd=folder,
            env=_environment(),
        )

    def send(self, **order: Any) -> None:
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            self._fail()

    def answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return json.loads(line)

    def ask(self, **order: Any) -> dict[str, Any]:
        self.send(**order)
        return self.answer()

    def work(self, method: str, count: int) -> dict[str, Any]:
        """Have some work made ready, then done; what it took."""
        self.ask(prepare=method, count=count)
        return self.ask(go=True)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _fail(self) -> NoReturn:
        raise SystemExit(f"{self._process.args[2]} failed:\n{self._log.read_text()}")


class Bench:
    """All contenders, their folders and their workers.

    Args:
        pythons: Contender -> the interpreter that has it.
        folder: Where the databases go.
        repeats: How often each work is measured, where not as often as its row says; peers at most
            three times.
        quick: A few operations of each, to see that all of it runs.
    """

    def __init__(
        self, pythons: Mapping[str, str], folder: Path, *, repeats: int | None, quick: bool
    ) -> None:
        self.pythons = pythons
        self.folder = folder
        self.repeats = repeats
        self.quick = quick
        self._peers: dict[str, Worker] = {}

    def measure(self, row: Row) -> dict[str, list[Timing]]:
        """One timing a repeat for every column, taken in turn: A B C A B C."""
        columns = [name for name, (who, _) in row.tasks.items() if who in self.pythons]
        found: dict[str, list[Timing]] = {name: [] for name in columns}
        for repeat in range(self.repeats_of(row)):
            for name in columns:
                if name in FRESH or repeat < MOST_PEER_REPEATS:
                    found[name].append(self._once(row, name))
        return found

    def repeats_of(self, row: Row) -> int:
        """How often a row is measured."""
        return self.repeats or row.repeats

    def write_seeds(self, rows: Iterable[Row]) -> None:
        """The files that the reading rows need."""
        wanted = {row.name: row for row in rows}
        for contender, name in ((OURS, "seeds"), ("mlflow", PEER_SEEDS)):
            target = self.folder / name
            target.mkdir(parents=True, exist_ok=True)
            histories = wanted.get("history") or wanted.get("shared_history")
            if histories and contender in self.pythons:
                seeds.write_histories(target, histories.operations(contender, quick=self.quick))
            if {"search", "frame"} & wanted.keys() and contender in self.pythons:
                seeds.write_runs(target, 100 if self.quick else 10_000)

    def close(self) -> None:
        for worker in self._peers.values():
            worker.close()

    def _once(self, row: Row, column: str) -> Timing:
        contender, method = row.tasks[column]
        count = row.operations(column, quick=self.quick)
        if row.name == "processes":
            return self._together(contender, count)
        warm_up = count if row.warm_up is None else min(row.warm_up, count)
        with self._worker(contender) as worker:
            if warm_up:
                worker.work(method, warm_up)
            took = worker.work(method, count)
        calls = took.get("calls", {})
        return Timing(calls.get("p50", took["wall"] / count), took["cpu"] / count, calls)

    @contextlib.contextmanager
    def _worker(self, contender: str) -> Iterator[Worker]:
        if contender not in FRESH:
            if contender not in self._peers:
                self._peers[contender] = self._start(contender, self.folder / contender)
            yield self._peers[contender]
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            worker = self._start(contender, Path(folder))
            try:
                yield worker
            finally:
                worker.close()

    def _start(self, contender: str, folder: Path) -> Worker:
        seeds_folder = self.folder / ("seeds" if contender in FRESH else PEER_SEEDS)
        return Worker(contender, self.pythons[contender], folder, seeds_folder)

    def _together(self, contender: str, count: int) -> Timing:
        """Several processes that write one file; the time from the first go to the last answer."""
        folder = self.folder / f"{contender}-together-{time.monotonic_ns()}"
        workers = [self._start(contender, folder) for _ in range(PROCESSES)]
        for worker in workers:  # One by one: MLflow cannot be opened by several at once.
            worker.ask(prepare="processes", count=count)
        began = time.perf_counter()
        for worker in workers:
            worker.send(go=True)
        cpu = sum(worker.answer()["cpu"] for worker in workers)
        wall = time.perf_counter() - began
        stored = workers[0].ask(stored=True)["stored"]
        for worker in workers:
            worker.close()
        calls = PROCESSES * count
        if stored != calls:
            raise SystemExit(f"{contender} lost {calls - stored} of {calls} points.")
        return Timing(wall / calls, cpu / calls)


def measure_imports(
    pythons: Mapping[str, str], folder: Path, repeats: int
) -> dict[str, list[Timing]]:
    """What an import adds to bare Python; the first time, which writes bytecode, is left out."""
    found: dict[str, list[Timing]] = {name: [] for name in IMPORTS if name in pythons}
    for repeat in range(-1, repeats):
        for name, timings in found.items():
            bare = _start_python(pythons[name], "pass", folder)
            full = _start_python(pythons[name], f"import {IMPORTS[name]}", folder)
            if repeat >= 0:
                timings.append(Timing(full.wall - bare.wall, full.cpu - bare.cpu))
    return found


def _start_python(python: str, code: str, folder: Path) -> Timing:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [python, "-c", code], check=True, cwd=folder, env=_environment(), capture_output=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall, cpu)


def _environment() -> dict[str, str]:
    """Bytecode is kept, nothing is captured, one thread."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"TRACKER_CAPTURE": "0", "OMP_NUM_THREADS": "1"}
