"""The last lines that a run printed."""

# ruff: noqa: T201 -- printing is what is tested

from __future__ import annotations

import logging
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracker
from tracker.exceptions import InvalidStateError
from tracker.output import OutputTail


@pytest.fixture
def here(tmp_path):
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    return tmp_path


def output_of(run):
    path = tracker.get_client().artifacts(run.info.run_id).local_path("output.log")
    return path.read_text(encoding="utf-8")


@pytest.mark.usefixtures("here")
def test_what_is_printed_is_shown_and_kept(capsys):
    with tracker.start_run() as run, tracker.capture_output():
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logging.StreamHandler().emit(logging.makeLogRecord({"msg": "from a logger"}))
    assert output_of(run) == "to stdout\nto stderr\nfrom a logger\n"
    captured = capsys.readouterr()
    assert captured.out == "to stdout\n"
    assert captured.err == "to stderr\nfrom a logger\n"


@pytest.mark.usefixtures("here")
def test_a_failed_run_keeps_what_it_printed_before():
    failing = pytest.raises(ValueError, match="no luck")
    with failing, tracker.start_run() as run, tracker.capture_output():
        print("step 7")
        raise ValueError("no luck")
    assert output_of(run) == "step 7\n"
    assert tracker.get_run(run.info.run_id).info.status == "FAILED"


@pytest.mark.usefixtures("here")
def test_only_the_last_lines_are_kept_and_long_ones_are_cut():
    with tracker.start_run() as run, tracker.capture_output(max_lines=3):
        for number in range(10):
            print(number)
        print("x" * 1_000_000)
    lines = output_of(run).splitlines()
    assert lines[:2] == ["8", "9"]
    assert lines[2] == "x" * 2_000


@pytest.mark.usefixtures("here")
def test_a_run_that_prints_nothing_has_no_file():
    with tracker.start_run() as run, tracker.capture_output():
        pass
    paths = [entry.path for entry in tracker.get_client().list_artifacts(run.info.run_id)]
    assert "output.log" not in paths


@pytest.mark.usefixtures("here")
def test_a_run_within_a_run_has_lines_of_its_own():
    with tracker.start_run() as parent, tracker.capture_output():
        print("before")
        with tracker.start_run(nested=True) as child, tracker.capture_output():
            print("within")
    assert output_of(child) == "within\n"
    assert output_of(parent) == "before\nwithin\n"


@pytest.mark.usefixtures("here")
def test_a_handler_that_outlives_the_block_goes_on_printing(capsys):
    with tracker.start_run() as run, tracker.capture_output():
        handler = logging.StreamHandler()
        print("within", file=sys.stderr)
    handler.emit(logging.makeLogRecord({"msg": "after"}))
    assert output_of(run) == "within\n"
    assert "after" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_there_must_be_a_run():
    with pytest.raises(InvalidStateError, match="No run is active"), tracker.capture_output():
        pass


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["10 %\r", "20 %\r", "100 %\n"], "100 %\n"),
        (["\r\x1b[2K\x1b[1;32m━━\x1b[0m 5/10"], "━━ 5/10\n"),
        (["a\r\nb\r\n"], "a\nb\n"),
        (["half ", "a line"], "half a line\n"),
        (["\x1b]0;title\x07text\n"], "text\n"),
        ([], ""),
    ],
)
def test_lines_are_kept_as_a_terminal_shows_them(pieces, text):
    tail = OutputTail(10)
    for piece in pieces:
        tail.write(piece)
    assert tail.text() == text


@given(st.lists(st.text(st.characters(exclude_characters="\r\x1b", codec="utf-8"), max_size=30)))
def test_the_pieces_in_which_a_text_arrives_do_not_matter(pieces):
    whole, parts = OutputTail(1_000), OutputTail(1_000)
    whole.write("".join(pieces))
    for piece in pieces:
        parts.write(piece)
    assert whole.text() == parts.text()


def test_threads_do_not_tear_each_other_s_lines():
    tail = OutputTail(4_000)

    def work(letter):
        for _ in range(1_000):
            tail.write(letter * 50 + "\n")

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tail.text().splitlines()) == {letter * 50 for letter in "abcd"}
