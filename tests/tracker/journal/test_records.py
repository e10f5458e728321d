"""The format: what is packed is read back, and nothing else is."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.journal import records
from tracker.numbers import stored_value

RUN, OTHER = "a" * 32, "b" * 32
KEYS = ("loss", "größe/α", "a b:c")
rows = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 2**63 - 1),
        st.tuples(*[st.floats()] * len(KEYS)),
    ),
    max_size=8,
)


def journal(*frames, runs=None):
    return records.pack_start("process 1 on ada", runs or {RUN: 5}) + b"".join(frames)


def packed_rows(found, run_id=RUN, keys=KEYS):
    pack_row = records.row_packer((run_id, keys))
    return b"".join(
        records.sealed(pack_row(step, timestamp, *values)) for step, timestamp, values in found
    )


def read(data, piece=None):
    reader, points = records.Reader(), []
    while True:
        before = reader.position
        end = len(data) if piece is None else before + piece
        found, length = reader.feed(data[before:end])
        reader.position += length
        points += found
        if length == 0:
            return reader, points


def expected(found, run_id=RUN):
    return [
        (key, *stored_value(value)[:1], timestamp, step, stored_value(value)[1], run_id)
        for step, timestamp, values in found
        for key, value in zip(KEYS, values, strict=True)
    ]


@settings(max_examples=200, deadline=None)
@given(found=rows, piece=st.integers(200, 500))
def test_rows_come_back_as_they_were_packed_in_pieces_of_any_size(found, piece):
    data = journal(packed_rows(found))
    for size in (None, piece):
        reader, points = read(data, size)
        assert points == expected(found)
        assert (reader.position, reader.waiting) == (len(data), len(points))


def test_a_journal_says_who_works_on_what():
    data = journal(
        records.pack(records.HOLD, OTHER, "process 2 on ada", timestamp=9),
        records.pack(records.RELEASE, RUN),
        runs={RUN: 5, "c" * 32: 6},
    )
    reader, _ = read(data)
    assert reader.runs == {"c" * 32: ("process 1 on ada", 6), OTHER: ("process 2 on ada", 9)}


def test_points_before_the_mark_of_a_fold_do_not_wait():
    before = journal(packed_rows([(0, 1, (1.0, 2.0, 3.0))] * 4))
    after = packed_rows([(1, 1, (1.0, 2.0, 3.0))])
    reader, points = read(before + records.pack(records.FOLDED) + after)
    assert (len(points), reader.waiting) == (15, 3)


@settings(max_examples=200, deadline=None)
@given(found=rows, cut=st.integers(1, 400))
def test_of_a_journal_that_was_cut_the_whole_frames_are_read(found, cut):
    whole = journal(packed_rows(found))
    data = whole[: max(len(journal()), len(whole) - cut)]
    reader, points = read(data)
    assert points == expected(found)[: len(points)]
    assert records.is_torn(data[reader.position :], reader.position)


@settings(max_examples=300, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=70))
def test_random_bytes_after_the_end_are_a_torn_write(garbage):
    data = journal(packed_rows([(0, 1, (1.0, 2.0, 3.0))]))
    reader, points = read(data + garbage)
    assert (len(points), reader.position) == (3, len(data))
    assert records.is_torn(garbage, reader.position)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_wrong_bit_is_noticed_and_what_follows_is_not_taken_for_torn(place, bit):
    first = journal(packed_rows([(0, 1, (1.0, 2.0, 3.0))]))
    data = bytearray(first + packed_rows([(1, 1, (1.0, 2.0, 3.0))]))
    start = len(journal())  # The first row's frame, before another.
    data[start + place % (len(first) - start)] ^= 1 << bit
    reader, points = read(bytes(data))
    assert (points, reader.position) == ([], start)
    assert not records.is_torn(bytes(data[start:]), start)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=2_000))
def test_any_bytes_at_all_are_read_without_an_error(data):
    for content in (data, journal() + data):
        reader, _ = read(content)
        records.is_torn(content[reader.position :], reader.position)


NUMBERS = struct.pack("<qq", 0, 1)


def frame(kind, names=b"", numbers=NUMBERS, length=None, size=None):
    """A frame with a right CRC, whatever it says."""
    whole = 16 + len(names) + len(numbers) if length is None else length
    head = struct.pack("<III", whole, kind, len(names) if size is None else size)
    return records.sealed(head + names + numbers)


def row(names, step=0, timestamp=1, values=(1.0, 2.0, 3.0)):
    return frame(records.ROW, names, struct.pack(f"<qq{len(values)}d", step, timestamp, *values))


@pytest.mark.parametrize(
    "rest",
    [
        packed_rows([(0, -1, (1.0, 2.0, 3.0))]),
        row(b"../up\na\nb\nc"),
        row(f"{RUN}\na\nb\n../up".encode()),
        row(f"{RUN}\na\nb\nc;DROP TABLE runs".encode()),
        row(b"\xff\xfe"),
        row(b""),
        row(RUN.encode()),
        row(f"{RUN}\na\nb".encode()),
        row(RUN.encode(), values=()),
        frame(records.ROW, length=2**32 - 1),
        frame(records.ROW, length=0),
        frame(records.ROW, f"{RUN}\na".encode(), size=2**32 - 1),
        frame(records.ROW, f"{RUN}\na".encode(), size=60),
        bytes(4_096),
        journal(),
        frame(99),
        frame(records.HOLD, b"../up"),
        frame(records.HOLD, b"\xff\xfe"),
    ],
    ids=["negative time", "bad run id", "key leads up", "key is SQL", "no text", "no names",
         "no keys", "other length", "neither keys nor values", "huge length", "no length",
         "huge names", "names that take the numbers", "zeros", "second start", "unknown kind",
         "hold of no run", "hold without text"],
)  # fmt: skip
def test_a_strangers_frames_give_no_points(rest):
    reader, points = read(journal() + rest)
    assert points == []
    assert reader.runs == {RUN: ("process 1 on ada", 5)}


def test_a_row_too_long_for_a_frame_is_not_packed():
    keys = tuple(f"m{number}" for number in range(40_000))
    assert records.row_packer((RUN, keys)) is None


def test_nan_and_infinity_are_stored_as_mlflow_stores_them():
    _, points = read(journal(packed_rows([(0, 1, (math.nan, math.inf, -math.inf))])))
    largest = 1.7976931348623157e308
    assert [point[1:5:3] for point in points] == [(0.0, 1), (largest, 0), (-largest, 0)]
