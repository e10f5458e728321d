"""Pictures in tables and values in dictionaries come back as they went in, or are refused."""

from __future__ import annotations

import json
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tracker
from tracker.exceptions import InvalidTypeError, InvalidValueError, UnknownColumnError

PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6)
COLORS = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 2


class Mode(StrEnum):
    FAST = "fast"


@dataclass
class Layer:
    width: int
    kernel: tuple[int, int] = (3, 3)
    mode: Color = field(default=Color.RED)


Point = namedtuple("Point", "x y")  # noqa: PYI024


def logged(client, run_id, name):
    return Path(client.download_artifacts(run_id, name)).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"a"}), ["a"]),
        ({1, "a"}, None),
        (b"bytes", "bytes"),
        (bytearray(b"bytes"), "bytes"),
        (datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "2024-01-02T03:04:00+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (timedelta(minutes=2), 120.0),
        (PurePosixPath("a/b"), "a/b"),
        (Color.RED, "red"),
        (Level.HIGH, 2),
        (Mode.FAST, "fast"),
        (Layer(4), {"width": 4, "kernel": [3, 3], "mode": "red"}),
        (Point(1, 2), [1, 2]),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.True_, True),
        (np.arange(3), [0, 1, 2]),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (range(3), [0, 1, 2]),
        (deque([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": {1}}), {"a": [1]}),
        ({"a": 1}.keys(), ["a"]),
        (pd.Timestamp("2024-01-02"), "2024-01-02T00:00:00"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_dictionary_holds_what_can_be_read_back(client, run_id, value, read):
    client.log_dict(run_id, {"v": value}, "d.json")
    found = json.loads(logged(client, run_id, "d.json"))["v"]
    assert found == read if read is not None else sorted(map(str, found)) == ["1", "a"]


@pytest.mark.parametrize("name", ["d.json", "d.yaml"])
@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        lambda: 1,
        Layer,
        {(1, 2): 3},
        Exception("x"),
        np.array([object()]),
    ],
    ids=["object", "complex", "function", "class", "tuple as key", "error", "objects"],
)
def test_what_cannot_be_read_back_is_refused(client, run_id, value, name):
    with pytest.raises(InvalidValueError, match=r"'d\.(json|yaml)' cannot be written"):
        client.log_dict(run_id, {"v": [1, {"deep": value}]}, name)
    assert client.list_artifacts(run_id) == []


def test_bytes_that_are_no_text_are_refused_by_json(client, run_id):
    with pytest.raises(InvalidValueError, match=r"'d\.json' cannot be written"):
        client.log_dict(run_id, {"v": b"\xff"}, "d.json")


@pytest.mark.parametrize(
    "value",
    [{2, 1}, Path("a"), Color.RED, Layer(4), np.float32(0.5), Decimal("1.5"), (1, 2), Mode.FAST],
    ids=lambda value: type(value).__name__,
)
def test_yaml_and_json_say_the_same(client, run_id, value):
    yaml = pytest.importorskip("yaml")
    for name in ("d.json", "d.yml"):
        client.log_dict(run_id, {"v": value}, name)
    as_json = json.loads(logged(client, run_id, "d.json"))
    as_yaml = yaml.safe_load(logged(client, run_id, "d.yml"))
    assert as_yaml in (as_json, {"v": value})


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(PIXELS),
        Image.fromarray(COLORS),
        PIXELS,
        PIXELS[:, :, None],
        COLORS,
        np.dstack([COLORS, PIXELS]),
    ],
    ids=["PIL gray", "PIL RGB", "gray", "one channel", "RGB", "RGBA"],
)
@pytest.mark.parametrize("wrap", [lambda x: x, tracker.Image], ids=["as it is", "tracker.Image"])
def test_an_image_in_a_table_comes_back(client, run_id, image, wrap):
    data = {"digit": [wrap(image), None], "label": [7, 8]}
    for form in (data, pd.DataFrame(data)):
        client.log_table(run_id, form, "sub/errors.json")
    table = client.load_table("0", "sub/errors.json", [run_id])
    expected = np.squeeze(np.asarray(image))
    assert list(table["label"]) == [7, 8, 7, 8]
    assert (table["digit"][0].to_array() == expected).all()
    assert (table["digit"][2].to_array() == expected).all()
    assert table["digit"][1] is None


def test_the_reference_is_the_one_that_mlflow_writes(client, run_id):
    client.log_table(run_id, {"digit": [PIXELS], "label": [7]}, "errors.json")
    table = json.loads(logged(client, run_id, "errors.json"))
    cell = table["data"][0][0]
    assert set(cell) == {"type", "filepath", "compressed_filepath"}
    assert cell["type"] == "image"
    assert cell["filepath"].startswith("table_images/errors/")
    for name in (cell["filepath"], cell["compressed_filepath"]):
        with Image.open(client.download_artifacts(run_id, name)) as picture:
            assert picture.size == (6, 4)


