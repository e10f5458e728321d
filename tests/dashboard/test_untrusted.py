"""Files that are cut, damaged, bottomless or something else: shown as that, in a sentence."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import struct
import zlib

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import untrusted
from dashboard.artifacts import digits, evaluation, files
from dashboard.queries import records
from dashboard.source import open_source
from tracker.files import open_artifacts

DEEP = b"[" * 100_000 + b"]" * 100_000
ROWS = b"a,b\n" + b"1,2\n" * 5_000
ZIPPED = gzip.compress(ROWS, mtime=0)  # the same bytes in every process that collects the tests


def chunk(kind, content):
    """A piece of a PNG file (PNG specification, 5.3)."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def black(width, height):
    """A PNG of one bit a pixel: a few kilobytes claim a picture of any size."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    pieces = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("bomb.png", black(20_000, 20_000), "too many pixels|million pixels"),
        ("large.png", black(8_000, 8_000), "million pixels"),
        ("cut.png", black(200, 200)[:60], "truncated"),
        ("text.png", b"not a picture", "not a picture"),
        ("eps.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        ("cut.csv.gz", ZIPPED[:-20], "ends too early"),
        ("bad.csv.gz", ZIPPED[:20] + b"xxxxxxx" + ZIPPED[27:], "cannot be read"),
        ("plain.csv.gz", ROWS, "Not a gzipped file"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "Expected 2 fields"),
        ("wide.csv", b"," * 1_000, "more than 500 columns"),
        ("second.csv", b"a,b\n" + b"1," * 64_000, "more than 500 columns"),
        ("second.tsv", b"a\tb\n1\t2\n" + b"1\t" * 3_000_000, "more than 500 columns"),
        ("late.csv", b'a,b\n1,"' + b"\n" * 2_000 + b'"\n' + b"1," * 1_000, "more than 500 columns"),
        ("quotes.csv", b'a,b\n5",' + b"1," * 1_000 + b'"', "more than 500 columns"),
    ],
)
def test_a_file_that_cannot_be_shown_says_why(previewed, path, content, sentence):
    test = previewed(path, content)
    assert test.caption[0].value == "This file cannot be shown."
    assert re.search(sentence, test.text[0].value)


@pytest.mark.parametrize("content", [DEEP, b"{not json", b'{"a": 1', b"\xff\xfe["])
def test_what_is_no_json_is_shown_as_the_text_it_is(previewed, content):
    test = previewed("odd.json", content)
    assert "This JSON cannot be read" in test.text[0].value
    assert test.code[0].value == content.decode(errors="replace")


def test_an_empty_file_is_called_empty_whatever_its_name(previewed):
    assert previewed("empty.csv", b"").caption[0].value == "The file is empty."


@pytest.mark.parametrize("sides", [(5_000, 3), (3, 5_000), (3_000, 2_000), (28, 28)])
def test_a_picture_of_any_sides_is_shown(previewed, sides):
    assert "by" in previewed("odd.png", black(*sides)).caption[0].value


def test_a_table_is_read_up_to_its_last_whole_line(previewed, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_TABLE_BYTES", 11)
    shown = previewed("long.csv", ROWS).dataframe[0].value
    assert shown.to_dict("list") == {"a": [1], "b": [2]}


def test_separators_and_ends_of_lines_in_quotes_make_no_columns(previewed):
    prose = "one, two,\n" * 1_000
    shown = previewed("prose.csv", f'a,b\n1,"{prose}""x"""\n'.encode()).dataframe[0].value
    assert shown.to_dict("list") == {"a": [1], "b": [f'{prose}"x"']}


