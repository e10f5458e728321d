"""What a filter that cannot be read is told, and where."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracker.exceptions import FilterError
from tracker.search import compile_experiment_search, compile_run_search


@pytest.mark.parametrize(
    ("text", "spot", "reason"),
    [
        ("metrics.loss == 1", "==", "written with one '='"),
        ("params.a <> 'x'", "<>", "written '!='"),
        ("params.a = 'x' && params.b = 'y'", "&&", "written AND"),
        ("params.a = 'x' || params.b = 'y'", "||", "written OR"),
        ("!(params.a = 'x')", "!", "written NOT"),
        ("params.a ~ 'x'", "~", "written LIKE"),
        ("metrics.loss => 1", "=>", "'>='"),
        ("status = FINISHED", "FINISHED", "A text needs quotes: 'FINISHED'"),
        ("params.model = cnn", "cnn", "A text needs quotes: 'cnn'"),
        ("params.model = `cnn`", "`cnn`", "Backticks quote names; a text is written 'cnn'"),
        ("status = 5", "5", "write '5'"),
        ("metrics.loss > '5'", "'5'", "compared with a number, without quotes"),
        ("metrics.loss > high", "high", "compared with a number"),
        ("start_time > '2026-01-01'", "'2026", "milliseconds since 1970"),
        ("metrics.run_time > '5'", "'5'", "with a number, without"),
        ("metrics.loss = ınf", "ınf", "with a number, not with 'ınf'"),
        ("metrics.loss = ٣", "٣", "is no number"),
        ("metrics.loss LIKE 'x'", "'x'", "compared with a number"),
        ("params.lr LIKE 5", "LIKE", "LIKE needs a text"),
        ("params.lr < '5'", "<", "write the number without quotes"),
        ("params.lr IN (1, 'a')", "IN", "partly numbers and partly texts"),
        ("metrics.loss < nan", "<", "NaN can be compared with = and != only"),
        ("params.lr = nan", "nan", "Only a metric can be NaN; the text is written 'nan'"),
        ("accuracy > 0.9", "accuracy", "a metric is written metrics.accuracy"),
        ("val-acc > 0.9", "val-acc", "a metric is written metrics.`val-acc`"),
        ("metrics. loss > 1", ". loss", "A name must follow the dot"),
        ("stat = 'x'", "stat", "Did you mean 'status'?"),
        ("train.loss > 0.9", "train.loss", "metrics.train.loss"),
        ("Status = 'x'", "Status", "Did you mean 'status'?"),
        ("attributes.strat_time > 5", "strat_time", "Did you mean 'start_time'?"),
        ("metic.loss > 0.9", "metic", "Did you mean 'metric'?"),
        ("Metrics.loss > 0.9", "Metrics", "Did you mean 'metrics'?"),
        ("datasets.nam = 'x'", "nam", "Did you mean 'name'?"),
        ("datasets.size = 'x'", "size", "it has name, digest, context"),
        ("params.`` = 'x'", "``", "is empty"),
        ("params.a = 'x", "'x", "The quote ' is never closed"),
        ("params.`a = 'x'", "`a = 'x'", "The quote ` is never closed"),
        ("params.a = 'x';", ";", "leave the semicolon out"),
        ("params.a = 'x' -- y", "-- y", "no comments"),
        ("params.a = 12abc", "12abc", "is no number"),
        ("params.a = $x", "$x", "has no meaning"),
        ("(params.a = 'x'", "", "The parenthesis at character 1 is never closed"),
        ("params.a = 'x')", ")", "never opened"),
        ("params.a = 'x' params.b = 'y'", "params.b", "AND or OR must stand between"),
        ("params.a = 'x' AND", "", "is missing"),
        ("AND params.a = 'x'", "AND", "not 'AND'"),
        ("'x' = params.a", "'x'", "starts with a field"),
        ("params.a", "", "A comparison must follow"),
        ("params.a =", "", "The value is missing"),
        ("params.a = AND", "AND", "A value must stand here, not 'AND'"),
        ("params.a IS 5", "5", "IS is followed by NULL or NOT NULL"),
        ("params.a IN 'x'", "'x'", "IN needs a list"),
        ("params.a IN ('x' 'y')", "'y'", "goes on with a comma"),
        ("params.a IN ()", ")", "A value must stand here"),
        ("metrics.a BETWEEN 1", "", "BETWEEN needs two values"),
        ("metrics.a BETWEEN 1 OR 2", "OR", "BETWEEN needs two values"),
    ],
)
def test_an_error_points_at_the_spot_and_says_what_to_write(text, spot, reason):
    with pytest.raises(FilterError) as caught:
        compile_run_search(text, [])
    assert reason in caught.value.reason
    assert text[caught.value.position :].startswith(spot)


@pytest.mark.parametrize(
    ("entry", "spot", "reason"),
    [
        ("metrics.loss, start_time", ",", "an entry of its own"),
        ("metrics.loss DOWN", "DOWN", "Only ASC or DESC"),
        ("metrics.loss > 5", "> 5", "no operator|Only ASC"),
        ("los", "los", "metrics.los"),
        ("start DESC", "start", "Did you mean 'start_time'?"),
        ("  ", "", "empty"),
    ],
)
def test_an_error_in_an_order_points_into_its_entry(entry, spot, reason):
    with pytest.raises(FilterError, match=reason) as caught:
        compile_run_search("", ["start_time", entry])
    assert caught.value.text == entry
    assert entry[caught.value.position :].strip().startswith(spot)


def test_an_order_names_a_field_once():
    with pytest.raises(FilterError, match="twice"):
        compile_run_search("", ["created", "attributes.start_time DESC"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("metrics.loss > 1", "There is no 'metrics' to search; known are tags, attributes"),
        ("nme = 'x'", "An experiment has no attribute 'nme'. Did you mean 'name'?"),
        ("team = 'x'", "a tag is written tags.team"),
        ("experiment_id = 'first'", "compared with a number"),
        ("run.name = 'x'", "There is no 'run'"),
    ],
)
def test_an_experiment_filter_names_what_experiments_have(text, reason):
    with pytest.raises(FilterError, match=reason):
        compile_experiment_search(text, [])


def test_the_message_shows_the_spot():
    with pytest.raises(FilterError) as caught:
        compile_run_search("metrics.loss < 1 AND status = FAILED", [])
    assert str(caught.value).splitlines() == [
        "A text needs quotes: 'FAILED'.",
        "  metrics.loss < 1 AND status = FAILED",
        "                                ^",
    ]


PIECES = [
    *["metrics.a", "params.`b c`", "status", "tags.'d'", "=", "!=", "<", "==", "'x'", '"y"', "5"],
    *[
        "-1e3",
        "nan",
        "ınf",
        "-inf",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
        "IS",
        "NULL",
        "(",
        ")",
    ],
    *[",", "`", "'", '"', ";", "\\", ".", "%", "\0", "é", "\n", "--", "²", "٣", "\ud800"],
]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map(" ".join)))
@example("experiment_id = '" + "9" * 5000 + "'")
@example("status = " + "9" * 5000)
def test_any_text_is_either_a_filter_that_runs_or_a_filter_error(world, text):
    for search in (world.run_ids, world.experiment_names):
        assert complaint_position(search, text) is not None


def complaint_position(search, text):
    """Where the text is wrong, 0 where it is not."""
    try:
        search(text)
    except FilterError as error:
        return error.position if error.position <= len(error.text) else None
    return 0


@pytest.mark.parametrize(
    "piece", ["'", "\\'", "''\\'", "\\", "`a", '"', "params.", "a.", "1.", "- "]
)
def test_a_long_text_of_quotes_is_read_in_no_time(piece):
    started = time.perf_counter()
    with pytest.raises(FilterError):
        compile_run_search("status = '" + piece * 20_000 + " \\", [])
    assert time.perf_counter() - started < 5
