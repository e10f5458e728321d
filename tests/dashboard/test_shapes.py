"""What the Data page says of a file: its shapes and first images; nothing in it is run."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from dashboard.artifacts import shapes
from tracker.files import open_artifacts


@pytest.fixture
def store(tmp_path):
    return open_artifacts("artifacts", tmp_path)


def saved(save, *content):
    buffer = io.BytesIO()
    save(buffer, *content)
    return buffer.getvalue()


def as_torch(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


IMAGES = torch.arange(10 * 28 * 28, dtype=torch.int64).remainder(251).to(torch.uint8)
IMAGES = IMAGES.view(10, 28, 28)


@pytest.mark.parametrize(
    ("name", "content", "sizes"),
    [
        ("a.pt", as_torch({"images": IMAGES, "labels": torch.zeros(10)}), "10 x 28 x 28; 10"),
        (
            "six.pt",
            as_torch([torch.zeros(1, n) for n in range(6)]),
            "1 x 0; 1 x 1; 1 x 2; 1 x 3; and 2 more",
        ),
        ("a.npy", saved(np.save, np.zeros((3, 4))), "3 x 4"),
        ("a.npz", saved(np.savez, np.zeros((3, 4)), np.zeros(1_000)), "3 x 4; 1,000"),
        ("a.csv", b"x,y\n1,2\n3,4\n5,6\n", "3 x 2"),
        ("a.txt", b"text", ""),
        ("cut.pt", as_torch(IMAGES)[:200], ""),
    ],
)
def test_a_file_s_shapes_are_read_from_its_head(store, name, content, sizes):
    store.log_bytes(content, name)
    assert shapes.shape(store, name).replace("\N{MULTIPLICATION SIGN}", "x") == sizes


def test_the_first_images_of_a_file_are_its_samples(store):
    store.log_bytes(as_torch({"labels": torch.zeros(10), "images": IMAGES}), "a.pt")
    strip = shapes.samples(store, "a.pt")
    assert strip.shape == (28, 8 * 28)
    assert np.array_equal(strip[:, 28:56], IMAGES[1].numpy())


class Attack:
    """Writes a file where it is read as pickle reads it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (self.target, "w"))


def test_a_file_that_would_run_code_has_no_shape_and_runs_none(store, tmp_path):
    target = tmp_path / "was here"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Attack(str(target))))
    store.log_bytes(buffer.getvalue(), "attack.pt")
    assert shapes.shape(store, "attack.pt") == ""
    assert shapes.samples(store, "attack.pt") is None
    assert not target.exists()