@pytest.mark.parametrize(
    "column",
    [np.zeros((2, 5)), np.zeros((2, 3, 3)), [[1, 2], [3, 4]], np.zeros((2, 4, 5, 6), np.uint8)],
    ids=["vectors", "matrices of floats", "lists", "more dimensions"],
)
def test_an_array_that_is_no_picture_stays_numbers(client, run_id, column):
    client.log_table(run_id, {"a": column}, "a.json")
    cells = json.loads(logged(client, run_id, "a.json"))["data"]
    assert [cell[0] for cell in cells] == np.asarray(column).tolist()


@pytest.mark.parametrize("other", ["text", 1, [1]])
def test_a_column_of_pictures_and_something_else_is_refused(client, run_id, other):
    with pytest.raises(InvalidValueError, match="'digit' holds images and something else"):
        client.log_table(run_id, {"digit": [PIXELS, other]}, "a.json")
    assert client.list_artifacts(run_id) == []


@pytest.mark.parametrize(
    "value", [object(), 1j, b"\xff", lambda: 1], ids=["object", "complex", "bytes", "function"]
)
def test_a_cell_that_cannot_be_read_back_is_refused_by_its_column(client, run_id, value):
    with pytest.raises(InvalidValueError, match="The column 'b' cannot be written"):
        client.log_table(run_id, {"a": [1], "b": [value]}, "a.json")


def test_a_table_is_kept_as_parquet_with_its_types(client, run_id):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": np.array([1, 2], np.int32), "b": ["x", None], "c": [0.5, np.nan]})
    client.log_table(run_id, frame, "a.parquet")
    client.log_table(run_id, frame, "a.parquet")
    client.log_table(run_id, {"digit": [PIXELS], "label": [7]}, "b.parquet")
    table = client.load_table("0", "a.parquet", [run_id])
    pictures = client.load_table("0", "b.parquet", [run_id])
    assert (len(table), str(table["a"].dtype)) == (4, "int32")
    assert (pictures["digit"][0].to_array() == PIXELS).all()


@pytest.mark.parametrize("name", ["rows.csv", "rows", "rows.JSON"])
def test_a_table_of_another_ending_is_refused(client, run_id, name):
    with pytest.raises(InvalidValueError, match=r"with '\.json' or '\.parquet'"):
        client.log_table(run_id, {"a": [1]}, name)


@pytest.mark.parametrize("column", ["params.missing", "metrics.m", "tags.t", "nothing", "zebra.x"])
def test_an_extra_column_that_no_run_has_is_a_key_error(client, run_id, column):
    client.log_table(run_id, {"a": [1]}, "a.json")
    with pytest.raises(KeyError, match="No run has a column") as caught:
        client.load_table("0", "a.json", [run_id], [column])
    assert isinstance(caught.value, UnknownColumnError)
    assert str(caught.value).startswith("No run has")


def test_an_extra_column_named_like_the_tables_own_gets_an_underscore(client, run_id):
    client.log_table(run_id, {"run_id": ["mine"]}, "a.json")
    table = client.load_table("0", "a.json", [run_id], ["run_id"])
    assert list(table.iloc[0]) == ["mine", run_id]
    assert list(table.columns) == ["run_id", "run_id_"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("text", "a.png"), TypeError),
        ((None, "a.png"), TypeError),
        ((np.array([["a"]]), "a.png"), TypeError),
        ((np.zeros((2, 2), complex), "a.png"), TypeError),
        ((PIXELS,), TypeError),
        ((PIXELS, "a.png", "key"), TypeError),
        ((PIXELS, "a.png", None, 3), TypeError),
        ((np.zeros(3), "a.png"), ValueError),
        ((np.zeros((2, 2, 5)), "a.png"), ValueError),
        ((PIXELS.astype(int) * 100, "a.png"), ValueError),
    ],
)
def test_a_misuse_of_log_image_is_the_error_that_mlflow_raises(client, run_id, arguments, error):
    with pytest.raises(error) as caught:
        client.log_image(run_id, *arguments)
    assert isinstance(caught.value, tracker.TrackerError)
    assert isinstance(caught.value, InvalidTypeError) == (error is TypeError)


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 1.0), (0.0, 255.0), (-5.0, -1.0), (2.0, 2.0)], ids=repr
)
def test_floats_out_of_range_are_scaled_with_a_warning(client, run_id, low, high):
    pixels = np.array([[low, (low + high) / 2], [high, high]])
    with pytest.warns(UserWarning, match="Float pixels lie in") as caught:
        client.log_image(run_id, pixels, "a.png")
    with Image.open(client.download_artifacts(run_id, "a.png")) as picture:
        found = np.asarray(picture)
    expected = [[0, 127], [255, 255]] if low < high else [[0, 0], [0, 0]]
    assert (found.tolist(), caught[0].filename) == (expected, __file__)


def test_an_image_is_one_of_mlflows(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "a.png")
    image = tracker.Image(str(tmp_path / "a.png"))
    assert image.size == (6, 4)
    (tmp_path / "a.png").unlink()
    assert (image.to_array() == COLORS).all()
    assert image.to_list()[0] == (0, 1, 2)
    assert image.resize((3, 2)).size == (3, 2)
    assert tracker.Image([[0, 255], [255, 0]]).to_list() == [0, 255, 255, 0]
    assert image.to_pil().mode == "RGB"
    image.save(tmp_path / "b.png")
    with pytest.raises(TypeError, match="not dict"):
        tracker.Image({})
