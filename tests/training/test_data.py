"""Images: found, checked, made, kept, and never mixed up."""

from __future__ import annotations

import gzip
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from training import mnist, torch_files
from training.config import Config, DataPrep, ModelConfig, Paths
from training.data import prepare, writable_folder
from training.errors import DataError
from training.image_sets import ImageFiles, SetInfo, digest_of

STROKES = DataPrep(
    source="stroke-digits", stroke_train_samples=60, stroke_test_samples=30, download=False
)


AUTO, DEMANDED = (STROKES.model_copy(update={"source": name}) for name in ("auto", "mnist"))
IMAGES, LABELS = torch.zeros(9, 28, 28, dtype=torch.uint8), torch.arange(9)


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


@pytest.mark.parametrize("damage", ["cut short", "one bit", "the end", "another's", "empty"])
def test_a_damaged_file_is_made_again_and_named(tmp_path, damage):
    first = prepared(tmp_path)
    path, content = first.train.path, bytearray(first.train.path.read_bytes())
    if damage == "one bit":
        start = content.find(first.train.images[0, 10:20].numpy().tobytes())
        content[start + 50] ^= 1
    if damage == "the end":
        content[-22] = 0  # torch then looks for the rest before the file's start
    contents = {"cut short": content[:5000], "another's": b"hello", "empty": b""}
    path.write_bytes(contents.get(damage, content))
    again = prepared(tmp_path, said=(said := []))
    assert torch.equal(again.train.images, first.train.images)
    assert said[1].startswith(f"{path} is damaged (")
    assert said[1].endswith("; it was made again.")
    assert prepared(tmp_path).train.digest == first.train.digest


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"recipe": None}, "it is not a file of images"),
        ({"images": None}, "its images or labels are not plain tensors"),
        ({"images": [0]}, "its images or labels are not plain tensors"),
        ({"labels": LABELS.float()}, "its images or labels are not plain tensors"),
        ({"images": IMAGES.view(9, 784)}, "its images or labels have another shape"),
        ({"labels": LABELS[:5]}, "its images or labels have another shape"),
        ({"labels": LABELS.flip(0)}, "its checksum is wrong"),
        ({"digest": None}, "its checksum is wrong"),
    ],
)
def test_a_file_that_lacks_what_it_should_hold_is_no_set(tmp_path, changed, reason):
    content = {"format": 1, "recipe": "r", "images": IMAGES, "labels": LABELS}
    content = {"digest": digest_of(IMAGES, LABELS), **content, **changed}
    (tmp_path / "a.pt").write_bytes(torch_files.dump(content))
    shelf = ImageFiles([tmp_path])
    assert shelf.find("a.pt", SetInfo("mnist", "test", 0.0, "r")) is None
    assert shelf.damage["a.pt"] == f"{tmp_path / 'a.pt'} is damaged ({reason})"


def keep_mnist(root, *splits):
    """Puts prepared files of MNIST there, so to speak, whose raw files are gone."""
    for split in splits:
        label = SetInfo("mnist", split, 0.0, f"mnist {split}")
        ImageFiles([root]).save(f"mnist_{split}.pt", label, IMAGES, LABELS)


def test_prepared_files_of_mnist_serve_without_its_raw_files(tmp_path):
    keep_mnist(tmp_path, "train", "test")
    assert prepared(tmp_path, DEMANDED).source == "mnist"


def test_without_raw_files_a_damaged_file_is_what_the_error_names(tmp_path):
    keep_mnist(tmp_path, "train", "test")
    (tmp_path / "mnist_test.pt").write_bytes(b"")
    message = r"mnist_test.pt is damaged .*; there is no MNIST under .*t10k-images.* is missing"
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, DEMANDED)


