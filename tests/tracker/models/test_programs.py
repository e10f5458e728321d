"""Exported programs that would run code when torch loads them."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch

from tracker.exceptions import UnsafeModelError
from tracker.models.programs import inert_program

pytestmark = pytest.mark.slow

GRAPH = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
SAMPLE = "data/sample_inputs/model.pt"


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.GELU(), torch.nn.Flatten()
        )
        self.memory = torch.nn.LSTM(8, 4, batch_first=True)

    def forward(self, images):
        return self.memory(self.layers(images)[:, None])[0].sum(1)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A network, and the file of its exported program with an open number of rows."""
    network = Network().eval()
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(network, (torch.zeros(2, 1, 4, 4),), dynamic_shapes=shapes)
        torch.export.save(exported, path)
    return network, path


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def changed(path, target, changes):
    """A copy of an archive with some members replaced or added; None leaves one as it is."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        root = source.namelist()[0].partition("/")[0]
        for info in source.infolist():
            inner = info.filename.partition("/")[2]
            content = source.read(info.filename)
            change = changes.pop(inner, None)
            copy.writestr(info.filename, change(content) if callable(change) else content)
        for inner, content in changes.items():
            copy.writestr(f"{root}/{inner}", content)
    return target


def in_json(change):
    """A change of a member that is JSON."""

    def run(content):
        value = json.loads(content)
        change(value)
        return json.dumps(value)

    return run


def first_node(graph):
    return graph["graph_module"]["graph"]["nodes"][0]


def in_a_node(**values):
    return {GRAPH: in_json(lambda graph: first_node(graph).update(values))}


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def size_of(text):
    def change(graph):
        sizes = next(iter(graph["graph_module"]["graph"]["tensor_values"].values()))["sizes"]
        sizes[0] = {"as_expr": {"expr_str": text, "hint": None}}

    return {GRAPH: in_json(change)}


def tree(graph):
    signature = graph["graph_module"]["module_call_graph"][0]["signature"]
    signature["in_spec"] = (
        '[1, {"type": "builtins.dict", "context": [{"__enum__": true, "fqn": "a:B"}]}]'
    )


def pickled(config):
    next(iter(config["config"].values()))["use_pickle"] = True


EVIL = {
    "sample inputs": lambda ran: {SAMPLE: lambda _: saved(Evil(ran))},
    "sample inputs as a plain pickle": lambda ran: {SAMPLE: lambda _: pickle.dumps(Evil(ran))},
    "a pickled tensor": lambda _: {WEIGHTS: in_json(pickled)},
    "an object": lambda ran: {"data/constants/opaque_obj_0": pickle.dumps(Evil(ran))},
    "machine code": lambda _: {"data/aotinductor/model/model.so": b"\x7fELF"},
    "an older form": lambda ran: {"data/weights/model.pt": saved(Evil(ran))},
    "a function": lambda _: in_a_node(target="torch.os.system"),
    "a file": lambda _: in_a_node(target="torch.ops.aten.from_file.default"),
    "an expression": lambda ran: size_of(f"__import__('os').mkdir('{ran}')"),
    "a tower of powers": lambda _: size_of("9**9**9**9"),
    "an import": lambda _: {GRAPH: in_json(tree)},
    "a name with code": lambda _: in_a_node(inputs=[{"name": "x=print()", "arg": {}, "kind": 1}]),
    "a name twice": lambda _: {"models/MODEL.json": b"{}"},
    "no JSON": lambda _: {GRAPH: lambda _: b"\x80"},
}


@pytest.mark.parametrize("kind", EVIL)
def test_what_could_run_is_refused_before_torch_sees_it(program, tmp_path, kind):
    path = changed(program[1], tmp_path / "model.pt2", EVIL[kind](tmp_path / "ran"))
    with pytest.raises(UnsafeModelError, match="it could run code"):
        inert_program(path)
    assert not (tmp_path / "ran").exists()


def test_guards_are_left_out_and_the_network_computes_the_same(program, tmp_path):
    network, path = program
    ran = tmp_path / "ran"
    guard = f"__import__('os').mkdir('{ran}') is None"
    change = in_json(lambda graph: graph.update(guards_code=[guard]))
    path = changed(path, tmp_path / "model.pt2", {GRAPH: change})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(inert_program(path)).module()
    images = torch.from_numpy(np.random.default_rng(0).random((5, 1, 4, 4), np.float32))
    torch.testing.assert_close(module(images), network(images))
    assert not ran.exists()
