"""Models that cannot be served, and what is said of them: one sentence."""

from __future__ import annotations

import shutil
import socket
import sys

import numpy as np
import pytest

import tracker.pytorch
from tracker.exceptions import NotFoundError
from tracker.models import Model
from tracker.serving import deploy, server
from tracker.serving.errors import ServingError
from tracker.serving.protocol import decode
from tracker.serving.server import Settings, listen, load_once


def settings(registry, uri):
    return Settings(uri, str(registry.folder / "tracking.db"))


def files_of(registry, version):
    files, path = registry.client.model_files(f"models:/sums/{version}")
    return files.local_path(path)


def test_a_version_whose_files_are_gone_is_named(registry):
    shutil.rmtree(files_of(registry, registry.register()))
    with pytest.raises(NotFoundError, match="model"):
        load_once(settings(registry, "models:/sums/1"))


def test_a_name_without_a_form_of_a_uri_is_told_the_forms(registry):
    with pytest.raises(NotFoundError, match="models:/NAME@champion"):
        load_once(settings(registry, "sums"))


@pytest.mark.parametrize(
    ("flavors", "sentence"),
    [
        ("  sklearn:\n    pickled_model: model.pkl\n", "without running code .it has: sklearn"),
        ("  pytorch:\n    model_data: data\n", "without running code .it has: pytorch"),
        ("  onnx:\n    data: ../../../../tracking.db\n", "a file outside its folder"),
        ("  onnx:\n    data: none.onnx\n", "'none.onnx' is missing"),
        ("  lightgbm:\n    data: model.pkl\n", "without running code"),
    ],
)
def test_only_files_that_hold_no_code_are_loaded(registry, flavors, sentence):
    folder = files_of(registry, registry.register())
    (folder / "MLmodel").write_text(f"flavors:\n{flavors}")
    for name in ("model.pkl", "data/model.pth"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ServingError, match=sentence):
        load_once(settings(registry, "models:/sums/1"))


def test_a_missing_package_is_named_with_the_extra(registry, monkeypatch):
    registry.register()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ServingError, match=r"onnxruntime.*ml-tracker\[serving\]"):
        load_once(settings(registry, "models:/sums/1"))


def test_the_next_free_port_is_taken(monkeypatch):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with listen("127.0.0.1", port) as found:
            assert found.getsockname()[1] > port
            assert found.proto == socket.IPPROTO_TCP
        monkeypatch.setattr(server, "PORTS_TRIED", 1)
        with pytest.raises(ServingError, match=f"No port from {port} to {port} is free"):
            listen("127.0.0.1", port)
        monkeypatch.setattr(server, "LAST_PORT", port)
        monkeypatch.setattr(server, "PORTS_TRIED", 20)
        with pytest.raises(ServingError, match=f"No port from {port} to {port} is free"):
            listen("127.0.0.1", port)


def test_a_docker_folder_that_exists_is_left_alone(registry, tmp_path):
    registry.register()
    (tmp_path / "build").mkdir()
    with pytest.raises(ServingError, match="name a new folder"):
        deploy.write_docker_folder(
            load_once(settings(registry, "models:/sums/1")), tmp_path / "build"
        )
    assert list((tmp_path / "build").iterdir()) == []


def test_a_unit_runs_the_same_command_and_escapes_percent_signs(tmp_path):
    arguments = ["serve", "models:/50% off@champion", "--port", "8000"]
    unit = deploy.systemd_unit("models:/50% off@champion", arguments, tmp_path)
    assert f"WorkingDirectory={tmp_path}" in unit
    assert "-m tracker serve 'models:/50%% off@champion' --port 8000" in unit


@pytest.mark.slow
def test_a_model_without_a_signature_is_served_with_unchecked_shapes(tmp_path):
    torch = pytest.importorskip("torch")
    folder, example = tmp_path / "model", np.ones((2, 4), np.float32)
    network = torch.nn.Linear(4, 1)
    options = {"serialization_format": "pt2", "input_example": example}
    tracker.pytorch.save_model(network, folder, **options)
    description = Model.load(folder)
    description.signature = None
    description.save(folder / "MLmodel")
    served = load_once(Settings(str(folder), "not opened"))
    assert served.input is None
    arrays = decode("application/json", b'{"inputs": [[1, 1, 1, 1]]}', served.input)
    with torch.inference_mode():
        expected = network(torch.ones(1, 4)).numpy()
    np.testing.assert_allclose(served.backend.predict(arrays)["output_0"], expected, atol=1e-5)