@pytest.mark.parametrize("kept", [(), ("train",), ("train", "test")])
def test_where_mnist_is_not_whole_all_images_are_the_substitute_s(tmp_path, kept):
    """The third time, what was kept of it is damaged."""
    keep_mnist(tmp_path, *kept)
    if "test" in kept:
        (tmp_path / "mnist_test.pt").write_bytes(b"")
    data = prepared(tmp_path, AUTO, said := [])
    assert {part.source for part in vars(data).values()} == {"stroke-digits"}
    assert ("mnist_test.pt is damaged" in said[0]) == ("test" in kept)


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
    label = SetInfo("mnist", "test", 0.0, "r")
    kept = ImageFiles([tmp_path]).save("few.pt", label, images[:3], labels[:3])
    assert kept.path.stat().st_size < 10_000


def test_without_mnist_the_substitute_is_used_and_announced(tmp_path):
    said = []
    data = prepared(tmp_path, AUTO, said)
    assert data.source == "stroke-digits"
    assert said[0].startswith("NOT MNIST")


def test_where_mnist_is_demanded_there_is_no_substitute(tmp_path):
    with pytest.raises(DataError, match=r"there is no MNIST under .* download is off"):
        prepared(tmp_path, DEMANDED)


def test_a_root_that_is_a_file_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"data root .* cannot be used"),
        writable_folder(config_for(tmp_path / "file")),
    ):
        pass


def test_a_data_root_without_any_rights_is_refused(locked):
    root, lock = locked
    lock(0)
    with (
        pytest.raises(DataError, match=r"data root .* cannot be used: Permission denied"),
        writable_folder(config_for(root)),
    ):
        pass


def prepared_in_locked(root, prep=STROKES):
    """The files of a start from a root that cannot be written, and what was said."""
    said = []
    config = config_for(root, prep)
    with writable_folder(config) as folder:
        data = prepare(config, folder, said.append)
    return [part.path for part in vars(data).values()], said


def test_a_root_that_cannot_be_written_serves_what_it_keeps(locked):
    root, lock = locked
    prepared(root)
    lock()
    paths, said = prepared_in_locked(root)
    assert {path.parent for path in paths} == {root}
    assert len(said) == 1


def test_what_a_root_that_cannot_be_written_lacks_is_made_elsewhere(locked):
    root, lock = locked
    prepared(root)
    lock()
    paths, said = prepared_in_locked(root, STROKES.model_copy(update={"blur_sigma": 1.0}))
    assert [path.parent == root for path in paths] == [True, True, False, False]
    assert "is read-only: prepared images are kept for this run only" in said[1]
    assert not paths[3].exists()


@pytest.mark.slow
def test_a_root_that_cannot_be_written_still_serves_raw_mnist(locked, raw_mnist):
    root, lock = locked
    shutil.copytree(mnist.raw_folder(raw_mnist), mnist.raw_folder(root))
    lock()
    paths, _ = prepared_in_locked(root, DEMANDED)
    assert root not in {path.parent for path in paths}


def test_an_idx_file_is_decoded_by_its_header():
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    assert mnist.decode_idx(content).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.slow
def test_mnist_at_hand_is_not_mixed_with_the_substitute(raw_mnist):
    strokes = prepared(raw_mnist, STROKES)
    real = prepared(raw_mnist, AUTO)
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
    with pytest.raises(DataError, match=r"t10k-labels.*gz is damaged .*delete or replace it"):
        prepared(tmp_path, AUTO)


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
        mnist.download(tmp_path, [address])
    assert list(mnist.raw_folder(tmp_path).iterdir()) == []


@pytest.mark.slow
def test_what_a_mirror_gives_is_mnist(mnist_root, tmp_path):
    with serving(mnist.raw_folder(mnist_root)) as address:
        mnist.download(tmp_path, ["http://127.0.0.1:9/", address])
    images, labels = mnist.load_split(tmp_path, "test")
    assert images.shape == (10_000, 28, 28)
    assert torch.bincount(labels).tolist()[:3] == [980, 1135, 1032]
