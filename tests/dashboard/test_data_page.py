"""The Data page: sizes that sort, a legend that is not cut."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.queries import records, run_lists
from dashboard.source import open_source


@pytest.fixture
def page(database):
    """The page of the finished study."""

    def script(path):
        from pathlib import Path

        from dashboard import view
        from dashboard.pages import data
        from dashboard.queries import run_lists
        from dashboard.source import open_source

        source = open_source(Path(path))
        found = run_lists.run_page(source, run_lists.RunQuery(), 5)
        data.show(view.only(source, tuple(found["run_id"])))

    return AppTest.from_function(script, args=(str(database),), default_timeout=30).run()


def test_sizes_of_files_are_numbers_that_sort(page):
    files = page.dataframe[-1].value
    assert files["size"].dtype == "float64"
    assert (
        dict(zip(files["path"], files["size"], strict=True))["datasets/mnist_train.pt"] == 200_000
    )


def test_the_legend_of_the_classes_stands_outside_the_chart(page):
    chart = json.loads(page.get("vega_lite_chart")[0].proto.spec)
    assert chart["encoding"]["color"]["legend"] is None
    legend = next(e.proto.body for e in page.get("html") if "mnist-train" in e.proto.body)
    for split, color in zip(*chart["encoding"]["color"]["scale"].values(), strict=True):
        assert split in legend
        assert color in legend


@pytest.mark.parametrize("count", ["1" + "0" * 400, "-1", '"many"', "[1]"])
def test_a_number_of_rows_that_cannot_be_one_is_none(tmp_path, study, count):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    run_id = study.add_run(connection, "one")
    study.add_dataset(connection, run_id, "odd", "d", "train", 7)
    profile = f'{{"num_rows": {count}}}'
    connection.execute("UPDATE datasets SET dataset_profile = ?", (profile,))
    connection.close()
    source = open_source(tmp_path / "tracking.db")
    ids = tuple(run_lists.run_page(source, run_lists.RunQuery(), 5)["run_id"])
    assert records.datasets_of(source, ids)["rows"].tolist() == [None]
