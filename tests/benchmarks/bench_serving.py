"""Latency and throughput of `python -m tracker serve`, beside a bare echo and MLflow's server.

    python tests/benchmarks/bench_serving.py [--mlflow PYTHON]

Serves an ONNX network of the size of the study's `default` (784-128-10). Every server runs alone,
the load generator in this process; rounds alternate, so that a change of the machine's speed
meets all. `--mlflow` names an interpreter with mlflow, onnx, and onnxruntime.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROUNDS = 5
ECHO = """
import sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical", lifespan="off")
"""
MLFLOW = """
import os, sys, uvicorn
os.environ["__pyfunc_model_path__"] = sys.argv[2]
uvicorn.run("mlflow.pyfunc.scoring_server.app:app", port=int(sys.argv[1]), log_level="critical")
"""


def network(folder: Path) -> None:
    """A model folder of 784-128-10."""
    from onnx import TensorProto, helper, numpy_helper

    import tracker.onnx
    from tracker.models import infer_signature

    chance = np.random.default_rng(0)
    sizes = {"w1": (784, 128), "b1": (128,), "w2": (128, 10), "b2": (10,)}
    weights = [
        numpy_helper.from_array(chance.normal(0, 0.1, shape).astype(np.float32), name)
        for name, shape in sizes.items()
    ]
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "network",
        [value("images", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [value("logits", TensorProto.FLOAT, ["n", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    example = np.zeros((1, 1, 28, 28), np.float32)
    signature = infer_signature(example, np.zeros((1, 10), np.float32))
    tracker.onnx.save_model(model, folder, signature=signature, input_example=example)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command: list[str], port: int, cwd: Path):
    """The process that listens on the port."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def request(body: bytes, content_type: str) -> bytes:
    head = (
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(port: int, content: bytes, connections: int, count: int) -> list[float]:
    """Seconds of `count` requests over some connections; fails on any answer but 200."""
    seconds: list[float] = []

    async def client(share: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        for _ in range(share):
            start = time.perf_counter()
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            seconds.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(client(count // connections) for _ in range(connections)))
    return seconds


def resident_megabytes(process: subprocess.Popen[bytes]) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mlflow", metavar="PYTHON")
    options = parser.parse_args()
    chance = np.random.default_rng(1)
    images = np.round(chance.random((64, 1, 28, 28)), 4)
    one = json.dumps({"inputs": images[:1].tolist()}).encode()
    many = json.dumps({"inputs": images.tolist()}).encode()
    raw = (images * 255).astype(np.uint8).tobytes()
    # Name, body, type, connections, requests, images a request.
    work = [
        ("one image, JSON, 1 connection", one, "application/json", 1, 300, 1),
        ("one image, JSON, 16 connections", one, "application/json", 16, 800, 1),
        ("64 images, JSON, 4 connections", many, "application/json", 4, 80, 64),
        ("64 images, bytes, 4 connections", raw, "application/octet-stream", 4, 400, 64),
    ]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        network(folder / "model")
        ports = {"ours": free_port(), "echo": free_port(), "mlflow": free_port()}
        serve = [sys.executable, "-m", "tracker", "serve", "model", "--port", str(ports["ours"])]
        commands = {"ours": serve, "echo": [sys.executable, "-c", ECHO, str(ports["echo"])]}
        if options.mlflow:
            commands["mlflow"] = [options.mlflow, "-c", MLFLOW, str(ports["mlflow"]), "model"]
        processes = {
            who: stack.enter_context(running(command, ports[who], folder))
            for who, command in commands.items()
        }
        print("work | who | p50 ms | p99 ms | images a second")
        for title, body, kind, connections, count, size in work:
            content = request(body, kind)
            skipped = {"mlflow"} if kind != "application/json" else set()
            taken = {who: [] for who in commands if who not in skipped}
            walls = {who: [] for who in taken}
            for _ in range(ROUNDS):
                for who in taken:
                    share = count // 10 if who == "mlflow" else count
                    share = max(share // connections, 1) * connections
                    start = time.perf_counter()
                    taken[who] += asyncio.run(load(ports[who], content, connections, share))
                    walls[who].append(share * size / (time.perf_counter() - start))
            for who, seconds in taken.items():
                ordered = sorted(seconds)
                p99 = ordered[int(0.99 * (len(ordered) - 1))]
                rate = statistics.median(walls[who])
                print(
                    f"{title} | {who} | {1000 * statistics.median(ordered):.2f} | "
                    f"{1000 * p99:.2f} | {rate:,.0f}"
                )
        print(f"memory of ours: {resident_megabytes(processes['ours']):.0f} MB")


if __name__ == "__main__":
    main()
