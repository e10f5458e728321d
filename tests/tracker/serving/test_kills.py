"""A served champion whose promoters, and whose server, are killed at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("TRACKER_REGISTRY_KILLS", "20"))
BODY = json.dumps({"inputs": [[0, 0, 0, 0]]})
JSON = {"Content-Type": "application/json"}
PROMOTE = """
import itertools, sys
from tracker import TrackingClient
from tracker.promotion import Decision, promote
client = TrackingClient("tracking.db")
for number in itertools.count():
    run_id = sys.argv[1 + number % 2]
    made, _ = promote(client, "sums", run_id, "model", lambda _: Decision(True, "better", {}))
    print(made.version, flush=True)
"""


@pytest.fixture
def runs(registry):
    """The runs of two networks, with the bias by which their answers are told apart."""
    for bias in (1, 2):
        registry.point(registry.register(bias=bias))
    return {registry.client.get_model_version("sums", n).run_id: float(n) for n in (1, 2)}


@pytest.fixture
def promoting(registry, runs):
    """Start a process that promotes one run after the other."""

    def start():
        command = [sys.executable, "-c", PROMOTE, *runs]
        return subprocess.Popen(command, cwd=registry.folder, stdout=subprocess.PIPE, text=True)

    return start


def answer(server):
    """Status, version and bias of one answer."""
    status, headers, body = server.ask("/invocations", BODY, JSON)
    return status, int(headers["x-model-version"]), json.loads(body)["predictions"]["logits"][0][0]


def are_whole(answers, registry, runs):
    """Whether each was given, by the run of the version it names."""
    run_of = {v.version: v.run_id for v in registry.client.search_model_versions("name = 'sums'")}
    return {(status, runs[run_of[version]] == bias) for status, version, bias in answers} == {
        (200, True)
    }


def test_a_server_answers_while_promoters_are_killed(registry, serve, runs, promoting):
    chance, answers, is_over = random.Random(7), [], threading.Event()

    def ask(server):
        while not is_over.is_set():
            answers.append(answer(server))

    with serve("models:/sums@champion", "--poll", "0.01", cwd=registry.folder) as server:
        thread = threading.Thread(target=ask, args=(server,))
        thread.start()
        for _ in range(KILLS // 2):
            with promoting() as process:
                for _ in range(chance.randrange(1, 6)):
                    process.stdout.readline()
                time.sleep(chance.random() * 0.004)
                process.send_signal(signal.SIGKILL)
        is_over.set()
        thread.join(60)
        answers.append(answer(server))
    assert are_whole(answers, registry, runs)


def test_a_server_that_is_killed_in_a_swap_answers_when_it_is_started_again(
    registry, serve, runs, promoting
):
    chance, answers = random.Random(7), []
    with promoting() as process:
        for _ in range(KILLS // 10 + 1):
            with serve("models:/sums@champion", "--poll", "0.01", cwd=registry.folder) as server:
                answers.append(answer(server))
                time.sleep(chance.random() * 0.05)
                server.process.kill()
        process.kill()
    with serve("models:/sums@champion", cwd=registry.folder) as server:
        answers.append(answer(server))
    assert are_whole(answers, registry, runs)
