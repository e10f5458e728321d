"""Names in short: what tells runs apart is what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.labels import families, short


def in_short(names, width=18):
    begins = families(names)
    return [short(name, begins, width) for name in names]


def test_long_names_keep_the_part_that_differs():
    names = [f"run with a fairly long name number {number} of the sweep" for number in (1, 10, 2)]
    assert in_short(names) == [
        "…1 of the sweep",
        "…10 of the sweep",
        "…2 of the sweep",
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["short 1", "short 2"],
        ["a single name, however long it may be"],
        ["one family of words", "another family of words"],
    ],
)
def test_names_that_differ_early_or_fit_stay_whole(names):
    assert in_short(names) == names


def test_a_name_that_no_family_knows_keeps_what_it_does_not_share():
    begins = families(["run of the long sweep 1", "run of the long sweep 2"])
    assert short("run of the short sweep", begins, 18) == "…short sweep"


@given(st.lists(st.text(alphabet="ab -", max_size=30), unique=True))
def test_no_two_names_of_a_family_become_one(names):
    alike = [f"family {name}" for name in names]
    assert len(set(in_short(alike, 6))) == len(names)
