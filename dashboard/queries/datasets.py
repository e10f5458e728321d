"""Which data sets runs used."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import untrusted
from dashboard.source import Source, placeholders, rows

MOST_ROWS = 10**15


# More cannot be told from its neighbours by a browser.
MOST_ROWS = 2**53


@st.cache_data(show_spinner=False, max_entries=64)
def used_by(source: Source, run_ids: tuple[str, ...]) -> pd.DataFrame:
    """Data sets the runs used: run_id, name, digest, context, source, rows, profile (JSON)."""
    found = rows(
        source,
        f"""
        SELECT inputs.destination_id, datasets.name, datasets.digest, input_tags.value,
               datasets.dataset_source_type, datasets.dataset_source, datasets.dataset_profile
        FROM inputs
        JOIN datasets ON datasets.dataset_uuid = inputs.source_id
        LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
             AND input_tags.name = 'mlflow.data.context'
        WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN'
              AND inputs.destination_id IN ({placeholders(len(run_ids))})
        ORDER BY datasets.name, datasets.digest
        """,
        run_ids,
    )
    names = ["run_id", "name", "digest", "context", "source_type", "source", "profile"]
    frame = pd.DataFrame(found, columns=names)
    frame["rows"] = [_profile_rows(text) for text in frame["profile"]]
    return frame


@untrusted.or_none
def _profile_rows(profile: str | None) -> int | None:
    parsed = untrusted.parsed((profile or "{}").encode(), "The profile")
    count = parsed["num_rows"]
    return count if isinstance(count, int) and 0 <= count <= MOST_ROWS else None
