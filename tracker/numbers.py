"""Numbers and timestamps: check what a user passes, store it as MLflow does, read it back.

SQLite has no NaN (it binds one as NULL) and MLflow no infinity: NaN is stored as 0 with
`is_nan = 1`, ±infinity as the largest float.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST: Final = 1.7976931348623157e308
MAX_INTEGER: Final = 2**63 - 1


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def plain_float(key: str, value: object) -> float:
    """A metric value as a plain float: a Python, numpy or one-element torch number.

    Raises:
        InvalidValueError: The value is not a number.
    """
    try:
        return float(value.item() if hasattr(value, "item") else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidValueError(
            f"The metric {key!r} takes a number, not {value!r} ({type(value).__name__})."
        ) from error


def plain_int(name: str, value: object) -> int:
    """A step as a plain int that fits in the database; 3.0 is one, 3.5 is not.

    Raises:
        InvalidValueError: The value is not a 64-bit integer.
    """
    if type(value) is int and abs(value) <= MAX_INTEGER:
        return value
    try:
        number: int = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InvalidValueError(f"The {name} is an integer, not {value!r}.") from error
    if not isinstance(value, (int, str)) and number != value:
        raise InvalidValueError(f"The {name} is an integer, not {value!r}.")
    if not -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
        raise InvalidValueError(f"The {name} {value!r} does not fit in 64 bits.")
    return number


def plain_time(name: str, value: Any) -> int:
    """Milliseconds since the epoch as a plain int; fractions of a millisecond are dropped.

    Raises:
        InvalidValueError: The value is not a number of 64 bits.
    """
    if isinstance(value, float) and math.isfinite(value):
        value = math.trunc(value)
    return plain_int(name, value)


def plain_timestamp(value: object) -> int:
    """A metric's timestamp as a plain int.

    Raises:
        InvalidValueError: The value is not an integer, or negative.
    """
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    timestamp_ms = plain_time("timestamp", value)
    if timestamp_ms < 0:
        raise InvalidValueError(
            f"A metric's timestamp is in milliseconds since 1970 and not negative: {value!r}."
        )
    return timestamp_ms


def plain_floats(key: str, values: Any) -> list[float]:
    """Metric values as plain floats; a numpy array converts itself, and fast.

    Args:
        key: The metric, for the message.
        values: (N,) numbers: an array, a tensor or anything to iterate over.

    Raises:
        InvalidTypeError: It is nothing to iterate over.
        InvalidValueError: A value is not a number.
    """
    listed = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(listed, Iterable):
        raise InvalidTypeError(f"The history of {key!r} is a list or an array, not {values!r:.60}.")
    numbers = list(listed)
    if all(type(number) is float for number in numbers):
        return numbers
    return [plain_float(key, number) for number in numbers]


def plain_ints(name: str, values: Any) -> Sequence[int]:
    """Steps as plain ints that fit in the database.

    Raises:
        InvalidValueError: A value is not a 64-bit integer.
    """
    if isinstance(values, range) and (not values or abs(values[0]) | abs(values[-1]) < MAX_INTEGER):
        return values
    numbers = values.tolist() if hasattr(values, "tolist") else values
    return [plain_int(name, number) for number in numbers]


def plain_timestamps(values: Any) -> Sequence[int]:
    """Timestamps of a metric as plain ints.

    Raises:
        InvalidValueError: A value is not an integer, or negative.
    """
    numbers = values.tolist() if hasattr(values, "tolist") else values
    return [plain_timestamp(number) for number in numbers]


def stored_values(values: list[float]) -> tuple[Sequence[float], int | Sequence[int]]:
    """Floats as MLflow stores them: the values, and `is_nan` of all (an int) or of each."""
    if all(map(math.isfinite, values)):
        return values, 0
    stored, is_nan = zip(*map(stored_value, values), strict=True)
    return stored, is_nan


def stored_value(value: float) -> tuple[float, int]:
    """A float as MLflow stores it: (value, is_nan)."""
    if math.isfinite(value):
        return value, 0
    if math.isnan(value):
        return 0.0, 1
    return math.copysign(LARGEST, value), 0


def read_value(value: float, is_nan: int) -> float:
    """The float behind a stored (value, is_nan): the largest floats stand for ±infinity.

    A value that is not a number is NaN: a database from elsewhere may hold the bytes of one.
    """
    if is_nan or not isinstance(value, (float, int)):
        return math.nan
    if abs(value) >= LARGEST:
        return math.copysign(math.inf, value)
    return value


def read_int(value: int) -> int:
    """A stored step or timestamp; 0 if a database from elsewhere holds something else there."""
    return value if isinstance(value, int) else 0
