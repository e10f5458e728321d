"""Digits and the networks that read them."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from dashboard import untrusted
from dashboard.artifacts import digits, inference, program
from dashboard.widgets import drawing_pad
from dashboard.widgets import try_it as tryit
from tracker.exceptions import TrackerError
from tracker.files import open_artifacts


def store_with(tmp_path, card, weights):
    store = open_artifacts("artifacts", tmp_path)
    buffer = io.BytesIO()
    np.savez(buffer, **weights)
    store.log_bytes(buffer.getvalue(), inference.WEIGHTS)
    store.log_bytes(json.dumps({"layers": card}).encode(), inference.CARD)
    return store


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_network_answers_as_it_does_under_torch(tmp_path, kind):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    mlp = [nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)]
    cnn = [nn.Conv2d(1, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU(), nn.Flatten()]
    network = nn.Sequential(*(mlp if kind == "mlp" else [*cnn, nn.Linear(8 * 49, 10)]))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    store = store_with(tmp_path, str(network).splitlines(), weights)
    image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(image)[None, None])[0], 0).numpy()
    np.testing.assert_allclose(inference.load(store).probabilities(image), expected, atol=1e-5)


def test_the_pad_is_offered_where_a_run_keeps_a_network(tmp_path):
    assert not tryit.keeps_network(open_artifacts("empty", tmp_path))
    store = store_with(tmp_path, ["  (0): Linear(a)"], {"0.weight": np.ones((10, 784))})
    assert tryit.keeps_network(store)


def test_models_that_do_not_answer_for_one_reason_share_a_line():
    silent = {"no network": [f"run {number}" for number in range(60)], "damaged": ["a", "b"]}
    assert tryit.explained(silent) == [
        "run 0, run 1, run 2 and 57 more: no network",
        "a, b: damaged",
    ]


def test_weights_that_would_run_code_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    weights = {"1.weight": np.array([Evil()], dtype=object)}
    store = store_with(tmp_path, ["  (1): Linear(a)"], weights)
    with pytest.raises(untrusted.UnreadableFileError, match="Object arrays cannot be loaded"):
        inference.load(store)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        (["  (0): LSTM(8, 8)"], "no layer LSTM"),
        (["  (0): Linear(a)"], "lacks '0.weight'"),
        ([], "names no layer"),
    ],
)
def test_a_network_that_cannot_be_read_says_why(tmp_path, card, sentence):
    with pytest.raises(inference.InferenceError, match=sentence):
        inference.load(store_with(tmp_path, card, {}))


IMAGE = np.zeros((28, 28), dtype=np.float32)
FIRST = "  (0): Conv2d(1, 100)"
DEEP = {"0.weight": np.zeros((100, 1, 1, 1)), "1.weight": np.zeros((100, 100, 9, 9))}
DEEP |= {"0.bias": np.zeros(100), "1.bias": np.zeros(100)}
WIDE = {"1.weight": np.zeros((784, 784)), "1.bias": np.zeros(784)}
KERNEL = {"0.weight": np.ones((2, 1, 3, 3)), "0.bias": np.zeros(2)}


@pytest.mark.parametrize(
    ("card", "weights", "sentence"),
    [
        (["  (0): ReLU()"], {}, "does not answer with a number for each digit"),
        (["  (0): Conv2d(1, 2, padding=(1500, 1500))"], KERNEL, "too much memory"),
        (["  (0): Conv2d(1, 2, padding=(90000, 90000))"], KERNEL, "too many to be asked"),
        ([FIRST, *["  (1): Conv2d(100, 100, padding=(4, 4))"] * 20], DEEP, "too many to be asked"),
        (["  (0): Flatten()", *["  (1): Linear(a)"] * 9_000], WIDE, "too many to be asked"),
        (["  (0): Conv2d(1, 2, stride=(0, 0))"], KERNEL, "cannot be read"),
        (["  (0): Linear(a)"], {"0.weight": np.ones((10, 3)), "0.bias": np.zeros(10)}, "mismatch"),
        (
            ["  (0): Flatten()", "  (1): Linear(a)"],
            {"1.weight": np.full((10, 784), np.nan), "1.bias": np.zeros(10)},
            "does not answer",
        ),
    ],
)
def test_a_network_that_cannot_answer_says_so(tmp_path, card, weights, sentence):
    model = inference.load(store_with(tmp_path, card, weights))
    with pytest.raises(TrackerError, match=sentence):
        model.probabilities(IMAGE)


def test_weights_that_unpack_to_all_memory_are_refused(tmp_path):
    store = store_with(tmp_path, ["  (0): ReLU()"], {})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.weight.npy", bytes(untrusted.MAX_ARRAY_BYTES + 1))
    store.log_bytes(buffer.getvalue(), inference.WEIGHTS)
    with pytest.raises(untrusted.UnreadableFileError, match="too much memory"):
        inference.load(store)


def test_a_model_that_only_torch_can_run_waits_for_trust(tmp_path):
    store = store_with(tmp_path, ["  (0): LSTM(8, 8)"], {})
    with pytest.raises(inference.InferenceError, match="no layer LSTM"):
        tryit._ask(store, IMAGE, trusted=True)
    store.log_bytes(b"anything", program.PROGRAM)
    with pytest.raises(inference.InferenceError, match="see the switch"):
        tryit._ask(store, IMAGE, trusted=False)


@pytest.mark.slow
def test_an_exported_program_that_is_none_says_so(tmp_path):
    pytest.importorskip("torch")
    store = store_with(tmp_path, ["  (0): LSTM(8, 8)"], {})
    store.log_bytes(b"anything", program.PROGRAM)
    with pytest.raises(inference.InferenceError, match=r"model\.pt2 cannot be read: \w+"):
        tryit._ask(store, IMAGE, trusted=True)


@pytest.mark.slow
def test_a_program_that_computes_for_minutes_is_stopped_and_can_be_asked_again(tmp_path):
    torch = pytest.importorskip("torch")

    class Endless(torch.nn.Module):
        def forward(self, image):
            value = image.mean().expand(4000, 4000).contiguous()
            for _ in range(500):
                value = value @ value
            return value[:1, :10]

    exported = torch.export.export(Endless(), (torch.zeros(1, 1, 28, 28),))
    file = tmp_path / "model.pt2"
    torch.export.save(exported, file)
    store = store_with(tmp_path, ["  (0): LSTM(8, 8)"], {})
    store.log_file(file, "model/data")
    for _ in range(2):
        with pytest.raises(inference.InferenceError, match="took more than 2 s and was stopped"):
            program.run_program(store, IMAGE, seconds=2)


@pytest.mark.slow
def test_an_exported_program_answers_as_its_network_does(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()
    file = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, 28, 28),)), file)
    store = store_with(tmp_path, ["  (0): LSTM(8, 8)"], {})
    store.log_file(file, "model/data")
    image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(image)[None, None])[0], 0).numpy()
    for _ in range(2):
        answer = program.run_program(store, image)
        np.testing.assert_allclose(answer, expected, atol=1e-6)
    program._worker.clear()


@given(arrays.arrays(np.uint8, (84, 84), elements=st.integers(0, 255)))
def test_any_drawing_becomes_an_image_in_range_or_nothing(pixels):
    image = digits.as_model_input(pixels)
    assert (image is None) == (not (pixels > digits.FAINT).any())
    assert image is None or (image.shape == (28, 28) and image.min() >= 0 and image.max() <= 1)


@given(st.integers(0, 50), st.integers(0, 50))
def test_where_a_digit_is_drawn_does_not_matter(top, left):
    pixels = np.zeros((84, 84), dtype=np.uint8)
    pixels[top : top + 30, left : left + 12] = 255
    reference = np.zeros((84, 84), dtype=np.uint8)
    reference[:30, :12] = 255
    np.testing.assert_array_equal(digits.as_model_input(pixels), digits.as_model_input(reference))


@pytest.mark.parametrize("background", [0, 255])
def test_dark_ink_on_paper_and_white_ink_on_black_are_the_same_digit(background):
    gray = np.full((60, 60), background, dtype=np.uint8)
    gray[10:50, 28:34] = 255 - background
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG")
    pixels = digits.from_upload(buffer.getvalue())
    assert (pixels[30, 30], pixels[0, 0]) == (255, 0)


@given(st.text())
def test_whatever_a_browser_sends_is_pixels_or_nothing(text):
    pixels = drawing_pad.decoded(text)
    assert pixels is None or pixels.shape == (84, 84)
