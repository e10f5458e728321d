from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.exceptions import InvalidValueError
from tracker.maintenance.mlruns import read_flat_yaml

yaml = pytest.importorskip("yaml")

# Surrogates cannot be written as UTF-8; PyYAML ends lines of its file with the other three.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))
WORDS = st.lists(st.sampled_from(["word", "it's", '"q"', "\\", "a: b", "#", "", "é"]), max_size=60)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1, max_size=40)
VALUES = st.one_of(
    st.none(), TEXTS, WORDS.map(" ".join), WORDS.map("\n".join), st.integers().map(int)
)


@given(st.dictionaries(KEYS, VALUES, min_size=1), st.booleans())
@example({"a": "\xa0", "b": "\u3000c\u2003"}, True)  # noqa: FBT003
def test_what_pyyaml_writes_is_read_back(entries, allow_unicode):
    written = yaml.safe_dump(entries, default_flow_style=False, allow_unicode=allow_unicode)
    expected = {
        key: str(value) if isinstance(value, int) else value for key, value in entries.items()
    }
    assert read_flat_yaml(written) == expected


@given(st.dictionaries(KEYS, TEXTS, min_size=1))
def test_a_dictionary_inside_is_read_back(tags):
    written = yaml.safe_dump({"tags": tags, "source_id": "1"}, default_flow_style=False)
    assert read_flat_yaml(written) == {"tags": tags, "source_id": "1"}


@pytest.mark.parametrize("text", ["no yaml", "a: &b c", "a: 'unfinished", "a: |\n  block", "- a"])
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidValueError, match=r"YAML|yaml"):
        read_flat_yaml(text)


def test_empty_collections_are_read():
    assert read_flat_yaml("tags: []\nmore: {}\nlist:\n- a\n- b\n") == {
        "tags": [],
        "more": {},
        "list": ["a", "b"],
    }
