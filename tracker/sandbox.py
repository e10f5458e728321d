"""Runs a person's own SELECT where it can neither write, reach other files, nor run for ever.

SQLite looks at the time only between its instructions, and a single one may take minutes
(`instr` on two long texts). So a query runs in a process of its own, which is killed when its
time is up and refuses to use more memory than it may.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracker.database import read_only_uri
from tracker.exceptions import DatabaseError, InvalidValueError, QueryTimeoutError
from tracker.sqlite_errors import translate

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_WORKER: Final = Path(__file__).with_name("sandbox_process.py")
_MAX_SECONDS: Final = 10.0**6
_REFUSED: Final = frozenset({"SQLITE_AUTH", "SQLITE_READONLY"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one query may take.

    Args:
        seconds: From its start to its last row.
        rows: The result is cut after these.
        columns: More are refused.
        value_bytes: A larger text or BLOB is refused, in the result and on the way to it.
        result_bytes: The result is cut before it is larger.
        memory_bytes: What SQLite may hold at a time. What is sorted goes to temporary files.
        file_bytes: The size of each temporary file.
    """

    seconds: float = 10.0
    rows: int = 10_000
    columns: int = 100
    value_bytes: int = 1_000_000
    result_bytes: int = 50_000_000
    memory_bytes: int = 300_000_000
    file_bytes: int = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query.

    Args:
        columns: Their names, as SQLite gives them: not necessarily unique.
        rows: One tuple of int, float, str, bytes or None per row.
        is_cut: Whether there were more rows than the limits allow.
        seconds: How long the query took.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool
    seconds: float


def select(path: str | os.PathLike[str], statement: str, limits: Limits | None = None) -> Answer:
    """Run one reading statement.

    Args:
        path: The SQLite database, which is opened read-only.
        statement: One SELECT, WITH, VALUES or EXPLAIN, or a PRAGMA that only reads.
        limits: What it may take; see `Limits` for the defaults.

    Raises:
        InvalidValueError: SQLite does not understand it, it would write, or it exceeds a limit.
        QueryTimeoutError: It takes too long.
        DatabaseError: The database cannot be read.
    """
    limits = limits or Limits()
    path = Path(path).absolute()
    try:
        statement.encode()
    except UnicodeEncodeError as error:
        raise translate(error, path) from error
    request = {"uri": read_only_uri(path), "statement": statement, **asdict(limits)}
    request["seconds"] = min(limits.seconds, _MAX_SECONDS)
    lines = _run_worker(request, limits)
    head, rows, last = _parsed(lines)
    if "error" in last:
        raise _refusal(str(last["error"]), str(last["message"]), limits)
    if not head:
        raise InvalidValueError("The query gives no rows: write one SELECT statement.")
    return Answer(head, rows, bool(last["is_cut"]), float(last["seconds"]))


def unique_names(names: Iterable[str]) -> list[str]:
    """Column names without repetition, as a table or a JSON object needs them.

    >>> unique_names(["value", "value", "key"]), unique_names(["a_2", "a", "a"])
    (['value', 'value_2', 'key'], ['a_2', 'a', 'a_3'])
    """
    names = list(names)
    taken = set(names)
    used: set[str] = set()
    result: list[str] = []
    for name in names:
        number, unique = 2, name
        while unique in used or (unique != name and unique in taken):
            unique = f"{name}_{number}"
            number += 1
        used.add(unique)
        result.append(unique)
    return result


def _run_worker(request: dict[str, Any], limits: Limits) -> list[bytes]:
    """The lines that the worker wrote.

    Raises:
        QueryTimeoutError: It takes too long.
        InvalidValueError: It was killed, or ended before it had written the last line.
    """
    command = [sys.executable, "-I", "-S", str(_WORKER)]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=request["seconds"],
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise QueryTimeoutError(
            f"The query took more than {limits.seconds:g} s and was stopped: narrow it down."
        ) from None
    if done.returncode != 0:
        raise InvalidValueError(
            f"The query needs more than {limits.memory_bytes / 1e6:g} MB of memory, or SQLite "
            f"failed on it: narrow it down, or use the sqlite3 shell."
        )
    return done.stdout.splitlines()


def _parsed(lines: list[bytes]) -> tuple[list[str], list[tuple[Any, ...]], dict[str, Any]]:
    """Column names, rows, and the line that says how the query ended."""
    values = [json.loads(line.decode("utf-8", "surrogatepass")) for line in lines]
    *body, last = values
    columns = body[0] if body else []
    return columns, [tuple(map(_value, row)) for row in body[1:]], last


def _value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def _refusal(name: str, message: str, limits: Limits) -> InvalidValueError | DatabaseError:
    """The error for what SQLite reported, by SQLite's name of it ("" if Python raised it)."""
    if name == "SQLITE_NOMEM":
        return InvalidValueError(
            f"The query needs more than {limits.memory_bytes / 1e6:g} MB of memory: narrow it down."
        )
    if name in _REFUSED:
        return InvalidValueError(
            "Only reading is allowed here, on this database alone: one SELECT statement."
        )
    if name in {"SQLITE_ERROR", "SQLITE_TOOBIG", ""}:
        return InvalidValueError(f"SQLite cannot run the query: {message.rstrip('.')}.")
    return DatabaseError(f"The query failed: {message.rstrip('.')}.")
