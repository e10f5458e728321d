"""Measures `push` beside a bare loop of log-batch calls against the same MLflow server.

    python tests/interop/environments.py FOLDER
    python tests/benchmarks/bench_push.py FOLDER --runs 100 --rounds 1

The server is MLflow's on PostgreSQL. The bare loop sends batches of 1,000 points that were made
before, from as many threads, and checks nothing; `push` reads the database, sends, reads all back
and compares. Beside the rates stands the CPU time that the server and PostgreSQL took for a point,
which other work on the machine disturbs less: where the server is the limit, the rate goes by it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tracker.client import TrackingClient
from tracker.team.credentials import access_to
from tracker.team.push import WORKERS, Push
from tracker.team.rest import RestClient
from tracker.team.server import METRICS_A_BATCH, Server
from tracker.team.tally import Tally

sys.path.insert(0, str(Path(__file__).parents[1] / "team"))
from servers import team_server

ROUTE = "/api/2.0/mlflow/runs/"
KEYS = 5


def main() -> None:
    """Start the server and print points a second of both, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", type=Path)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--points", type=int, default=10_000, help="of each run")
    parser.add_argument("--server-workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=WORKERS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, workers = Path(name), options.server_workers
        with team_server(options.environments, folder, workers=workers, with_store=False) as server:
            for number in range(options.rounds):
                measure(server, folder, number, options)


def measure(server, folder, number, options) -> None:
    """Print one round."""
    total = options.runs * options.points
    client = TrackingClient(folder / f"{number}.db")
    run_ids = make_runs(client, f"push {number}", options)
    tally = Tally()
    bare, pushed = Cost(server, total), Cost(server, total)
    with RestClient(access_to(server.url), patience_seconds=60) as rest:
        bodies = prepared(Server(rest), f"bare {number}", options)
        with bare, ThreadPoolExecutor(options.threads) as pool:
            list(pool.map(lambda some: send(server.port, some), bodies))
        with pushed:
            Push(client, Server(rest), tally, workers=options.threads).run(run_ids)
    assert (tally.runs, tally.points_sent, tally.troubles) == (options.runs, total, [])
    print(
        f"bare loop {bare}; push {pushed}; of the bare loop's rate: {pushed.rate / bare.rate:.0%}, "
        f"by CPU {bare.cpu / pushed.cpu:.0%}",
        flush=True,
    )


class Cost:
    """Points a second, and CPU microseconds a point of the server and its database."""

    def __init__(self, server, points) -> None:
        self._server = server
        self._points = points

    def __enter__(self) -> None:
        self._started = time.perf_counter(), self._server.cpu_seconds()

    def __exit__(self, *_) -> None:
        wall, cpu = self._started
        self.rate = self._points / (time.perf_counter() - wall)
        self.cpu = 1e6 * (self._server.cpu_seconds() - cpu) / self._points

    def __str__(self) -> str:
        return f"{self.rate:,.0f} points/s, {self.cpu:,.0f} µs CPU a point"


def make_runs(client, name, options) -> list[str]:
    experiment_id = client.create_experiment(name)
    run_ids = []
    for _ in range(options.runs):
        run_id = client.create_run(experiment_id).info.run_id
        for key in range(KEYS):
            steps = range(options.points // KEYS)
            client.log_history(run_id, f"metric_{key}", [1 / (1 + step) for step in steps])
        client.set_terminated(run_id)
        run_ids.append(run_id)
    return run_ids


def prepared(server, name, options) -> list[list[bytes]]:
    """The requests of the bare loop, by run."""
    experiment = server.create_experiment(name)
    bodies = []
    for number in range(options.runs):
        answer = server.rest.post(f"{ROUTE}create", {"experiment_id": experiment.experiment_id})
        bodies.append(list(batches(answer["run"]["info"]["run_id"], number, options.points)))
    return bodies


def batches(run_id, number, points):
    for start in range(0, points, METRICS_A_BATCH):
        metrics = [
            {
                "key": f"metric_{start * KEYS // points}",
                "value": 1 / (1 + step),
                "timestamp": 1_700_000_000_000 + number,
                "step": step,
            }
            for step in range(start, min(start + METRICS_A_BATCH, points))
        ]
        yield json.dumps({"run_id": run_id, "metrics": metrics}).encode()


def send(port, bodies) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for body in bodies:
        connection.request("POST", f"{ROUTE}log-batch", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
    connection.close()


if __name__ == "__main__":
    main()
