"""Histories: read whole, kept up to date while they grow, read afresh when they must be."""

from __future__ import annotations

import math
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.curves import lines
from dashboard.queries.histories import (
    MAX_RESTARTS,
    History,
    Spot,
    best,
    read,
    read_buckets,
    spans,
)
from dashboard.queries.incremental import SHORT_POINTS, IncrementalQuery
from dashboard.source import open_source, snapshot
from tracker.numbers import LARGEST

LONG = SHORT_POINTS + 2_000
LOWEST = -64
POINTS = st.tuples(
    st.sampled_from([0, 0, 1]),
    st.sampled_from(["loss", "loss", "lr"]),
    st.integers(LOWEST, 64),
    st.integers(0, 999),
    # Their sums are exact, whatever the order.
    st.integers(-(2**20), 2**20).map(lambda number: number / 8)
    | st.sampled_from([math.nan, math.inf, -math.inf]),
)
TICKS = st.lists(st.lists(POINTS, max_size=12), max_size=5)


@pytest.fixture
def written(written, study):
    """A database with a run of some length, and a connection that writes it."""
    path, connection = written
    run_id = study.add_run(connection, "long", status="RUNNING")
    study.add_metric(connection, run_id, "loss", [float(n % 7) for n in range(LONG)], 0)
    return path, connection, run_id


@pytest.fixture(scope="module")
def shared(tmp_path_factory, study):
    """A database for many short runs, and a connection that writes it."""
    path = tmp_path_factory.mktemp("shared") / "tracking.db"
    connection = study.connect(path)
    study.add_experiment(connection, 1, "one")
    yield path, connection
    connection.close()


def history(source, wanted):
    (found,) = read(source, [wanted])
    return found


def by_step(run_id, width=16):
    return History(run_id, "loss", 0, width)


def look(path, run_id):
    """How many points the history has, and how many of them are in its line."""
    found = history(open_source(path), by_step(run_id))
    return found.points, int(found.sums.points.sum())


