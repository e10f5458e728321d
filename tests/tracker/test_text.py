"""Numbers, sizes, times and mistyped words as a person reads them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import text

DAY_MS = 86_400_000
NUMBERS = st.floats() | st.integers(-(10**20), 10**20).map(float)


@pytest.mark.parametrize(
    "write",
    [
        text.number,
        text.short_number,
        text.exact_number,
        text.count,
        text.size,
        text.duration,
        text.local_time,
        text.utc_time,
        lambda value: text.ago(value, 0),
    ],
)
def test_a_missing_value_is_a_dash(write):
    assert write(None) == text.MISSING == "–"


@given(NUMBERS)
def test_an_exact_number_holds_all_that_is_known(value):
    shown = text.exact_number(value).replace("∞", "inf")
    assert float(shown) == value or (math.isnan(value) and shown == "NaN")


@given(st.floats(1e-300, 1e14) | st.floats(-1e14, -1e-300))
def test_a_short_number_is_right_to_three_significant_digits(value):
    shown = text.short_number(value).replace(",", "")
    factor = {"T": 1e12, "G": 1e9, "M": 1e6}.get(shown[-1], 1)
    assert float(shown.rstrip("TGM")) * factor == pytest.approx(value, rel=0.0051)


@given(NUMBERS)
def test_a_short_number_fits_a_narrow_column(value):
    assert len(text.short_number(value)) <= len("-1.23e+100")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.92517, "0.9252"),
        (1.8e-3, "1.8e-03"),
        (5.8214e-5, "5.82e-05"),
        (-0.5, "-0.5000"),
        (0.0, "0"),
        (61.234, "61.23"),
        (9_999.0, "9999"),
        (12_345_678.0, "12,345,678"),
        (1e300, "1e+300"),
        (-math.inf, "-∞"),
    ],
)
def test_a_number_has_four_decimals_or_an_exponent(value, shown):
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("bytes_", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (47_040_016, "47.0 MB"),
        (5.9e9, "5.9 GB"),
        (2e15, "2000.0 TB"),
    ],
)
def test_sizes_are_in_powers_of_1000(bytes_, shown):
    assert text.size(bytes_) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 ms"),
        (0.9999, "1.0 s"),
        (59.97, "1 min 0 s"),
        (3_599.7, "1 h 0 min"),
        (86_399.9, "1 d 0 h"),
        (math.nan, "–"),
    ],
)
def test_a_duration_never_shows_sixty_of_a_unit(seconds, shown):
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("before_ms", "shown"),
    [
        (0, "just now"),
        (-30_000, "just now"),
        (59 * 60_000, "59 min ago"),
        (DAY_MS - 1, "23 h ago"),
        (DAY_MS, "1 d ago"),
        (29 * DAY_MS, "29 d ago"),
        (30 * DAY_MS, "2025-09-09"),
        (-DAY_MS, "2025-10-10"),
    ],
)
def test_an_age_is_short_and_turns_into_a_date(before_ms, shown):
    now = 1_760_011_200_000  # Noon in UTC: the same day in almost every time zone.
    assert text.ago(now - before_ms, now) == shown


@pytest.mark.parametrize("timestamp_ms", [10**30, -(10**30), 2**63 - 1])
def test_a_time_that_no_calendar_holds_is_shown_as_it_is(timestamp_ms):
    assert text.utc_time(timestamp_ms) == text.local_time(timestamp_ms) == f"{timestamp_ms} ms"


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("los", "loss"),
        ("LOSS", "loss"),
        ("val", "val_loss"),
        ("start", "start_time"),
        ("stauts", "status"),
        ("x", None),
        ("", None),
    ],
)
def test_the_closest_word_begins_so_or_is_spelt_alike(word, nearest):
    known = ["loss", "val_loss_smoothed", "val_loss", "status", "start_time"]
    assert text.closest(word, known) == nearest


def test_a_column_of_numbers_has_one_format():
    write = text.numbers([0.0323, 2.5, math.nan])
    shown = [write(value) for value in (0.0323, 2.5, math.nan, None)]
    assert shown == ["0.0323", "2.5000", "NaN", "–"]
