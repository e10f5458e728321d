"""How SQLite carries a search out: its plan, its time beside hand-written SQL, its limits."""

import random
import time

import pytest

from tracker.entities import ViewType
from tracker.exceptions import FilterError
from tracker.search import compile_run_search
from tracker.search.parser import MAX_NESTING, MAX_ORDERINGS, MAX_PATTERN_BYTES, MAX_VALUES
from tracker.store import run_search

FILTER = "metrics.m1 > {} AND params.p1 = '3'"
HANDWRITTEN = """
    SELECT r.run_uuid
    FROM runs AS r
    JOIN latest_metrics AS m1 ON m1.run_uuid = r.run_uuid AND m1.key = 'm1'
    JOIN params AS p1 ON p1.run_uuid = r.run_uuid AND p1.key = 'p1'
    JOIN latest_metrics AS m2 ON m2.run_uuid = r.run_uuid AND m2.key = 'm2'
    WHERE r.experiment_id = 1 AND r.lifecycle_stage = 'active' AND m1.value > {} AND p1.value = '3'
    ORDER BY m2.value DESC, r.start_time DESC, r.run_uuid
    LIMIT 100"""


def statement(search):
    sql = f"""
        SELECT runs.run_uuid
        FROM runs {search.joins}
        WHERE runs.experiment_id = 1 AND runs.lifecycle_stage = 'active' AND ({search.where})
        ORDER BY {search.order}
        LIMIT 100"""
    return sql, (*search.join_params, *search.where_params)


def fill(world, runs):
    source = random.Random(3)
    metric = (
        "INSERT INTO latest_metrics (key, value, step, is_nan, run_uuid) VALUES (?, ?, 0, 0, ?)"
    )
    for number in range(runs):
        run_id = f"{source.getrandbits(128):032x}"
        row = {"run_uuid": run_id, "status": "FINISHED", "start_time": number}
        world.insert("runs", row | {"lifecycle_stage": "active", "experiment_id": 1})
        world.connection.executemany(
            metric, [(f"m{key}", source.random(), run_id) for key in range(10)]
        )
        for table, keys in (("params", 10), ("tags", 5)):
            world.connection.executemany(
                f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                [(f"{table[0]}{key}", str(source.randrange(10)), run_id) for key in range(keys)],
            )
    world.connection.commit()
    return world


def plan(connection, search):
    sql, values = statement(search)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("statistics", ["", "ANALYZE"], ids=["plain", "analyzed"])
def test_runs_are_the_outer_loop_and_every_key_one_seek(build, statistics):
    world = fill(build(), 300)
    world.connection.execute(statistics)
    search = compile_run_search(f"{FILTER.format(0.5)} AND tags.t1 != '1'", ["metrics.m2 DESC"])
    first, *others = plan(world.connection, search)
    seeks = [line for line in others if "field_" in line]
    assert "runs" in first
    assert [line.count("(key=? AND run_uuid=?)") for line in seeks] == [1, 1, 1, 1]


@pytest.mark.parametrize("statistics", ["", "ANALYZE"], ids=["plain", "analyzed"])
def test_alternatives_seek_each_key_once_a_run(build, statistics):
    world = fill(build(), 300)
    world.connection.execute(statistics)
    lines = plan(world.connection, compile_run_search("metrics.m1 > 0.5 OR params.p1 = '3'", []))
    seeks = [line for line in lines if "item" in line]
    assert [line.count("(key=? AND run_uuid=?)") for line in seeks] == [1, 1]


def test_a_field_in_filter_and_order_is_joined_once():
    search = compile_run_search("metrics.a > 0 AND metrics.a < 1", ["metrics.a"])
    assert search.joins.count("JOIN") == 1


def fastest(connection, *statements):
    """The least processor time of each statement in seconds, measured in turns."""
    times = [[] for _ in statements]
    for _ in range(15):
        for sql_and_values, taken in zip(statements, times, strict=True):
            start = time.process_time()
            connection.execute(*sql_and_values).fetchall()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times]


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (3, 2), (50, 0), (50, 45)])
@pytest.mark.parametrize(
    "order", [[], ["metrics.loss"], ["metrics.loss DESC", "end_time"], ["metrics.`system/cpu`"]]
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics.loss > 0",
        "metrics.loss != 0.25",
        "metrics.loss = nan",
        "metrics.`val loss` > 0.1 AND params.lr != 'abc' AND status != 'FAILED'",
        "params.model = 'abc' AND metrics.loss < inf",
        "tags.team ILIKE 'a%' OR metrics.loss > 0",
    ],
)
def test_candidates_lead_to_the_runs_that_the_whole_search_finds(
    world, monkeypatch, text, order, limit, offset
):
    search = compile_run_search(text, order)
    arguments = (world.connection, ["1"], ViewType.ALL, search, limit, offset)
    whole = run_search.search_infos(*arguments)
    for few, best in [(3, 2), (12, 5), (100, 30)]:
        for name, value in [("MANY_RUNS", 1), ("FEW", few), ("LEAST_BEST", best)]:
            monkeypatch.setattr(run_search, f"_{name}", value)
        monkeypatch.setattr(run_search, "_BEST_PER_RESULT", 1)
        assert run_search.search_infos(*arguments) == whole