def add(connection, study, run_ids, points):
    """Log points in one transaction: (run_ids' index, key, step, ms since the start, value)."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT OR IGNORE INTO metrics (run_uuid, key, step, timestamp, value, is_nan)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run_ids[which], key, step, study.BEGUN + later, *study.stored(value))
            for which, key, step, later, value in points
        ],
    )
    connection.execute("COMMIT")


def expected_line(points, wanted):
    """What the buckets should hold of (step, timestamp, value), in plain Python."""
    buckets = defaultdict(list)
    for step, time, value in points:
        if abs(value) < LARGEST:
            place = time if wanted.by_time else step
            buckets[(place - wanted.low) // wanted.width].append((time, value))
    found = {}
    for bucket, held in sorted(buckets.items()):
        times, values = zip(*held, strict=True)
        ends = (min(times), max(times), min(values), max(values))
        found[bucket] = (*ends, sum(values), len(values))
    return found


def without_earlier_attempts(points):
    """The points that no later attempt has logged again, and those it has; None if repeated often.

    An attempt begins where, by time, a point's step is not above that of the point before, and
    some step at or above it was logged before as well as after.
    """
    ordered = sorted(points, key=lambda point: (point[1], point[0]))
    back = [late for early, late in pairwise(ordered) if late[0] <= early[0]]
    if len(back) > MAX_RESTARTS:
        return None
    gone = set()
    for step, time, _ in back:
        before = {p for p in points if p[1] < time and p[0] >= step}
        after = {p[0] for p in points if p[1] >= time and p[0] >= step}
        if after & {p[0] for p in before}:
            gone |= before
    return [p for p in points if p not in gone], [p for p in points if p in gone]


def expected_best(points, wanted, better):
    """The best of (step, timestamp, value): in the first bucket that has it, at the first step."""
    finite = [point for point in points if abs(point[2]) < LARGEST]
    values = [value for _, _, value in finite]
    extreme = (min if better == "less" else max)(values, default=None)

    def order(point):
        place = point[1] if wanted.by_time else point[0]
        return (place - wanted.low) // wanted.width, *point[:2]

    equal = sorted((point for point in finite if point[2] == extreme), key=order)
    return Spot(*equal[0]) if equal else None


def expected_marks(points):
    """Step, timestamp and kind of what is not finite, by step and then as it came."""
    marks = [
        (step, time, "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞")
        for step, time, value in points
        if not math.isfinite(value)
    ]
    return sorted(marks, key=lambda mark: mark[0])


def rows(sums):
    return {bucket: tuple(row) for bucket, *row in zip(*sums, strict=True)}


@contextmanager
def plans(source):
    """Fills a list with how each statement on metrics that runs meanwhile is answered."""
    found, statements = [], []
    with snapshot(source) as connection:
        connection.set_trace_callback(statements.append)
    yield found
    with snapshot(source) as connection:
        connection.set_trace_callback(None)
        for statement in [text for text in statements if "FROM metrics" in text]:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}")
            found.extend(row["detail"] for row in plan if " metrics" in row["detail"])


@settings(max_examples=150, deadline=None)
@given(ticks=TICKS, width=st.sampled_from([1, 2, 8, 64]), by_time=st.booleans())
def test_a_history_read_in_ticks_is_the_history_read_at_once(shared, study, ticks, width, by_time):
    path, connection = shared
    run_ids = [study.add_run(connection, name) for name in ("followed", "other")]
    low = study.BEGUN if by_time else LOWEST
    wanted = History(run_ids[0], "loss", low, width, by_time)
    line = IncrementalQuery(run_ids[0], partial(read_buckets, wanted), lambda _: 10**9)
    logged = {}
    for tick in [[], *ticks]:
        add(connection, study, run_ids, tick)
        for which, key, step, later, value in tick:
            if (which, key) == (0, "loss"):
                point = (step, study.BEGUN + later, value)
                logged.setdefault((*point[:2], study.stored(value)), point)
        found = line.at(open_source(path))
    points = list(logged.values())
    assert found.points == len(points)
    attempts = (points, []) if by_time else without_earlier_attempts(points)
    if attempts is None or found.restarts is None:
        return
    kept, gone = attempts
    assert rows(found.sums) == expected_line(kept, wanted)
    earlier = {} if found.superseded is None else rows(found.superseded)
    assert earlier == expected_line(gone, wanted)
    assert list(found.odd) == expected_marks(kept)
    for better in ("less", "more"):
        spot = best(open_source(path), wanted, found, better)
        assert spot == expected_best(kept, wanted, better)


def resumed(connection, study, run_id, attempts):
    """Log attempts one after the other: each the first step and the values."""
    for number, (first, values) in enumerate(attempts):
        connection.executemany(
            "INSERT INTO metrics (run_uuid, key, step, timestamp, value)"
            " VALUES (?, 'loss', ?, ?, ?)",
            [
                (run_id, first + n, study.BEGUN + 1_000_000 * number + n, value)
                for n, value in enumerate(values)
            ],
        )


@pytest.mark.parametrize("width", [1, 16])
def test_steps_that_a_resumed_run_repeats_are_those_of_its_last_attempt(written, study, width):
    path, connection, _ = written
    run_id = study.add_run(connection, "resumed")
    resumed(connection, study, run_id, [(0, [1.0] * 6000), (4000, [2.0] * 1000)])
    found = history(open_source(path), by_step(run_id, width))
    values = found.sums.mean
    assert values[-1] == values[4000 // width] == 2.0
    assert set(values[: 4000 // width - 1]) == {1.0}
    assert found.superseded.points.sum() == 2000
    assert found.superseded.high.max() == 1.0


def test_a_run_that_is_resumed_while_it_is_watched_loses_what_it_repeats(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "resumed")
    resumed(connection, study, run_id, [(0, [1.0] * 50)])
    assert look(path, run_id) == (50, 50)
    for logged in (1, 2, 30):
        connection.execute("DELETE FROM metrics WHERE timestamp >= ?", (study.BEGUN + 500_000,))
        resumed(connection, study, run_id, [(0, []), (20, [2.0] * logged)])
        assert look(path, run_id) == (50 + logged, 20 + logged)


def test_workers_that_log_the_same_steps_are_averaged(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "workers")
    connection.executemany(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value) VALUES (?, 'loss', ?, ?, ?)",
        [(run_id, n // 2, study.BEGUN + n, float(n % 2)) for n in range(200)],
    )
    found = history(open_source(path), by_step(run_id, 1))
    assert found.superseded is None
    assert set(found.sums.mean) == {0.5}


def test_points_that_come_a_moment_late_do_not_supersede_others(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "jitter")
    connection.executemany(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value) VALUES (?, 'loss', ?, ?, 1.0)",
        [(run_id, n, study.BEGUN + 10 * n + (25 if n == 50 else 0)) for n in range(100)],
    )
    found = history(open_source(path), by_step(run_id, 1))
    assert (len(found.sums.bucket), found.superseded) == (100, None)


def test_spans_are_found_without_reading_a_history(written):
    path, _, run_id = written
    with plans(open_source(path)) as found:
        span = spans(open_source(path), (run_id,))[run_id, "loss"]
    assert span == (0, LONG - 1, True)
    assert all("tracker_metrics_run_key_step" in plan for plan in found)


def test_a_spike_survives_the_thinning_of_ten_thousand_points(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "spiky")
    values = [1.0] * 10_000
    values[7_777] = 99.0
    study.add_metric(connection, run_id, "loss", values, 0)
    sums = history(open_source(path), by_step(run_id, 25)).sums
    assert len(sums.bucket) == 400
    assert sums.high.max() == 99.0


def test_values_that_are_not_finite_are_marked_and_left_out_of_the_line(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "diverged")
    study.add_metric(connection, run_id, "loss", [1.0, math.nan, math.inf, -math.inf, 2.0], 0)
    found = history(open_source(path), by_step(run_id, 1))
    assert list(found.sums.bucket) == [0, 4]
    assert [mark.kind for mark in found.odd] == ["NaN", "∞", "-∞"]


def test_of_many_values_that_are_not_finite_the_first_are_kept_whatever_came_first(written, study):
    path, connection, run_id = written
    study.add_metric(connection, run_id, "loss", [math.nan] * 300, 10_000)
    assert history(open_source(path), by_step(run_id)).odd[-1].step == 10_199
    study.add_metric(connection, run_id, "loss", [math.inf], -5)
    marks = history(open_source(path), History(run_id, "loss", -16, 16)).odd
    assert [mark.step for mark in marks] == [-5, *range(10_000, 10_199)]


def test_a_history_is_read_whole_through_the_index_on_run_key_and_step(written):
    path, _, run_id = written
    with plans(open_source(path)) as found:
        look(path, run_id)
    buckets = -(-LONG // 16)
    assert sum("step>? AND step<?" in plan for plan in found) == buckets


@pytest.mark.parametrize("value", [1.0, math.nan])
def test_a_tick_reads_only_what_the_run_logged_since(written, study, value):
    path, connection, _ = written
    run_id = study.add_run(connection, "followed")
    study.add_metric(connection, run_id, "loss", [value] * LONG, 0)
    look(path, run_id)
    study.add_metric(connection, run_id, "loss", [value] * 100, LONG)
    with plans(open_source(path)) as found:
        assert look(path, run_id)[0] == LONG + 100
    since = "SEARCH metrics USING INDEX index_metrics_run_uuid (run_uuid=? AND rowid>?)"
    before = "SEARCH metrics USING INDEX index_metrics_run_uuid (run_uuid=? AND rowid<?)"
    assert set(found) == {since, before}


def test_a_run_that_logged_nothing_since_is_not_read_again(written, study):
    path, connection, run_id = written
    look(path, run_id)
    study.add_run(connection, "another")
    with plans(open_source(path)) as found:
        look(path, run_id)
    before = "SEARCH metrics USING INDEX index_metrics_run_uuid (run_uuid=? AND rowid<?)"
    assert set(found) == {before}


def remove_the_last(connection, _):
    connection.execute("DELETE FROM metrics WHERE step = ?", (LONG - 1,))
    return LONG - 1


def replace_the_last(connection, run_id):
    connection.execute("DELETE FROM metrics WHERE step > ?", (LONG - 3,))
    connection.execute(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan)"
        " VALUES (?1, 'loss', 90000, 0, 1.0, 0), (?1, 'lr', 90001, 0, 1.0, 0)",
        (run_id,),
    )
    return LONG - 1


def remove_some_and_vacuum(connection, _):
    connection.execute("DELETE FROM metrics WHERE step BETWEEN 10 AND 19")
    connection.execute("VACUUM")
    return LONG - 10


def remove_some_and_log_an_eighth(connection, run_id):
    connection.execute("DELETE FROM metrics WHERE step BETWEEN 10 AND 19")
    added = (LONG - SHORT_POINTS) // 8 + 1
    connection.executemany(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan)"
        " VALUES (?, 'loss', ?, 0, 1.0, 0)",
        [(run_id, LONG + number) for number in range(added)],
    )
    return LONG - 10 + added


def remove_the_run(connection, run_id):
    connection.execute("DELETE FROM metrics WHERE run_uuid = ?", (run_id,))
    return 0


@pytest.mark.parametrize(
    "change",
    [
        remove_the_last,
        replace_the_last,
        remove_some_and_vacuum,
        remove_some_and_log_an_eighth,
        remove_the_run,
    ],
)
def test_points_that_are_gone_are_noticed(written, change):
    path, connection, run_id = written
    assert look(path, run_id) == (LONG, LONG)
    left = change(connection, run_id)
    assert look(path, run_id) == (left, left)


def test_another_file_in_the_same_place_is_noticed(written, study, tmp_path):
    path, connection, run_id = written
    look(path, run_id)
    connection.close()
    other = study.connect(tmp_path / "other.db")
    study.add_experiment(other, 1, "one")
    assert study.add_run(other, "long", status="RUNNING") == run_id
    study.add_metric(other, run_id, "loss", [1.0] * (LONG + 1), 0)
    other.execute("PRAGMA journal_mode = DELETE")
    other.close()
    for beside in ("-wal", "-shm"):
        path.with_name(f"{path.name}{beside}").unlink()
    (tmp_path / "other.db").replace(path)
    assert look(path, run_id) == (LONG + 1, LONG + 1)


def test_many_threads_see_every_point_that_was_logged_before_they_looked(written, study):
    path, connection, run_id = written
    with ThreadPoolExecutor(8) as pool:
        for first in range(LONG, LONG + 200, 40):
            study.add_metric(connection, run_id, "loss", [1.0] * 40, first)
            looks = [pool.submit(look, path, run_id) for _ in range(8)]
            assert {found.result() for found in looks} == {(first + 40, first + 40)}


def drawn(path, run_ids, axis="step"):
    source, ids = open_source(path), tuple(run_ids)
    frame = lines.Frame(source, spans(source, ids), dict.fromkeys(ids, 0), axis)
    return lines.read(frame, ids, ["loss"])


@pytest.mark.parametrize("axis", ["step", "relative", "wall"])
def test_a_growing_line_keeps_its_points_until_it_has_doubled(written, study, axis):
    path, connection, run_id = written
    (before,) = drawn(path, [run_id], axis)
    for first in range(LONG, LONG + 300, 100):
        study.add_metric(connection, run_id, "loss", [1.0] * 100, first)
        (after,) = drawn(path, [run_id], axis)
        assert 128 <= len(after.x) <= 257
        assert after.x[: len(before.x) - 1].tolist() == before.x[:-1].tolist()


@pytest.mark.parametrize("axis", ["step", "relative", "wall"])
def test_a_line_that_grows_at_its_start_keeps_its_points_too(written, study, axis):
    path, connection, run_id = written
    (before,) = drawn(path, [run_id], axis)
    for first in range(-100, -400, -100):
        study.add_metric(connection, run_id, "loss", [1.0] * 100, first)
        (after,) = drawn(path, [run_id], axis)
        assert after.x.tolist()[1 - len(before.x) :] == before.x.tolist()[1:]


@pytest.mark.parametrize("steps", [1, 2, 256])
def test_a_short_line_has_a_point_at_each_step(written, study, steps):
    path, connection, _ = written
    run_id = study.add_run(connection, "short")
    study.add_metric(connection, run_id, "loss", [1.0] * steps, 7)
    (points,) = drawn(path, [run_id])
    assert points.x.tolist() == list(range(7, 7 + steps))


def test_a_short_run_beside_a_long_one_is_more_than_a_dot(written, study):
    path, connection, run_id = written
    short = study.add_run(connection, "short")
    study.add_metric(connection, short, "loss", [1.0] * 150, 0)
    assert [len(points.x) for points in drawn(path, [run_id, short])] == [191, 150]


def test_a_run_that_counts_down_is_drawn_whole(written, study):
    path, connection, _ = written
    run_id = study.add_run(connection, "countdown")
    for step in range(3, -4, -1):
        study.add_metric(connection, run_id, "loss", [float(step)], step)
        (points,) = drawn(path, [run_id])
        assert points.x.tolist() == list(range(step, 4))
