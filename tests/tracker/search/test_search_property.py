"""The filter language against a plain Python predicate, on random runs and random filters."""

import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.search.parser import MAX_NESTING

ATTRIBUTES = {
    "run_name": ["bold-fox", "Bold-Fox", "calm-owl", "none"],
    "status": ["RUNNING", "FINISHED", "FAILED", "finished"],
    "user_id": ["ann", "Ann", "bob"],
    "artifact_uri": ["artifacts/1/0", "artifacts/1/2"],
}
TIMES = ["start_time", "end_time"]
METRIC_KEYS = ["loss", "val loss", "system/cpu", "missing"]
TEXT_KEYS = {
    "params": ["lr", "model", "max depth", "a.b", "missing"],
    "tags": ["note", "team", "mlflow.user", "missing"],
}
DATASETS = {
    "name": ["mnist", "MNIST", "stroke-digits", "100%"],
    "digest": ["aaaa", "bbbb"],
    "context": ["train", "test"],
}
TEXTS = [
    *["", "abc", "ABC", "Äß", "äß", "a%b", "a_b", "a*b", "a?b", "a[b]c", "it's", 'x"y', "it''s"],
    *["a\\b", "nan", "inf", "0.1", "9", " 9 ", "12abc"],
]
PATTERNS = ["%", "", "a%", "%B", "a_b", "A_b", "%[b]%", "a?b", "a*b", "_ß", "%9%", "%O%", "T%"]
NUMBERS = ["0", "-1.5", "0.1", "0.25", "1", "9", "10", "1e300", "-3", "1e-7", "inf", "-inf", "5."]
ORDERS = ["=", "!=", "<", "<=", ">", ">="]


def quoted(text):
    return f'"{text}"' if "'" in text.replace("''", "") else f"'{text}'"


def operation(operators, values, count=1):
    """An operator with `count` values, or with at least one where `count` is None."""
    values = st.sampled_from(values)
    listed = st.lists(values, min_size=count or 1, max_size=count or 3)
    return st.tuples(st.sampled_from(operators), listed)


def numbers(values):
    """(operator, [(value as text, value)]) for numbers."""
    return st.one_of(
        operation(ORDERS, values),
        operation(["IN", "NOT IN"], values, None),
        operation(["BETWEEN", "NOT BETWEEN"], values, 2),
        st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), st.just([])),
    ).map(lambda pair: (pair[0], [(text, float(text)) for text in pair[1]]))


def texts(values):
    """(operator, [(value as text, value)]) for texts."""
    return st.one_of(
        operation(["=", "!="], values),
        operation(["IN", "NOT IN"], values, None),
        operation(["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"], PATTERNS),
        operation(["<", "<=", ">", ">="], ["abc", "b", "Z"]),
        operation(["BETWEEN", "NOT BETWEEN"], ["ABC", "abc", "b"], 2),
        st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), st.just([])),
    ).map(lambda pair: (pair[0], [(quoted(text), text) for text in pair[1]]))


def keyed(entity, keys, comparisons):
    return st.tuples(st.just(entity), st.sampled_from(keys), comparisons)


number = numbers(NUMBERS)
nan = st.tuples(st.sampled_from(["=", "!="]), st.just([("nan", math.nan)]))
comparisons = st.one_of(
    keyed("metrics", METRIC_KEYS, st.one_of(number, number, nan)),
    *[keyed(entity, keys, st.one_of(number, texts(TEXTS))) for entity, keys in TEXT_KEYS.items()],
    *[keyed("attributes", [key], texts(values)) for key, values in ATTRIBUTES.items()],
    keyed("attributes", TIMES, numbers(["0", "1000", "2500", "3000.5", "inf"])),
    *[keyed("datasets", [key], texts(values)) for key, values in DATASETS.items()],
)
trees = st.recursive(
    comparisons,
    lambda tree: st.one_of(
        st.tuples(st.just("NOT"), tree),
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(tree, min_size=2, max_size=4)),
    ),
    max_leaves=8,
)


