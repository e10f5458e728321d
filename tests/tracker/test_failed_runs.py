"""A run that fails by an exception says which, and recording it never hides the exception."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from tracker.tags import (
    FAILURE_TAGS,
    TRACKER_EXCEPTION_MESSAGE,
    TRACKER_EXCEPTION_TYPE,
    TRACKER_FAILURE_REASON,
)

pytestmark = pytest.mark.usefixtures("database")


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError


def failing_run(error):
    with pytest.raises(type(error)), tracker.start_run() as run:
        raise error
    return tracker.get_run(run.info.run_id)


def trace_of(run):
    path = tracker.get_client().download_artifacts(run.info.run_id, "exception.txt")
    return Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "kind", "message", "reason"),
    [
        (ValueError("no such layer"), "ValueError", "no such layer", "ValueError: no such layer"),
        (KeyError("lr"), "KeyError", "'lr'", "KeyError: 'lr'"),
        (RuntimeError("first\nsecond"), "RuntimeError", "first\nsecond", "RuntimeError: first"),
        (OSError(28, "No space left"), "OSError", "[Errno 28] No space left", None),
        (SystemExit(3), "SystemExit", "3", "SystemExit: 3"),
        (AssertionError(), "AssertionError", "", "AssertionError"),
        (ExceptionGroup("two", [ValueError(1)]), "ExceptionGroup", "two (1 sub-exception)", None),
        (ValueError("half \ud800 pair"), "ValueError", "half ? pair", None),
    ],
)
def test_a_failed_run_keeps_type_message_and_traceback(error, kind, message, reason):
    run = failing_run(error)
    tags = run.data.tags
    assert run.info.status == "FAILED"
    assert (tags[TRACKER_EXCEPTION_TYPE], tags[TRACKER_EXCEPTION_MESSAGE]) == (kind, message)
    assert tags[TRACKER_FAILURE_REASON] == (reason or f"{kind}: {message}")
    assert f"in {failing_run.__name__}" in trace_of(run)


def test_a_long_message_is_whole_in_the_traceback():
    run = failing_run(ValueError("x" * 20_000))
    assert len(run.data.tags[TRACKER_EXCEPTION_MESSAGE]) == 8_000
    assert "x" * 20_000 in trace_of(run)


def test_an_exception_that_cannot_be_printed_is_recorded_by_its_type():
    run = failing_run(UnprintableError())
    assert run.data.tags[TRACKER_EXCEPTION_TYPE] == "UnprintableError"


def test_runs_are_found_by_the_exception_that_ended_them():
    failing_run(ValueError("a"))
    run = failing_run(ZeroDivisionError("b"))
    found = tracker.search_runs(
        filter_string="tags.`tracker.exception.type` = 'ZeroDivisionError'", output_format="list"
    )
    assert [each.info.run_id for each in found] == [run.info.run_id]


def test_each_run_that_an_exception_leaves_records_it():
    with (
        pytest.raises(ValueError, match="deep"),
        tracker.start_run() as outer,
        tracker.start_run(nested=True) as inner,
    ):
        raise ValueError("deep")
    for run in (outer, inner):
        tags = tracker.get_run(run.info.run_id).data.tags
        assert tags[TRACKER_FAILURE_REASON] == "ValueError: deep"


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_run_that_does_not_fail_records_no_exception(error):
    run = tracker.start_run()
    try:
        with run:
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert not {*tracker.get_run(run.info.run_id).data.tags} & {*FAILURE_TAGS}


def test_a_resumed_run_no_longer_says_why_it_failed():
    failed = failing_run(ValueError("once"))
    with tracker.start_run(run_id=failed.info.run_id):
        pass
    run = tracker.get_run(failed.info.run_id)
    assert run.info.status == "FINISHED"
    assert not {*run.data.tags} & {*FAILURE_TAGS}


def test_an_uncaught_exception_is_recorded_when_the_interpreter_ends(database):
    code = "import tracker; tracker.start_run(); tracker.log_metric('m', 1); {}['missing']"
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    (run,) = tracker.get_client().search_runs(["0"])
    assert run.data.tags[TRACKER_FAILURE_REASON] == "KeyError: 'missing'"
    assert "KeyError" in trace_of(run)
    assert database.exists()


def delete_the_run(run_id, database):
    del database
    tracker.delete_run(run_id)


def remove_the_database(run_id, database):
    del run_id
    tracker.get_client().store.database.close()
    for path in database.parent.glob("fluent.db*"):
        if path.is_file():
            path.unlink()


def put_a_file_in_the_way_of_the_artifacts(run_id, database):
    folder = database.parent / "artifacts" / "0" / run_id
    (folder / "artifacts").mkdir(parents=True, exist_ok=True)
    (folder / "artifacts" / "exception.txt").mkdir()


@pytest.mark.parametrize(
    "trouble", [delete_the_run, remove_the_database, put_a_file_in_the_way_of_the_artifacts]
)
def test_where_the_end_cannot_be_recorded_the_first_error_goes_on(database, trouble):
    with pytest.raises(ValueError, match="the first error") as caught, tracker.start_run() as run:
        trouble(run.info.run_id, database)
        raise ValueError("the first error")
    assert any("is not recorded" in note for note in caught.value.__notes__)
    assert tracker.active_run() is None


ENDED_BY_A_DESTRUCTOR = """
import sys, tracker
class Callback:
    def __del__(self):
        if tracker.active_run() is not None:
            tracker.end_run()
sys.modules["kept until the end"] = Callback()
tracker.start_run()
"""


def test_a_library_may_end_its_run_after_the_interpreter_has(database):
    done = subprocess.run(
        [sys.executable, "-c", ENDED_BY_A_DESTRUCTOR], check=False, capture_output=True, text=True
    )
    (run,) = tracker.get_client().search_runs(["0"])
    assert (run.info.status, done.stderr) == ("FINISHED", "")
    assert database.exists()
