"""What the dashboard reads, against the numbers that were written."""

from __future__ import annotations

import os

import pytest

from dashboard.queries import run_lists
from dashboard.queries.courses import courses
from dashboard.source import open_source
from tracker.exceptions import DatabaseError
from tracker.search import compile_run_search


def test_a_commit_of_another_connection_changes_the_source(written, study):
    path, connection = written
    before = open_source(path)
    assert open_source(path) == before
    study.add_run(connection, "new")
    assert open_source(path) != before


@pytest.mark.parametrize(("descending", "names"), [(True, "bca"), (False, "cba")])
def test_runs_without_the_metric_come_last_in_either_order(written, study, descending, names):
    path, connection = written
    for name, value in (("a", None), ("b", 2.0), ("c", 1.0)):
        run_id = study.add_run(connection, name)
        if value is not None:
            study.add_metric(connection, run_id, "acc", [value])
    query = run_lists.RunQuery(order="metrics.acc", descending=descending)
    assert "".join(run_lists.run_page(open_source(path), query, 10)["name"]) == names


def test_pages_cover_every_run_once(written, study):
    path, connection = written
    for number in range(7):
        study.add_run(connection, f"run {number}")
    source = open_source(path)
    pages = [run_lists.run_page(source, run_lists.RunQuery(), 3, offset) for offset in (0, 3, 6)]
    assert sorted(name for page in pages for name in page["name"]) == [
        f"run {number}" for number in range(7)
    ]
    assert run_lists.count_runs(source, run_lists.RunQuery()) == 7


def test_the_search_language_finds_the_runs_it_names(database):
    search = compile_run_search("metrics.test_accuracy > 0.5 AND params.hidden_size = '128'", None)
    found = run_lists.run_page(open_source(database), run_lists.RunQuery().with_search(search), 10)
    assert set(found["name"]) == {"default_00000000", "blurred_dataset_00000003"}


def test_a_part_of_a_name_is_taken_literally(written, study):
    path, connection = written
    study.add_run(connection, "100% _sure_")
    study.add_run(connection, "other")
    found = run_lists.run_page(open_source(path), run_lists.RunQuery().with_text("% _SURE"), 10)
    assert list(found["name"]) == ["100% _sure_"]


def test_sparklines_follow_the_metric_from_first_to_last(database):
    source = open_source(database)
    ids = tuple(run_lists.run_page(source, run_lists.RunQuery(), 10)["run_id"])
    found = courses(source, ids, "train_loss")
    assert set(found) == set(ids)
    assert all(course[0] > course[-1] for course in found.values())


@pytest.mark.parametrize("content", [b"", b"not a database at all, not even nearly" * 40])
def test_a_file_that_is_no_tracking_database_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "odd.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"holds no experiments|is not an SQLite database"):
        open_source(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_reading_leaves_nothing_beside_a_database_in_a_folder_that_may_only_be_read(
    tmp_path, study
):
    path = tmp_path / "sent" / "tracking.db"
    path.parent.mkdir()
    study.connect(path).close()
    path.parent.chmod(0o555)
    try:
        assert run_lists.status_counts(open_source(path), None) == {}
    finally:
        path.parent.chmod(0o755)
