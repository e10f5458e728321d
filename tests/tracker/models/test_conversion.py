"""Exported programs of runs as ONNX."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
import torch

import tracker
from tracker.models import Model, infer_signature
from tracker.models.conversion import ConversionError, as_onnx, as_registered

pytestmark = pytest.mark.slow

EXAMPLE = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, rows):
        return torch.relu(self.layer(rows))


class Decomposition(Network):
    def forward(self, rows):
        return torch.linalg.eigvals(
            torch.stack([rows, rows], dim=2).sum(dim=2)[:, :4].T @ rows
        ).real


@pytest.fixture
def logged(tmp_path):
    """Log a network as an exported program; the client and the run's id."""
    tracker.set_tracking_uri(tmp_path / "tracking.db")

    def log(network):
        with tracker.start_run() as run:
            tracker.pytorch.log_model(
                network, name="model", serialization_format="pt2", input_example=EXAMPLE,
                signature=infer_signature(EXAMPLE, np.zeros((2, 3), np.float32)),
            )  # fmt: skip
        return tracker.get_client(), run.info.run_id

    yield log
    tracker.set_tracking_uri("")


def test_the_onnx_model_computes_what_the_network_does_for_any_number_of_rows(logged):
    network = Network()
    client, run_id = logged(network)
    assert as_onnx(client, run_id, "model") == "model-onnx"
    model = tracker.pyfunc.load_model(f"runs:/{run_id}/model-onnx")
    for rows in (1, 2, 7):
        given = np.random.default_rng(rows).random((rows, 4), dtype=np.float32)
        expected = network(torch.from_numpy(given)).detach().numpy()
        (found,) = model.predict(given).values()
        assert np.allclose(found, expected, atol=1e-5)


def test_inputs_and_outputs_have_names_and_the_rows_are_open(logged):
    client, run_id = logged(Network())
    folder = client.artifacts(run_id).local_path(as_onnx(client, run_id, "model"))
    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [entry.version for entry in model.opset_import]) == (8, [18])
    graph = model.graph
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["output"]
    signature = Model.load(folder).signature
    assert signature.inputs.input_names() == ["input"]
    assert signature.inputs.inputs[0].shape == (-1, 4)


def test_a_second_call_converts_nothing(logged):
    client, run_id = logged(Network())
    as_onnx(client, run_id, "model")
    before = client.artifacts(run_id).local_path("model-onnx/model.onnx").stat().st_mtime_ns
    assert as_onnx(client, run_id, "model") == "model-onnx"
    after = client.artifacts(run_id).local_path("model-onnx/model.onnx").stat().st_mtime_ns
    assert before == after


def test_a_program_without_an_equal_leaves_the_reason_at_its_run(logged):
    client, run_id = logged(Decomposition())
    with pytest.raises(ConversionError, match="no equal as ONNX"):
        as_onnx(client, run_id, "model")
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "no equal as ONNX" in run.data.tags["tracker.onnx.failure"]
    assert client.list_artifacts(run_id, "model-onnx") == []


def test_without_the_extra_a_program_is_registered_as_it_is_and_the_extra_named(
    logged, monkeypatch
):
    client, run_id = logged(Network())
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.warns(UserWarning, match=r"onnxscript: pip install \"ml-tracker\[serving\]\""):
        assert as_registered(client, run_id, "model") == "model"
    assert client.list_artifacts(run_id, "model-onnx") == []


def test_what_is_no_model_folder_is_registered_as_it_is(logged):
    client, run_id = logged(Network())
    assert as_registered(client, run_id, "model/data") == "model/data"
