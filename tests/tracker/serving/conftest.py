from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys

import numpy as np
import pytest

import tracker.onnx
from tracker import TrackingClient
from tracker.models import infer_signature

PIXELS = 4


def classifier(bias=0.0, classes=3):
    """An ONNX model: (N, 1, 2, 2) float32 -> (N, classes), the sum of the pixels plus `bias`."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.ones((PIXELS, classes), np.float32)
    offsets = np.arange(classes, dtype=np.float32) + np.float32(bias)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "offsets"], ["logits"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(offsets, "offsets")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def save(folder, *, damaged=False, rows=False, **options):
    """A model folder of `classifier`.

    Args:
        folder: A new one.
        damaged: Whether its file is cut.
        rows: Whether it takes rows of four numbers instead of images.
        options: Of `classifier`.
    """
    image = np.zeros((1, PIXELS) if rows else (1, 1, 2, 2), np.float32)
    model = classifier(**options)
    if rows:
        shape = model.graph.input[0].type.tensor_type.shape
        del shape.dim[2:]
        shape.dim[1].dim_value = PIXELS
    signature = infer_signature(image, np.zeros((1, options.get("classes", 3)), np.float32))
    tracker.onnx.save_model(model, folder, signature=signature, input_example=image)
    if damaged:
        (folder / "model.onnx").write_bytes(b"damaged")
    return folder


class Served:
    """A running server and requests to it."""

    def __init__(self, process, address, output):
        self.process = process
        self.host, _, port = address.removeprefix("http://").partition("/")[0].partition(":")
        self.port = int(port)
        self.output = output

    def ask(self, path, body=None, headers=None, method=None):
        """Status, headers, and body of one request over a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(
                method or ("POST" if body is not None else "GET"), path, body, headers or {}
            )
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def predict(self, value, path="/invocations"):
        status, _, body = self.ask(path, json.dumps(value), {"Content-Type": "application/json"})
        return status, json.loads(body)


@contextlib.contextmanager
def serving(*arguments, cwd, environment=None):
    """`python -m tracker serve …` until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "serve", *map(str, arguments), "--port", "0"],
        cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output = []
    try:
        for line in process.stdout:
            output.append(line)
            if " at http://" in line:
                break
        else:
            raise AssertionError("".join(output))
        yield Served(process, output[-1].split(" at ")[1].strip(), output)
    finally:
        process.terminate()
        output += process.communicate(timeout=30)[0].splitlines()


class Registry:
    """A database with the registered model `sums`."""

    def __init__(self, folder):
        self.folder = folder
        self.client = TrackingClient(folder / "tracking.db")

    def register(self, **options):
        """A version whose logits are the sum of the pixels plus its bias; its number."""
        run = self.client.create_run("0")
        target = save(self.folder / f"model-{run.info.run_id}", **options)
        self.client.log_artifacts(run.info.run_id, str(target), "model")
        self.client.set_terminated(run.info.run_id)
        return self.client.register_model(f"runs:/{run.info.run_id}/model", "sums").version

    def point(self, version, alias="champion"):
        self.client.set_registered_model_alias("sums", alias, version)


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path)


@pytest.fixture
def python_module():
    """Run `python -m …` to its end."""

    def run(*arguments, cwd):
        command = [sys.executable, "-m", *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def serve():
    """`serving`, for tests that start servers of their own."""
    return serving


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model") / "sum")


@pytest.fixture(scope="module")
def server(model_folder, tmp_path_factory):
    with serving(model_folder, cwd=tmp_path_factory.mktemp("server")) as served:
        yield served