def render(tree):
    """The tree as filter text."""
    if tree[0] == "NOT":
        return f"NOT ({render(tree[1])})"
    if tree[0] in {"AND", "OR"}:
        return "(" + f" {tree[0]} ".join(map(render, tree[1])) + ")"
    entity, key, (operator, values) = tree
    written = [text for text, _ in values]
    right = f" {' AND '.join(written)}"
    if operator.endswith("IN"):
        right = f" ({', '.join(written)})"
    return f"{entity}.`{key}` {operator}{right}"


def holds(tree, record):
    """What the tree says of a record, in plain Python."""
    if tree[0] == "NOT":
        return not holds(tree[1], record)
    if tree[0] == "AND":
        return all(holds(term, record) for term in tree[1])
    if tree[0] == "OR":
        return any(holds(term, record) for term in tree[1])
    entity, key, (operator, values) = tree
    found = stored(record, entity, key)
    if operator == "IS NULL":
        return not found
    if operator == "IS NOT NULL":
        return bool(found)
    wanted = [value for _, value in values]
    if entity in TEXT_KEYS and isinstance(wanted[0], float):
        found = [as_number(text) for text in found if as_number(text) is not None]
    return any(compare(value, operator, wanted) for value in found)


def stored(record, entity, key):
    """Every value that a record has under a name; several only for data sets."""
    if entity == "datasets":
        return [dataset[key] for dataset in record.datasets if key in dataset]
    if (entity, key) == ("attributes", "run_name"):
        entity, key = "tags", "mlflow.runName"
    value = getattr(record, entity).get(key)
    return [] if value is None else [value]


def as_number(text):
    decimal = re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*|-?inf", text, re.ASCII)
    return float(text) if decimal else None


def compare(value, operator, wanted):
    if operator.startswith("NOT "):
        return not compare(value, operator.removeprefix("NOT "), wanted)
    if operator in {"LIKE", "ILIKE"}:
        return like(value, wanted[0], ignore_case=operator == "ILIKE")
    if operator == "IN":
        return value in wanted
    if operator == "BETWEEN":
        return wanted[0] <= value <= wanted[1]
    if isinstance(value, float) and math.isnan(wanted[0]):
        return math.isnan(value) == (operator == "=")
    return {
        "=": value == wanted[0],
        "!=": value != wanted[0],
        "<": value < wanted[0],
        "<=": value <= wanted[0],
        ">": value > wanted[0],
        ">=": value >= wanted[0],
    }[operator]


def like(value, pattern, *, ignore_case):
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(char, re.escape(char)) for char in pattern)
    # SQLite folds the case of ASCII letters only.
    flags = re.DOTALL | re.ASCII | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(regex, value, flags) is not None


@settings(max_examples=400, deadline=None)
@given(tree=trees)
def test_a_filter_finds_the_runs_for_which_a_python_predicate_holds(world, tree):
    expected = {record.run_id for record in world.records if holds(tree, record)}
    found = world.run_ids(render(tree))
    assert sorted(found) == sorted(expected)


@settings(max_examples=100, deadline=None)
@given(tree=trees)
def test_a_filter_and_its_negation_divide_the_runs(world, tree):
    found = world.run_ids(render(tree)) + world.run_ids(f"NOT {render(tree)}")
    assert sorted(found) == sorted(record.run_id for record in world.records)


@settings(max_examples=100, deadline=None)
@given(tree=trees, parentheses=st.integers(0, MAX_NESTING - 20), blank=st.sampled_from(" \n\t"))
def test_parentheses_and_blanks_change_nothing(world, tree, parentheses, blank):
    text = render(tree)
    wrapped = f"({blank}" * parentheses + text + f"{blank})" * parentheses
    assert world.run_ids(wrapped) == world.run_ids(text)
