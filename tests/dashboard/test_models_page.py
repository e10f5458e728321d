"""The Models page: versions, champion, why, and how it is moved."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from dashboard import serving
from dashboard.artifacts.inference import InferenceError
from tracker import TrackingClient
from tracker.promotion import champion_of


@pytest.fixture
def registered(tmp_path):
    """Two versions of `digits`; the second is the challenger. The database's path."""
    path = tmp_path / "tracking.db"
    client = TrackingClient(path)
    for number, accuracy in ((1, 0.91), (2, 0.97)):
        run = client.create_run("0", run_name=f"network {number}")
        client.log_metric(run.info.run_id, "test_accuracy", accuracy)
        client.log_text(run.info.run_id, "flavors: {}\n", "model/MLmodel")
        client.set_terminated(run.info.run_id)
        tags = {"promotion.why": f"reason {number}", "promotion.metric": "test_accuracy"}
        tags["promotion.digest"] = f"{number}" * 32
        alias = "champion" if number == 1 else "challenger"
        client.register_model(f"runs:/{run.info.run_id}/model", "digits", tags, [alias])
    client.store.database.close()
    return path


def open_page(look, path, **query):
    test = look(path, **query)
    test.session_state["page_wanted"] = "models"
    test.run()
    assert not test.exception
    return test


def text_of(test):
    return " ".join(str(getattr(element, "value", "")) for element in test.main)


def grid_of(test):
    found = [
        json.loads(element.proto.json)
        for element in test.get("bidi_component")
        if element.proto.component_name == "run_list"
    ]
    (data,) = [data for data in found if data.get("mode") == "grid"]
    return data


def test_versions_show_their_alias_run_metric_and_reason(look, registered):
    data = grid_of(open_page(look, registered))
    assert [row["name"] for row in data["rows"]] == ["v2", "v1"]
    shown = str(data["rows"])
    for expected in ("network 1", "0.9700", "reason 2", f"'{'2' * 12}'"):
        assert expected in shown
    assert [row["cells"][0] for row in data["rows"]] == [[["challenger", ""]], [["champion", ""]]]


def test_every_column_that_can_be_sorted_has_values_to_sort_by(look, registered):
    data = grid_of(open_page(look, registered))
    for place, column in enumerate(data["columns"]):
        cells = [row["cells"][place] for row in data["rows"]]
        assert all("value" in cell for cell in cells) or not column["sortable"], column["title"]


def test_without_a_model_the_page_says_how_to_register_one(look, tmp_path):
    TrackingClient(tmp_path / "tracking.db").store.database.close()
    test = open_page(look, tmp_path / "tracking.db")
    assert any("models register" in code.value for code in test.code)


def test_a_version_becomes_champion_after_a_confirmation_and_back(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = ("digits", 2)
    test.run()
    client = TrackingClient(registered, read_only=True)
    assert champion_of(client, "digits").version == 1
    test.button(key="appoint").click().run()
    assert champion_of(client, "digits").version == 2
    test.button(key="go_back").click().run()
    assert champion_of(client, "digits").version == 1


def test_a_cancelled_promotion_changes_nothing(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = ("digits", 2)
    test.run()
    test.button(key="appoint_not").click().run()
    client = TrackingClient(registered, read_only=True)
    assert champion_of(client, "digits").version == 1


def test_a_question_about_one_model_is_not_answered_for_another(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = ("letters", 2)
    test.run()
    assert "appoint" not in [button.key for button in test.button]


def test_a_refused_promotion_says_why_and_the_question_stays(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = ("digits", 2)
    test.run()
    TrackingClient(registered).delete_model_version("digits", 2)
    test.button(key="appoint").click().run()
    assert "no version 2" in test.error[0].value
    assert test.button(key="appoint")


@pytest.fixture
def champion(registered, monkeypatch):
    """A server of `digits@champion`, which sees a 7 in whatever it is asked."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    import tracker.onnx

    helper, numbers = onnx.helper, onnx.numpy_helper
    value, floats = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    weights = [
        numbers.from_array(np.zeros((784, 10), np.float32), "w"),
        numbers.from_array(np.eye(10, dtype=np.float32)[7] * 9, "b"),
    ]
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
    ]
    shapes = (
        [value("images", floats, ["n", 1, 28, 28])],
        [value("logits", floats, ["n", 10])],
    )
    graph = helper.make_graph(nodes, "seven", *shapes, weights)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    tracker.onnx.save_model(model, registered.parent / "seven")
    client = TrackingClient(registered)
    run_id = client.get_model_version("digits", 1).run_id
    client.log_artifacts(run_id, str(registered.parent / "seven"), "seven")
    client.register_model(f"runs:/{run_id}/seven", "digits", aliases=["champion"])
    client.store.database.close()
    command = [sys.executable, "-m", "tracker", "serve", "models:/digits@champion", "--port", "0"]
    with subprocess.Popen(
        command, cwd=registered.parent, stdout=subprocess.PIPE, text=True
    ) as process:
        line = next(line for line in process.stdout if " at http://" in line)
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        monkeypatch.setattr(serving, "PORTS", range(port, port + 1))
        serving.service_of.clear()
        yield process
        process.terminate()
        process.stdout.read()


@pytest.mark.slow
def test_the_served_champion_is_shown_asked_and_missed(look, registered, champion):
    served = serving.service_of("digits")
    assert (served.version, served.errors, served.refused) == ("3", 0, "")
    shares = serving.probabilities(served, np.zeros((28, 28), np.float32))
    assert int(shares.argmax()) == 7
    serving.service_of.clear()
    assert sum(minute.requests for minute in serving.service_of("digits").minutes) == 1
    test = open_page(look, registered)
    assert "in service" in str(grid_of(test)["rows"][0])
    assert "Up" in text_of(test)
    champion.terminate()
    champion.wait(20)
    serving.service_of.clear()
    with pytest.raises(InferenceError, match="does not answer any more"):
        serving.probabilities(served, np.zeros((28, 28), np.float32))
    test.run()
    assert "Gone" in text_of(test)


ANSWERS = {
    "not JSON": b"<html>",
    "a list": b"[1]",
    "no counts": b'{"model": "digits", "version": 1}',
    "odd minutes": b'{"model": "digits", "version": 1, "started_ms": 1, "requests": 1, '
    b'"errors": 0, "minutes": [3]}',
    "infinity": b'{"model": "digits", "version": 1, "started_ms": 1e999, "requests": 1, '
    b'"errors": 0}',
    "endless": b" " * 1_000_000,
}


@pytest.fixture(scope="module")
def stranger():
    """Another program that listens on this machine, and what it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer = b""

        def do_GET(self):
            self.send_response(302 if self.answer.startswith(b"http") else 200)
            self.send_header("Location", self.answer.decode())
            self.end_headers()
            self.wfile.write(self.answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    yield server.server_port, Handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ANSWERS)
def test_another_program_on_the_port_is_no_server_of_ours(stranger, monkeypatch, name):
    port, handler = stranger
    handler.answer = ANSWERS[name]
    monkeypatch.setattr(serving, "PORTS", range(port, port + 1))
    serving.service_of.clear()
    assert serving.service_of("digits") is None


def test_a_redirect_is_not_followed(stranger, monkeypatch):
    port, handler = stranger
    handler.answer = b"http://127.0.0.1:%d/status" % port
    monkeypatch.setattr(serving, "PORTS", range(port, port + 1))
    serving.service_of.clear()
    assert serving.service_of("digits") is None
