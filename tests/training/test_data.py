"""Images: found, checked, made, kept, and never mixed up."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from training import mnist
from training.config import Config, DataPrep, ModelConfig, Paths
from training.data import prepare, writable_folder
from training.errors import DataError
from training.image_sets import load_or_make

STROKES = DataPrep(
    source="stroke-digits", stroke_train_samples=60, stroke_test_samples=30, download=False
)


def config_for(root, prep=STROKES):
    models = {"default": ModelConfig()}
    return Config(paths=Paths(root=str(root)), data_prep=prep, model_configs=models)


def prepared(root, prep=STROKES, said=None):
    Path(root).mkdir(exist_ok=True)
    return prepare(config_for(root, prep), Path(root), (said if said is not None else []).append)


@pytest.fixture(scope="session")
def raw_mnist(mnist_root, tmp_path_factory):
    """A data root of the tests' own with MNIST's raw files."""
    root = tmp_path_factory.mktemp("mnist")
    shutil.copytree(mnist.raw_folder(mnist_root), mnist.raw_folder(root))
    return root


def test_a_second_start_reads_what_the_first_one_kept(tmp_path):
    first = prepared(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = prepared(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    assert second.test_blurred.digest == first.test_blurred.digest


@pytest.mark.parametrize("damage", ["cut short", "one bit", "another program's", "empty"])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    first = prepared(tmp_path)
    path, content = first.train.path, bytearray(first.train.path.read_bytes())
    if damage == "one bit":
        start = content.find(first.train.images[0, 10:20].numpy().tobytes())
        content[start + 50] ^= 1
    contents = {"cut short": content[:5000], "one bit": content, "empty": b""}
    path.write_bytes(contents.get(damage, b"hello"))
    again = prepared(tmp_path)
    assert torch.equal(again.train.images, first.train.images)
    assert prepared(tmp_path).train.digest == first.train.digest


def test_another_sigma_blurs_anew(tmp_path):
    weak = prepared(tmp_path, STROKES.model_copy(update={"blur_sigma": 0.5}))
    strong = prepared(tmp_path)
    assert weak.test.digest == strong.test.digest
    assert weak.test_blurred.digest != strong.test_blurred.digest


def test_a_blurred_set_has_the_labels_of_its_sharp_one(tmp_path):
    data = prepared(tmp_path)
    assert torch.equal(data.train.labels, data.train_blurred.labels)
    assert (data.train_blurred.name, data.train_blurred.blur_sigma) == (
        "stroke-digits-train-blurred",
        2.0,
    )


def test_a_kept_file_holds_its_own_rows_only(tmp_path):
    images = torch.zeros(10_000, 28, 28, dtype=torch.uint8)
    labels = torch.zeros(10_000, dtype=torch.int64)
    path = tmp_path / "few.pt"
    load_or_make(path, "r", lambda: (images[:3], labels[:3]), source="mnist", split="test")
    assert path.stat().st_size < 10_000


def test_without_mnist_the_substitute_is_used_and_announced(tmp_path):
    said = []
    data = prepared(tmp_path, STROKES.model_copy(update={"source": "auto"}), said)
    assert data.source == "stroke-digits"
    assert said[0].startswith("NOT MNIST")


def test_where_mnist_is_demanded_there_is_no_substitute(tmp_path):
    with pytest.raises(DataError, match=r"there is no MNIST under .* download is off"):
        prepared(tmp_path, STROKES.model_copy(update={"source": "mnist"}))


def test_a_root_that_is_a_file_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"data root .* cannot be used"),
        writable_folder(config_for(tmp_path / "file")),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_data_root_without_any_rights_is_refused(tmp_path):
    tmp_path.chmod(0)
    try:
        with pytest.raises(DataError, match=r"data root .* cannot be used"):
            writable_folder(config_for(tmp_path)).__enter__()
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_root_that_cannot_be_written_still_serves_its_mnist(raw_mnist):
    said = []
    config = config_for(raw_mnist, STROKES.model_copy(update={"source": "auto"}))
    raw_mnist.chmod(0o555)
    try:
        with writable_folder(config, said.append) as folder:
            assert prepare(config, folder, said.append).source == "mnist"
    finally:
        raw_mnist.chmod(0o755)
    assert "cannot be written" in said[0]


def test_an_idx_file_is_decoded_by_its_header():
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    assert mnist.decode_idx(content).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.slow
def test_mnist_at_hand_is_not_mixed_with_the_substitute(raw_mnist):
    auto = STROKES.model_copy(update={"source": "auto"})
    strokes = prepared(raw_mnist, STROKES)
    real = prepared(raw_mnist, auto)
    assert (strokes.source, real.source) == ("stroke-digits", "mnist")
    assert (len(real.train), len(real.test)) == (60_000, 10_000)
    assert not {strokes.train.path, strokes.test.path} & {real.train.path, real.test.path}


def test_raw_files_may_lie_in_the_root_itself(tmp_path):
    assert mnist.raw_folder(tmp_path) == tmp_path / "MNIST" / "raw"
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
    assert mnist.raw_folder(tmp_path) == tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut short", "other labels"])
def test_a_damaged_raw_file_is_named(mnist_root, tmp_path, damage):
    shutil.copytree(mnist.raw_folder(mnist_root), mnist.raw_folder(tmp_path))
    path = mnist.raw_folder(tmp_path) / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    other = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    path.write_bytes(whole[:2000] if damage == "cut short" else other)
    auto = STROKES.model_copy(update={"source": "auto"})
    with pytest.raises(DataError, match=r"t10k-labels.*gz is damaged .*delete or replace it"):
        prepared(tmp_path, auto)


@contextmanager
def serving(folder):
    """A web server for the files of a folder; its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_a_server_that_gives_something_else_leaves_nothing_behind(tmp_path):
    (tmp_path / "server").mkdir()
    for names in mnist.FILES.values():
        for name in names:
            (tmp_path / "server" / f"{name}.gz").write_bytes(b"<html>Please log in</html>")
    with (
        serving(tmp_path / "server") as address,
        pytest.raises(mnist.MissingFilesError, match="could not be downloaded"),
    ):
        mnist.fetch(tmp_path, [address])
    assert list(mnist.raw_folder(tmp_path).iterdir()) == []


@pytest.mark.slow
def test_what_a_mirror_gives_is_mnist(mnist_root, tmp_path):
    with serving(mnist.raw_folder(mnist_root)) as address:
        mnist.fetch(tmp_path, ["http://127.0.0.1:9/", address])
    images, labels = mnist.load_split(tmp_path, "test")
    assert images.shape == (10_000, 28, 28)
    assert torch.bincount(labels).tolist()[:3] == [980, 1135, 1032]
