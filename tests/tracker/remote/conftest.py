from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

BUCKET = "bucket"


def moto_server():
    """The command of moto's server: in the interop environments, else on the path."""
    environments = os.environ.get("MLFLOW_ENVIRONMENTS")
    if environments:
        command = Path(environments, "store", "bin", "moto_server")
        if command.exists():
            return str(command)
    return shutil.which("moto_server")


def started(command, address_of):
    """A process that serves, and the port that `address_of` finds in its output."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    for line in process.stdout:
        port = address_of(line)
        if port:
            return process, port
    raise AssertionError(f"{command} did not start")


@pytest.fixture(scope="session")
def s3_port():
    """A real server of the S3 protocol."""
    pytest.importorskip("s3fs")
    command = moto_server()
    if command is None:
        pytest.skip("moto_server is not installed")
    process, port = started(
        [command, "-H", "127.0.0.1", "-p", "0"],
        lambda line: line.rsplit(":", 1)[1].strip() if "Running on" in line else None,
    )
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    yield int(port)
    process.terminate()
    process.wait(10)
    drain.wait(10)
    process.stdout.close()


@pytest.fixture
def s3(s3_port, monkeypatch, tmp_path):
    """An empty bucket, and the environment in which s3fs finds it; the file system."""
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("TRACKER_CACHE", str(tmp_path / "cache"))
    urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{s3_port}/moto-api/reset", method="POST"),
        timeout=10,
    ).close()
    s3fs.S3FileSystem.clear_instance_cache()
    filesystem = s3fs.S3FileSystem()
    filesystem.mkdir(BUCKET)
    yield filesystem
    s3fs.S3FileSystem.clear_instance_cache()


async def briefly(seconds, result=None, sleep=asyncio.sleep):
    """The pauses of s3fs and botocore between attempts, cut short."""
    return await sleep(min(seconds, 0.01), result)


@pytest.fixture
def unreliable_s3(s3, s3_port, monkeypatch):
    """The same bucket behind a proxy that fails half of the requests and loses half the answers."""
    import s3fs

    script = Path(__file__).with_name("unreliable_proxy.py")
    process, port = started(
        [sys.executable, str(script), str(s3_port), "3"],
        lambda line: line.strip() if line.strip().isdigit() else None,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("tracker.files.filesystems.FIRST_PAUSE", 0.01)
    monkeypatch.setattr(asyncio, "sleep", briefly)
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3
    process.terminate()
    process.wait(10)
    process.stdout.close()