@pytest.mark.parametrize(
    ("text", "order"),
    [("metrics.m1 > 0.99", []), ("params.p1 != 'x' AND metrics.m1 > 0", ["metrics.m2 DESC"])],
    ids=["rare", "ordered by a metric"],
)
def test_a_search_of_many_runs_visits_the_candidates_only(build, monkeypatch, text, order):
    world = fill(build(), 2_000)
    monkeypatch.setattr(run_search, "_MANY_RUNS", 2_000)
    monkeypatch.setattr(run_search, "_FEW", 500)
    monkeypatch.setattr(run_search, "_LEAST_BEST", 100)
    executed = []
    world.connection.set_trace_callback(executed.append)
    search = compile_run_search(text, order)
    found = run_search.search_infos(world.connection, ["1"], ViewType.ALL, search, 10, 0)
    assert len(found) == 10
    selects = [sql for sql in executed if "runs.artifact_uri" in sql]
    assert ["json_each" in sql for sql in selects] == [True]


@pytest.mark.slow
def test_a_search_of_ten_thousand_runs_takes_at_most_a_fifth_longer_than_sql_by_hand(build):
    world = fill(build(), 10_000)
    ratios = {}
    for statistics in ("", "ANALYZE"):
        world.connection.execute(statistics)
        for bound in (0.0, 0.5, 0.99):
            search = compile_run_search(FILTER.format(bound), ["metrics.m2 DESC"])
            by_hand = (HANDWRITTEN.format(bound), ())
            ours, raw = fastest(world.connection, statement(search), by_hand)
            ratios[statistics, bound] = ours / raw
    assert max(ratios.values()) <= 1.2, ratios


@pytest.mark.parametrize(
    "text",
    [
        " AND ".join(f"metrics.m{number} > 0" for number in range(1000)),
        " OR ".join(f"start_time = -{number}" for number in range(1, 5000)),
    ],
    ids=["AND", "OR"],
)
def test_a_filter_of_a_thousand_comparisons_runs(world, text):
    assert world.run_ids(text) == []


def test_the_deepest_filter_of_long_chains_runs(world):
    text = "params.x = 'y'"
    for level in range((MAX_NESTING - 1) // 2):
        terms = [text, *["status = 'NONE'"] * 60]
        text = f"NOT ({[' OR ', ' AND '][level % 2].join(terms)})"
    assert isinstance(world.run_ids(text), list)


def test_a_list_may_hold_as_many_values_as_sqlite_takes(world):
    ids = ", ".join(f"'{number:032x}'" for number in range(MAX_VALUES - 1))
    assert world.run_ids(f"run_id IN ({ids}, '{world.records[0].run_id}')") == [
        world.records[0].run_id
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 60 + "status = 'a'" + ")" * 60, "nested at most 40 deep"),
        ("NOT " * 60 + "status = 'a'", "nested at most 40 deep"),
        ("user_id LIKE '" + "*" * (MAX_PATTERN_BYTES + 1) + "'", "at most 16000 bytes"),
        ("run_id IN ('a'" + ", 'a'" * MAX_VALUES + ")", "at most 30000 values"),
    ],
    ids=["parentheses", "NOT", "pattern", "values"],
)
def test_a_filter_beyond_the_limits_of_sqlite_is_refused(text, reason):
    with pytest.raises(FilterError, match=reason):
        compile_run_search(text, [])


def test_a_pattern_may_be_as_long_as_sqlite_takes(world):
    assert world.run_ids(f"user_id LIKE '{'*' * MAX_PATTERN_BYTES}'") == []


def test_an_order_of_the_greatest_length_joins_to_a_filter_of_any_length(world):
    text = " AND ".join(f"params.p{number} != 'x'" for number in range(100))
    order_by = [f"tags.t{number}" for number in range(MAX_ORDERINGS)]
    assert world.run_ids(text, order_by) == []


def test_a_longer_order_is_refused():
    with pytest.raises(FilterError, match="at most 30 fields"):
        compile_run_search("", [f"tags.t{number}" for number in range(MAX_ORDERINGS + 1)])
