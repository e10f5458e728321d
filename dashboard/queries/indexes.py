"""Which index a statement about metrics reads through.

Without statistics SQLite goes through a key's points of every run to find those of one, so a
statement names its index. A file of MLflow's making may lack it, and MLflow's migrations make
tables and their indexes anew: it is looked up each time, which takes some 10 µs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import sqlite3

# (run_uuid, key, step): one metric of one run.
BY_KEY: Final = "tracker_metrics_run_key_step"
# (run_uuid), and the rowid as in any index: what one run has logged since.
BY_RUN: Final = "index_metrics_run_uuid"


def indexed_by(
    connection: sqlite3.Connection,
    index: Literal["tracker_metrics_run_key_step", "index_metrics_run_uuid"],
) -> str:
    """The clause that follows a table's name; empty where there is no such index."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", (index,)
    )
    return f"INDEXED BY {index}" if found.fetchone() else ""