EVALUATION = {
    "evaluation/summary.json": lambda store: [
        result for result in evaluation.results(store).values() if "loss" in result
    ],
    "evaluation/confusion_test.json": lambda store: evaluation.confusion(store, "test"),
    "evaluation/predictions_test.csv.gz": lambda store: evaluation.predictions(store, "test"),
    "evaluation/images_test.json": lambda store: evaluation.examples(store, "test"),
    "evaluation/images_test.png": lambda store: evaluation.examples(store, "test"),
    "datasets/dataset_metadata.json": lambda store: evaluation.image_set(store, "test"),
    "datasets/mnist_test.pt": lambda store: evaluation.image_set(store, "test"),
    "datasets/samples/sharp.png": lambda store: files.read_picture(
        store, "datasets/samples/sharp.png"
    ),
}
HUGE = 10**400
ODD = {
    "empty": b"",
    "deep": DEEP,
    "list": b'["labels", 3, null]',
    "numbers": json.dumps({"labels": [1], "counts": [[HUGE]], "splits": 3}).encode(),
    "bomb": black(20_000, 20_000),
    "cut": ZIPPED[:-20],
    "header": gzip.compress(b"index,label,prediction,confidence,loss\n"),
    "negative": gzip.compress(b"index,label,prediction,confidence,loss\n-1,2,3,0.5,1\n"),
    "infinite": gzip.compress(b"index,label,prediction,confidence,loss\ninf,2,3,0.5,1\n"),
    "zip": b"PK\x03\x04" + bytes(60),
}


@pytest.fixture
def evaluated(database, tmp_path):
    """The artifacts of one run of the study, to be damaged."""
    original = next((database.parent / "artifacts" / "1").glob("*/artifacts"))
    shutil.copytree(original, tmp_path / "artifacts")
    return open_artifacts("artifacts", tmp_path)


def is_missing(found):
    return found is None or (hasattr(found, "__len__") and len(found) == 0)


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
@pytest.mark.parametrize("path", EVALUATION)
def test_what_an_evaluation_cannot_be_is_as_if_it_were_not_there(evaluated, path, content):
    assert not is_missing(EVALUATION[path](evaluated))
    (evaluated.root / path).write_bytes(content)
    assert is_missing(EVALUATION[path](evaluated))


@pytest.mark.parametrize("accuracy", [HUGE, float("nan"), float("inf"), "good", None, [1]])
def test_an_accuracy_that_is_no_number_is_none(accuracy):
    assert evaluation.accuracy({"accuracy": accuracy}) is None


@pytest.mark.parametrize("bins", [3, [{"confidence": HUGE}], [{"count": 1}], {"count": "x"}])
def test_a_calibration_of_another_shape_is_empty(bins):
    assert evaluation.calibration({"calibration": {"bins": bins}}).empty


@pytest.mark.parametrize(
    "content",
    [black(20_000, 20_000), black(9_000, 9_000), b"GIF89a", b"\x89PNG\r\n" + bytes(40), b""],
)
def test_a_picture_that_cannot_be_a_digit_is_refused(content):
    with pytest.raises(untrusted.UnreadableFileError, match="The picture cannot be read"):
        digits.from_upload(content)


def evaluation_script(path):
    from pathlib import Path

    from dashboard import view
    from dashboard.pages import evaluate
    from dashboard.queries import run_lists
    from dashboard.source import open_source

    source = open_source(Path(path))
    ids = tuple(run_lists.run_page(source, run_lists.RunQuery(), 10)["run_id"])
    evaluate.show(view.only(source, ids))


def test_a_bottomless_summary_of_one_run_leaves_the_others_their_evaluation(tmp_path, study):
    database = study.build_study(tmp_path)
    root = next((tmp_path / "artifacts" / "1").glob("*/artifacts"))
    (root / "evaluation" / "summary.json").write_bytes(DEEP)
    test = AppTest.from_function(evaluation_script, default_timeout=30, args=(str(database),))
    test.run()
    assert not test.exception
    rows = json.loads(test.get("bidi_component")[0].proto.json)["rows"]
    accuracies = [row["cells"][0] for row in rows]
    assert [cell is None for cell in accuracies].count(True) == 0
    assert len(accuracies) == 4


@pytest.mark.parametrize("profile", [DEEP.decode(), "3", '{"num_rows": "x"}', f"{HUGE}", "{"])
def test_a_profile_of_a_data_set_that_says_no_number_of_rows_has_none(tmp_path, study, profile):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    run_id = study.add_run(connection, "first")
    study.add_dataset(connection, run_id, "mnist", "1f2e", "train", 7)
    assert records.datasets_of(open_source(tmp_path / "tracking.db"), (run_id,))["rows"][0] == 7
    connection.execute("UPDATE datasets SET dataset_profile = ?", (profile,))
    assert records.datasets_of(open_source(tmp_path / "tracking.db"), (run_id,))["rows"][0] is None
    connection.close()
