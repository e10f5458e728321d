"""Labels: short, and no two runs share one; a link leads to the run that it led to when made."""

from __future__ import annotations

import hashlib
import json

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import view
from dashboard.queries import run_lists
from dashboard.source import open_source


@pytest.fixture
def alike(tmp_path, study):
    """Three runs whose names end in one date, which is eight hexadecimal digits; two are alike."""
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    names = ["dup_20251124", "dup_20251124", "other_20251124", "single_0000beef"]
    ids = [
        study.add_run(connection, name, begun=study.BEGUN + number)
        for number, name in enumerate(names)
    ]
    for number, run_id in enumerate(ids):
        study.add_param(connection, run_id, "lr", number)
        study.add_metric(connection, run_id, "val_loss", [1.0, number])
        study.add_metric(connection, run_id, "test_accuracy", [0.5 + number / 10])
    connection.close()
    return tmp_path / "tracking.db", ids


def labels(database, ids):
    source = open_source(database)
    found = run_lists.runs_by_id(source, tuple(ids))
    return view.labels(source, dict(zip(found["run_id"], found["name"], strict=True)))


@pytest.fixture
def visited(look):
    """The whole dashboard at an address, where nothing goes wrong."""

    def visit(database, **address):
        test = look(database, **address)
        assert not test.exception
        return test

    return visit


def test_digits_that_several_names_share_give_way_to_the_ids(alike):
    database, ids = alike
    found = labels(database, ids)
    assert [found[run_id] for run_id in ids] == [
        f"dup_20251124 · {ids[0][:8]}",
        f"dup_20251124 · {ids[1][:8]}",
        f"other_20251124 · {ids[2][:8]}",
        "single · 0000beef",
    ]


def test_a_run_has_the_same_label_in_every_selection(alike):
    database, ids = alike
    together = labels(database, ids)
    assert together == {run_id: labels(database, [run_id])[run_id] for run_id in ids}


def test_ids_that_begin_alike_are_shown_whole(tmp_path, study):
    connection = study.connect(tmp_path / "tracking.db")
    ids = [study.add_run(connection, "same", experiment=0) for _ in range(2)]
    for number, run_id in enumerate(ids):
        connection.execute(
            "UPDATE runs SET run_uuid = ? WHERE run_uuid = ?", (f"nightly-run-{number}", run_id)
        )
    connection.close()
    found = labels(tmp_path / "tracking.db", ["nightly-run-0", "nightly-run-1"])
    assert list(found.values()) == ["same · nightly-run-0", "same · nightly-run-1"]
    source = open_source(tmp_path / "tracking.db")
    assert [view.linked(source, text) for text in found.values()] == list(found)


def test_every_label_leads_back_to_its_run(alike):
    database, ids = alike
    source = open_source(database)
    assert {
        run_id: view.linked(source, text) for run_id, text in labels(database, ids).items()
    } == {run_id: run_id for run_id in ids}


@pytest.mark.parametrize(
    ("text", "position"),
    [("dup · 20251124", 0), ("other · 20251124", 2), ("gone · 20251124", 0), ("x 0000beef", 3)],
)
def test_an_old_link_leads_to_the_run_that_had_the_digits_first(alike, text, position):
    database, ids = alike
    assert view.linked(open_source(database), text) == ids[position]


def test_an_id_comes_before_a_name_that_ends_in_its_digits(alike, study):
    database, _ = alike
    connection = study.connect(database)
    digits = hashlib.md5(b"new4", usedforsecurity=False).hexdigest()[:8]
    study.add_run(connection, f"old_{digits}", begun=0)
    connection.execute("UPDATE runs SET run_uuid = ? WHERE name LIKE 'old%'", ("0" * 32,))
    run_id = study.add_run(connection, "new")
    connection.execute(
        "UPDATE runs SET run_uuid = ? WHERE run_uuid = ?", (f"{digits}{'a' * 24}", run_id)
    )
    connection.close()
    source = open_source(database)
    assert view.linked(source, f"renamed · {digits}") == f"{digits}{'a' * 24}"
    assert view.linked(source, f"old · {digits}") == "0" * 32


@pytest.mark.parametrize("text", ["", " ", "x", "x · 1", "· ffffffff", "%", "*"])
def test_a_link_to_no_run_selects_the_newest(alike, visited, text):
    database, ids = alike
    assert view.linked(open_source(database), text) is None
    test = visited(database, runs=text)
    assert test.multiselect(key="runs").value == ids[::-1]


def test_a_link_to_one_of_two_runs_alike_selects_it_alone(alike, visited):
    database, ids = alike
    for run_id in ids[:2]:
        test = visited(database, runs=labels(database, ids)[run_id])
        assert test.multiselect(key="runs").value == [run_id]
    assert visited(database, runs="dup · 20251124").multiselect(key="runs").value == [ids[0]]


def test_a_link_of_old_and_new_labels_selects_all_it_names(alike, visited):
    database, ids = alike
    test = visited(database, runs=["dup · 20251124", "single · 0000beef", "x · 1"])
    assert test.multiselect(key="runs").value == [ids[0], ids[3]]


def configurations_script(path, run_ids):
    from pathlib import Path

    from dashboard import view
    from dashboard.pages import configurations
    from dashboard.source import open_source

    configurations.show(view.build(open_source(Path(path)), None, tuple(run_ids)))


def test_runs_of_one_name_stand_side_by_side(alike):
    database, ids = alike
    test = AppTest.from_function(configurations_script, default_timeout=30)
    test.args = (str(database), ids)
    test.run()
    assert not test.exception
    assert list(test.dataframe[0].value.columns[1:]) == ids
    assert list(test.dataframe[0].value.iloc[0])[1:] == ["0", "1", "2", "3"]
    config = json.loads(test.dataframe[0].proto.columns)
    expected = labels(database, ids)
    expected[ids[0]] += " (baseline)"
    assert {run_id: config[run_id]["label"] for run_id in ids} == expected


def test_a_link_with_a_label_of_old_opens_its_run(alike):
    database, ids = alike
    test = AppTest.from_function(configurations_script, args=(str(database), ids))
    test.query_params["baseline"] = "dup · 20251124"
    test.run(timeout=30)
    assert test.selectbox(key="baseline").value == ids[0]


@pytest.mark.parametrize(("families", "colors"), [(2, 10), (3, 3)])
def test_seeds_of_one_configuration_share_a_color_where_colors_do_not_suffice(
    tmp_path, study, families, colors
):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    ids = []
    for family in range(families):
        parent = study.add_run(connection, f"f{family}_000000a{family}")
        for seed in range(5):
            child = study.add_run(connection, f"f{family}_0000{family}00{seed}")
            study.add_tag(connection, child, "mlflow.parentRunId", parent)
            ids.append(child)
    connection.close()
    built = view.build(open_source(tmp_path / "tracking.db"), None, tuple(ids), f"{families}")
    assert len(set(built.colors.values())) == colors
