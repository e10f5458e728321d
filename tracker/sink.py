"""One statement that adds points to their histories and to the latest points.

SQLite has no statement that writes two tables, but a view can have a trigger that does. View and
trigger are the connection's own, not the file's: MLflow's migrations never meet them. A statement
alone is a transaction by itself. It saves BEGIN and COMMIT, the lock is held for the statement
only, and SQLite need not copy the pages that it changes, as it must to undo one of several.

Marks are plain: Python 3.12 up to 3.12.3 takes a numbered one for a name, and warns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

COLUMNS: Final = "key, value, timestamp, step, is_nan, run_uuid"
MARKS: Final = "(?, ?, ?, ?, ?, ?)"
# SQLite before 3.32 takes no more.
VALUES_A_STATEMENT: Final = 999
ROWS_A_STATEMENT: Final = VALUES_A_STATEMENT // 6

INSERT: Final = f"INSERT INTO metrics ({COLUMNS}) VALUES {{rows}} ON CONFLICT DO NOTHING"
LATEST: Final = f"""
    INSERT INTO latest_metrics ({COLUMNS})
    VALUES {{rows}}
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""

# A run that may not be written is NULL, which no row takes.
_MARKS_OF_ACTIVE: Final = """
    (?, ?, ?, ?, ?, (SELECT run_uuid FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'))
"""
_NEW: Final = "(NEW.key, NEW.value, NEW.timestamp, NEW.step, NEW.is_nan, NEW.run_uuid)"
# For every connection.
SET_UP: Final = (
    f"CREATE TEMP VIEW tracker_sink ({COLUMNS}) AS SELECT NULL, NULL, NULL, NULL, NULL, NULL",
    f"""
    CREATE TEMP TRIGGER tracker_add_point INSTEAD OF INSERT ON tracker_sink
    BEGIN
        {INSERT.format(rows=_NEW)};
        {LATEST.format(rows=_NEW)};
    END
    """,
)


@lru_cache(maxsize=ROWS_A_STATEMENT)
def insert_statement(rows: int) -> str:
    """Adds points of one run; an `IntegrityError` where it is not there or not active."""
    marks = ", ".join([_MARKS_OF_ACTIVE, *[MARKS] * (rows - 1)])
    return f"INSERT INTO tracker_sink ({COLUMNS}) VALUES {marks}"
