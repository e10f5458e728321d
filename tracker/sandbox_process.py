"""Runs one query for `tracker.sandbox`: a program, started by its path without site-packages.

It reads a request as JSON from standard input and writes JSON lines: the names of the columns, the
rows, and last how the query ended. It imports nothing of the tracker, so that it starts in some
20 ms, and it is killed when its time is up.
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
import time
from typing import Any, Final

# Table-valued functions are tables that SQLite declares at their first use, which the authorizer
# would refuse as the creation of a table: they are used once before it is set.
_TABLE_FUNCTIONS: Final = (
    "json_each('[]')",
    "json_tree('[]')",
    "pragma_table_info('')",
    "pragma_table_xinfo('')",
    "pragma_table_list",
    "pragma_index_list('')",
    "pragma_index_info('')",
    "pragma_index_xinfo('')",
    "pragma_foreign_key_list('')",
    "pragma_function_list",
    "pragma_compile_options",
)
_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
# They load code, or call what a pointer in their argument points at.
_DANGEROUS_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer"})
# They take no argument here, or only the name of a table, and change nothing.
_READING_PRAGMAS: Final = frozenset(
    {
        *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"),
        *("foreign_key_list", "foreign_key_check", "integrity_check", "quick_check"),
        *("database_list", "freelist_count", "page_count", "page_size", "function_list"),
        *("compile_options", "encoding", "user_version", "application_id"),
    }
)
_BUSY_SECONDS: Final = 10.0
_INTERPRETER_BYTES: Final = 500_000_000


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin.buffer)
    _limit_process(request)
    began = time.perf_counter()
    try:
        is_cut = _answer(request)
    except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
        name = getattr(error, "sqlite_errorname", "")
        _write({"error": name, "message": str(error)})
    except MemoryError as error:
        _write({"error": "SQLITE_NOMEM", "message": str(error)})
    else:
        _write({"is_cut": is_cut, "seconds": time.perf_counter() - began})


def _answer(request: dict[str, Any]) -> bool:
    """Write the columns and the rows; whether there are more."""
    connection = _open(request)
    cursor = connection.execute(request["statement"])
    _write([column[0] for column in cursor.description or ()])
    room = request["result_bytes"]
    for number, row in enumerate(cursor):
        line = _encoded([_jsonable(value) for value in row])
        room -= len(line)
        if number == request["rows"] or (room < 0 and number > 0):
            return True
        if room < 0:
            message = f"one row is larger than {request['result_bytes'] / 1e6:g} MB"
            raise sqlite3.DataError(message)
        sys.stdout.buffer.write(line)
    return False


def _open(request: dict[str, Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        request["uri"], uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    connection.text_factory = _readable
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    # What is sorted or gathered goes to a file that nobody sees.
    connection.execute("PRAGMA temp_store = FILE")
    # Also the size of the sorted pieces: from many small ones, each would hold a row in memory.
    connection.execute(f"PRAGMA cache_size = -{int(request['memory_bytes']) // 8192}")
    connection.execute(f"PRAGMA hard_heap_limit = {int(request['memory_bytes'])}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, request["value_bytes"])
    connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, request["columns"])
    for function in _TABLE_FUNCTIONS:
        try:
            connection.execute(f"SELECT * FROM {function} LIMIT 0")
        except sqlite3.OperationalError:  # An older SQLite has no such function.
            continue
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        reads = (second or "").lower() not in _DANGEROUS_FUNCTIONS
    elif action == sqlite3.SQLITE_PRAGMA:
        reads = (first or "").lower() in _READING_PRAGMAS
    else:
        reads = action in _READING
    return sqlite3.SQLITE_OK if reads else sqlite3.SQLITE_DENY


def _readable(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _limit_process(request: dict[str, Any]) -> None:
    """Bound memory, files and processor time, where the operating system can."""
    try:
        import resource  # noqa: PLC0415  Windows has none; there SQLite's own limit stands alone.
    except ImportError:
        return
    memory_bytes = request["memory_bytes"] + 2 * request["result_bytes"] + _INTERPRETER_BYTES
    # Also ends this process if the one that waits for it was killed.
    processor_seconds = math.ceil(request["seconds"]) + 1
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _jsonable(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _write(value: Any) -> None:
    sys.stdout.buffer.write(_encoded(value))


if __name__ == "__main__":
    main()
