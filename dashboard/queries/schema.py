"""Which tables and columns there are."""

from __future__ import annotations

import streamlit as st

from dashboard.source import Source, rows

FIRST_TABLES = ("runs", "metrics", "latest_metrics", "params", "tags", "experiments")


@st.cache_data(show_spinner=False, max_entries=8)
def tables(source: Source) -> dict[str, list[str]]:
    """Tables with their columns and types, the tracker's own first."""
    found = rows(
        source,
        """
        SELECT tables.name AS "table", columns.name AS "column", columns.type
        FROM sqlite_master AS tables
        JOIN pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
        ORDER BY tables.name, columns.cid
        """,
    )
    grouped: dict[str, list[str]] = {}
    for row in found:
        grouped.setdefault(row["table"], []).append(f"{row['column']}  {row['type']}".strip())
    first = [name for name in FIRST_TABLES if name in grouped]
    return {name: grouped[name] for name in [*first, *(n for n in grouped if n not in first)]}
