"""Labels: short, and no two runs share one; a link leads to the run that it led to when made."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import view
from dashboard.labels import labels
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


def labels_of(database, ids):
    found = view.only(open_source(database), ids).labels
    return [found[run_id] for run_id in ids]


@pytest.fixture
def visited(look):
    """The whole dashboard at an address, where nothing goes wrong."""

    def visit(database, **address):
        test = look(database, **address)
        assert not test.exception
        return test

    return visit


def test_digits_that_several_names_share_stay_and_ids_tell_namesakes_apart(alike):
    database, ids = alike
    assert labels_of(database, ids) == [
        f"dup_20251124 · {ids[0][:4]}",
        f"dup_20251124 · {ids[1][:4]}",
        "other_20251124",
        "single",
    ]


def test_runs_of_one_name_are_told_apart_by_their_seeds(written, study):
    path, connection = written
    ids = [study.add_run(connection, f"adam_{digits}") for digits in ("99887766", "11223344")]
    for seed, run_id in enumerate(ids, 42):
        study.add_param(connection, run_id, "training.seed", seed)
    assert labels_of(path, ids) == ["adam · seed 42", "adam · seed 43"]


@given(
    st.dictionaries(
        st.text("0123456789abcdef", min_size=32, max_size=32),
        st.tuples(
            st.sampled_from(["", "adam", "adam_99887766", "adam · seed 1", " adam"]),
            st.sampled_from(["", "1", "2"]),
        ),
        max_size=8,
    )
)
def test_no_two_runs_share_a_label(runs):
    names = {run_id: name for run_id, (name, _) in runs.items()}
    seeds = {run_id: seed for run_id, (_, seed) in runs.items()}
    assert len({str(label) for label in labels(names, seeds).values()}) == len(runs)


def test_ids_that_begin_alike_are_shown_whole(written, study):
    path, connection = written
    for number in range(2):
        run_id = study.add_run(connection, "same")
        connection.execute(
            "UPDATE runs SET run_uuid = ? WHERE run_uuid = ?", (f"nightly-run-{number}", run_id)
        )
    ids = ["nightly-run-0", "nightly-run-1"]
    assert labels_of(path, ids) == ["same · nightly-run-0", "same · nightly-run-1"]
    source = open_source(path)
    assert [run_lists.linked_run(source, text) for text in ids] == ids


@pytest.mark.parametrize(
    ("text", "position"),
    [("dup · 20251124", 0), ("other · 20251124", 2), ("gone · 20251124", 0), ("x 0000beef", 3)],
)
def test_a_link_of_an_earlier_edition_leads_to_the_run_that_had_the_digits_first(
    alike, text, position
):
    database, ids = alike
    assert run_lists.linked_run(open_source(database), text) == ids[position]


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
    assert run_lists.linked_run(source, digits) == f"{digits}{'a' * 24}"
    assert run_lists.linked_run(source, f"renamed · {digits}") == f"{digits}{'a' * 24}"
    assert run_lists.linked_run(source, f"old · {digits}") == "0" * 32


def test_a_link_by_id_leads_to_a_renamed_run_and_not_to_a_deleted_one(alike, study):
    database, ids = alike
    connection = study.connect(database)
    connection.execute("UPDATE runs SET name = 'renamed' WHERE run_uuid = ?", (ids[0],))
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (ids[1],))
    connection.close()
    source = open_source(database)
    assert run_lists.linked_run(source, ids[0][:8]) == ids[0]
    assert run_lists.linked_run(source, ids[1][:8]) is None
    assert run_lists.linked_run(source, ids[1][:8], deleted=True) == ids[1]


@pytest.mark.parametrize("text", ["", " ", "x", "x · 1", "· ffffffff", "%", "*", "ffffffff"])
def test_a_link_to_no_run_shows_the_newest(alike, visited, listed, text):
    database, ids = alike
    assert run_lists.linked_run(open_source(database), text) is None
    state = listed(visited(database, runs=text))["state"]
    assert sorted(state["shown"]) == sorted(ids)
    assert state["automatic"]


def test_a_link_of_ids_and_old_labels_shows_all_it_names(alike, visited, listed):
    database, ids = alike
    texts = [f"{ids[0][:8]},{ids[2][:8]}", "single · 0000beef", "x · 1"]
    state = listed(visited(database, runs=texts))["state"]
    assert sorted(state["shown"]) == sorted([ids[0], ids[2], ids[3]])
    assert not state["automatic"]


@pytest.mark.parametrize("text", ["1", "one"])
def test_a_link_names_an_experiment_by_id_or_as_of_old_by_name(alike, visited, text):
    database, _ = alike
    test = visited(database, experiment=text)
    assert test.selectbox(key="experiment_chosen").value == "1"
    assert test.query_params["experiment"] == "1"


def test_seeds_of_one_configuration_share_a_color(written, study):
    path, connection = written
    ids = []
    for lr in (0.1, 0.2):
        for seed in range(3):
            run_id = study.add_run(connection, f"lr {lr}")
            study.add_param(connection, run_id, "lr", lr)
            study.add_param(connection, run_id, "seed", seed)
            ids.append(run_id)
    built = view.build(open_source(path), view.view_state.ViewState(shown=ids))
    assert len(set(built.colors.values())) == 2
    assert built.runs.groupby("group")["color"].nunique().tolist() == [1, 1]
    assert set(built.runs["group_label"]) == {"lr 0.1", "lr 0.2"}
