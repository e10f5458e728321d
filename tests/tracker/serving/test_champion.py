"""The model in service follows the alias, and stays when its successor cannot answer."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time

import pytest

pytestmark = pytest.mark.slow

BODY = json.dumps({"inputs": [[0, 0, 0, 0]]})
HEADERS = {"Content-Type": "application/json"}
REQUESTS = int(os.environ.get("SERVING_REQUESTS", "2000"))
SWAPS = 20


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(server):
    return json.loads(server.ask("/status")[2])


@pytest.fixture
def champion(registry, serve):
    registry.point(registry.register(bias=1))
    with serve("models:/sums@champion", "--poll", "0.05", cwd=registry.folder) as server:
        yield server


def asked(server, seen, count, swapped=None):
    """Send requests over one connection; note the version and the bias of every answer."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    sent = 0
    while sent < count or (swapped is not None and not swapped.is_set() and sent < 100 * count):
        sent += 1
        connection.request("POST", "/invocations", BODY, HEADERS)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        bias = content["predictions"]["logits"][0][0] if answer.status == 200 else content
        seen.append((answer.status, answer.headers["x-model-version"], bias))
    connection.close()


def test_no_request_is_lost_or_mixed_while_the_alias_moves(registry, champion):
    versions = [1, registry.register(bias=2)]
    seen, swapped = [], threading.Event()
    arguments = (champion, seen, REQUESTS // 4, swapped)
    threads = [threading.Thread(target=asked, args=arguments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for swap in range(SWAPS):
        wanted = versions[(swap + 1) % 2]
        registry.point(wanted)
        wait_for(lambda wanted=wanted: status(champion)["version"] == str(wanted))
    swapped.set()
    for thread in threads:
        thread.join(120)
    assert len(seen) >= REQUESTS
    assert status(champion)["swaps"] == SWAPS
    assert {(code, float(version) == bias) for code, version, bias in seen} == {(200, True)}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bias": float("nan")}, "NaN or infinity on its own example"),
        ({"damaged": True}, "not a valid ONNX model"),
        ({"rows": True}, "takes other inputs"),
    ],
    ids=["NaN on its example", "damaged file", "other signature"],
)
def test_a_successor_that_cannot_answer_leaves_the_old_one_in_service(
    registry, champion, options, reason
):
    registry.point(registry.register(**options))
    wait_for(lambda: status(champion)["refused"])
    assert reason in status(champion)["refused"]
    assert champion.predict({"inputs": [[0, 0, 0, 0]]})[1]["predictions"]["logits"][0][0] == 1
    registry.point(registry.register(bias=4))
    wait_for(lambda: status(champion)["version"] == "3")
    assert status(champion)["refused"] is None


def test_sigterm_answers_what_is_in_work_and_ends(champion):
    seen = []
    thread = threading.Thread(target=asked, args=(champion, seen, 1))
    thread.start()
    thread.join(30)
    champion.process.send_signal(signal.SIGTERM)
    assert champion.process.wait(20) in (0, -signal.SIGTERM)
    assert seen[0][0] == 200


def test_a_share_of_requests_is_kept_in_a_run(registry, serve):
    version = registry.register(bias=1)
    arguments = (f"models:/sums/{version}", "--record", "1")
    with serve(*arguments, cwd=registry.folder) as server:
        server.predict({"inputs": [[0, 0, 0, 0]]})
    experiment = registry.client.get_experiment_by_name("serving")
    (run,) = registry.client.search_runs([experiment.experiment_id])
    path = registry.client.artifacts(run.info.run_id).local_path("requests/000001.jsonl")
    (record,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert json.loads(record["request"]) == {"inputs": [[0, 0, 0, 0]]}
    assert (run.info.status, record["version"]) == ("FINISHED", str(version))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("models:/sums@missing", "missing"),
        ("models:/nothing/1", "nothing"),
        ("runs:/0123/model", "0123"),
        ("no-such-folder", "no-such-folder"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(registry, python_module, model, sentence):
    registry.register()
    done = python_module("tracker", "serve", model, cwd=registry.folder)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr


def test_a_docker_folder_holds_everything_but_the_packages(registry, python_module, serve):
    registry.register(bias=1)
    python_module(
        "tracker", "serve", "models:/sums/1", "--dockerfile", "build", cwd=registry.folder
    )
    build = registry.folder / "build"
    assert "onnxruntime==" in (build / "requirements.txt").read_text()
    assert 'CMD ["python", "-m", "tracker", "serve", "model"' in (build / "Dockerfile").read_text()
    elsewhere = {**os.environ, "PYTHONPATH": str(build)}
    with serve("model", cwd=build, environment=elsewhere) as server:
        assert server.predict({"inputs": [[0, 0, 0, 0]]})[0] == 200
