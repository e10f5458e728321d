"""What a served model answers: MLflow's scoring protocol and the Open Inference Protocol."""

from __future__ import annotations

import io
import json
import socket

import pytest

ROW = [[[1, 2], [3, 4]]]
FLAT = [1, 2, 3, 4]
ANSWER = {"predictions": {"logits": [[10.0, 11.0, 12.0]]}}


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [ROW]},
        {"inputs": {"pixels": [ROW]}},
        {"instances": [ROW]},
        {"instances": [{"pixels": ROW}]},
        {"inputs": [FLAT]},
        {"dataframe_split": {"columns": list("abcd"), "data": [FLAT]}},
        {"dataframe_records": [dict(zip("abcd", FLAT, strict=True))]},
        {"inputs": [ROW], "params": {"temperature": 1}},
        {"inputs": [ROW], "more": "ignored"},
    ],
    ids=str,
)
def test_every_form_of_json_input_gives_the_same_answer(server, body):
    assert server.predict(body) == (200, ANSWER)


def test_csv_with_a_header_is_taken(server):
    status, _, body = server.ask("/invocations", "a,b,c,d\n1,2,3,4\n", {"Content-Type": "text/csv"})
    assert (status, json.loads(body)) == (200, ANSWER)


def test_bytes_are_pixels_between_zero_and_one(server):
    kind = {"Content-Type": "application/octet-stream"}
    status, _, body = server.ask("/invocations", bytes([255, 0, 0, 0] * 2), kind)
    assert (status, json.loads(body)["predictions"]["logits"]) == (200, [[1.0, 2.0, 3.0]] * 2)


def test_a_png_of_the_right_size_is_an_image(server):
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("L", (2, 2), bytes([255, 255, 0, 0])).save(buffer, "PNG")
    status, _, body = server.ask("/invocations", buffer.getvalue(), {"Content-Type": "image/png"})
    assert (status, json.loads(body)["predictions"]["logits"]) == (200, [[2.0, 3.0, 4.0]])


def test_answers_name_the_model_and_its_version(server):
    _, headers, _ = server.ask(
        "/invocations", json.dumps({"inputs": [ROW]}), {"Content-Type": "application/json"}
    )
    assert (headers["x-model-name"], headers["x-model-version"]) == ("sum", "-")


@pytest.mark.parametrize("path", ["/ping", "/health", "/v2/health/live", "/v2/health/ready"])
def test_health_routes_answer_as_mlflows_do(server, path):
    status, headers, body = server.ask(path)
    assert (status, headers["content-type"], body) == (200, "application/json", b"\n")


def test_the_open_inference_protocol_describes_and_answers(server):
    status, _, body = server.ask("/v2/models/sum")
    assert json.loads(body)["inputs"] == [
        {"name": "pixels", "datatype": "FP32", "shape": [-1, 1, 2, 2]}
    ]
    request = {
        "id": "7",
        "inputs": [{"name": "pixels", "shape": [1, 1, 2, 2], "datatype": "FP32", "data": FLAT}],
    }
    assert server.predict(request, "/v2/models/sum/infer") == (
        200,
        {
            "model_name": "sum",
            "model_version": "-",
            "id": "7",
            "outputs": [
                {"name": "logits", "shape": [1, 3], "datatype": "FP32", "data": [10.0, 11.0, 12.0]}
            ],
        },
    )
    assert status == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "exactly one of the fields inputs, instances"),
        ({"inputs": [ROW], "instances": [ROW]}, "exactly one"),
        ([], "must be a JSON object"),
        ({"inputs": "text"}, "list with at least one row"),
        ({"inputs": []}, "list with at least one row"),
        ({"inputs": [[1, 2], [3]]}, "not a regular array"),
        ({"inputs": [["a", "b", "c", "d"]]}, "array of numbers"),
        ({"inputs": [[None, 2, 3, 4]]}, "array of numbers"),
        ({"inputs": [[True, False, True, True]]}, "array of numbers"),
        ({"inputs": [[1, 2, 3]]}, "shape 1 x 3, expected any x 1 x 2 x 2"),
        ({"inputs": {"other": [ROW]}}, "takes the inputs 'pixels'"),
        ({"inputs": [[1e300, 0, 0, 0]]}, "not finite or too large"),
        ({"inputs": [ROW], "params": 3}, "'params' must be an object"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "must have 1 values"),
        ({"dataframe_records": []}, "one per row"),
    ],
    ids=str,
)
def test_a_wrong_request_is_told_what_is_wrong(server, body, sentence):
    status, answer = server.predict(body)
    assert status == 400
    assert sentence in answer["message"]
    assert answer["error_code"] in {"BAD_REQUEST", "INVALID_PARAMETER_VALUE"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b'{"inputs": [[NaN, 1, 1, 1]]}', {"Content-Type": "application/json"}, 400),
        (b'{"inputs": [[1e999, 1, 1, 1]]}', {"Content-Type": "application/json"}, 400),
        (b'{"inputs": ' + b"9" * 6000 + b"}", {"Content-Type": "application/json"}, 400),
        (b"[" * 200_000, {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        (b"a,b\n1\n", {"Content-Type": "text/csv"}, 400),
        (b"a,b\nx,y\n", {"Content-Type": "text/csv"}, 400),
        (b"abc", {"Content-Type": "application/octet-stream"}, 400),
        (b"not a png", {"Content-Type": "image/png"}, 400),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "application/xml"}, 415),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        (b"{}", {"Content-Type": "application/json", "Host": "evil.example"}, 403),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_hostile_body_gets_a_4xx_answer(server, body, headers, status):
    assert server.ask("/invocations", body, headers)[0] == status
    assert server.predict({"inputs": [ROW]}) == (200, ANSWER)


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server):
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", 404),
        ("/../../etc/passwd", "GET", 404),
        ("/invocations", "GET", 405),
        ("/v2/models/other", "GET", 404),
        ("/v2/models/sum/versions/9", "GET", 404),
        ("/v2/models/other/infer", "POST", 404),
    ],
)
def test_a_wrong_address_is_refused(server, path, method, status):
    body = "{}" if method == "POST" else None
    assert server.ask(path, body, {"Content-Type": "application/json"}, method)[0] == status


def test_the_status_counts_requests_and_errors(server):
    before = json.loads(server.ask("/status")[2])
    server.predict({"inputs": [ROW]})
    server.predict({})
    after = json.loads(server.ask("/status")[2])
    assert after["requests"] - before["requests"] == 2
    assert after["errors"] - before["errors"] == 1
    assert after["latency_ms"]["p50"] > 0
    assert after["signature"]
