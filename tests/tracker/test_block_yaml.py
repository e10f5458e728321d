from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.block_yaml import read_yaml, typed, write_yaml
from tracker.exceptions import InvalidValueError

yaml = pytest.importorskip("yaml")

# Surrogates cannot be written as UTF-8; PyYAML ends lines of its file with the other three.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))
WORDS = st.lists(st.sampled_from(["word", "it's", '"q"', "\\", "a: b", "#", "", "é"]), max_size=60)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1, max_size=40)
VALUES = st.one_of(
    st.none(), TEXTS, WORDS.map(" ".join), WORDS.map("\n".join), st.integers().map(int)
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False),
    TEXTS,
    WORDS.map(" ".join),
    st.sampled_from(
        ["yes", "no", "null", "1", "1.0", "1e5", "2026-11-30", "-", "- a", ".inf", "~"]
    ),
)
NESTED = st.dictionaries(
    TEXTS.filter(lambda key: len(key) < 60),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_size=5,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1), st.booleans())
@example({"a": "\xa0", "b": "\u3000c\u2003"}, True)  # noqa: FBT003
def test_what_pyyaml_writes_is_read_back(entries, allow_unicode):
    written = yaml.safe_dump(entries, default_flow_style=False, allow_unicode=allow_unicode)
    expected = {
        key: str(value) if isinstance(value, int) else value for key, value in entries.items()
    }
    assert read_yaml(written) == expected


@given(st.dictionaries(KEYS, st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3))))
def test_numbers_and_booleans_that_pyyaml_writes_are_read_back(entries):
    assert read_yaml(yaml.safe_dump(entries, default_flow_style=False), typed) == entries


@given(st.dictionaries(KEYS, TEXTS, min_size=1))
def test_a_dictionary_inside_is_read_back(tags):
    written = yaml.safe_dump({"tags": tags, "source_id": "1"}, default_flow_style=False)
    assert read_yaml(written) == {"tags": tags, "source_id": "1"}


@given(NESTED)
def test_what_is_written_is_read_back_here_and_by_pyyaml(entries):
    written = write_yaml(entries)
    assert read_yaml(written, typed) == entries
    assert (yaml.safe_load(written) or {}) == entries


def test_json_is_read():
    assert read_yaml('{"a": [1, 2.5, null], "b": {"c": "d"}}', typed) == {
        "a": [1, 2.5, None],
        "b": {"c": "d"},
    }
    assert read_yaml('a: {"b": [1]}\n', typed) == {"a": {"b": [1]}}


def test_numbers_that_are_not_finite_are_written_and_read():
    found = read_yaml(write_yaml({"a": [math.inf, -math.inf, math.nan]}), typed)["a"]
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])


@pytest.mark.parametrize(
    "text",
    ["no yaml", "a: &b c", "a: 'unfinished", "a: |\n  block", "- a", "a: {b: c}", "{", "[1]"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidValueError, match=r"YAML|yaml"):
        read_yaml(text)


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "- " * 5_000 + "a", "a:\n" + "- " * 5_000])
def test_what_is_nested_too_deep_is_refused(text):
    with pytest.raises(InvalidValueError, match="YAML"):
        read_yaml(text)


def test_what_yaml_cannot_hold_is_refused_by_its_type():
    with pytest.raises(InvalidValueError, match="object"):
        write_yaml({"a": object()})


def test_empty_collections_are_read():
    assert read_yaml("tags: []\nmore: {}\nlist:\n- a\n- b\n") == {
        "tags": [],
        "more": {},
        "list": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("key: 'a # b'  # why", "a # b"),
        ('key: "a # b" # why', "a # b"),
        ("key: a#b # why", "a#b"),
        ("key: # why", None),
        ("key: 'it''s'\t# why", "it's"),
        ("key: 'a'\r\n", "a"),
        ("key:\r\n- a # why\r\n- b\r\n", ["a", "b"]),
        ("key: # why\n  inner: 1", {"inner": "1"}),
    ],
)
def test_comments_and_windows_line_ends_are_passed_over(text, value):
    assert read_yaml(text) == {"key": value}
