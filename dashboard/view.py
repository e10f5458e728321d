"""What every page is given: the state of the database and the selected runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.palette import assign, colour
from dashboard.queries import run_lists
from tracker.files import open_artifacts

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.source import Source
    from tracker.files import ArtifactStore

ID_SHOWN = 8
# The trainer ends a run's name in digits of its own: they are shown instead of the id's.
DIGITS = re.compile(r"_([0-9a-f]{8})$")
NAME_SHOWN = 40


@dataclass(frozen=True)
class View:
    """One rerun's picture of the study.

    Args:
        source: The database's state.
        experiment_id: The chosen experiment; None for all.
        runs: The selected runs: `run_lists.RUN_COLUMNS`, `label` and `colour`, in order.
        now: When the rerun began.
    """

    source: Source
    experiment_id: int | None
    runs: pd.DataFrame
    now: datetime

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of the selected runs."""
        return tuple(self.runs["run_id"])

    @property
    def labels(self) -> dict[str, str]:
        """Run id to label."""
        return dict(zip(self.runs["run_id"], self.runs["label"], strict=True))

    @property
    def started(self) -> dict[str, int]:
        """Run id to start, in ms since the epoch."""
        return dict(zip(self.runs["run_id"], self.runs["start_time"], strict=True))

    @property
    def colours(self) -> dict[str, str]:
        """Run id to colour."""
        return dict(zip(self.runs["run_id"], self.runs["colour"], strict=True))

    def store(self, run_id: str) -> ArtifactStore:
        """A run's artifacts.

        Raises:
            TrackerError: If they may not or cannot be read.
        """
        uri = str(self.runs.loc[run_id, "artifact_uri"])
        return open_artifacts(uri, Path(self.source.path).parent)


def label(run_id: str, name: str | None) -> str:
    """A run's short name and eight digits that tell it from its namesakes, on one line.

    >>> label("0a1b2c3d4e5f", "default_99887766"), label("0a1b2c3d4e5f", None)
    ('default · 99887766', 'run · 0a1b2c3d')
    """
    own = DIGITS.search(name or "")
    start = own[1] if own else run_id[:ID_SHOWN]
    short = " ".join((name or "").removesuffix(f"_{start}").split()) or "run"
    cut = short if len(short) <= NAME_SHOWN else f"{short[: NAME_SHOWN - 1]}…"
    return f"{cut} · {start}"


def build(
    source: Source,
    experiment_id: int | None,
    run_ids: tuple[str, ...],
    palette: str = "palette",
) -> View:
    """The view of these runs, with the colours they had before.

    Args:
        source: The database's state.
        experiment_id: The chosen experiment; None for all.
        run_ids: The runs, in order.
        palette: Under which session key the colours are remembered.
    """
    runs = run_lists.runs_by_id(source, run_ids).copy()
    positions = assign(list(runs["run_id"]), st.session_state.get(palette, {}))
    st.session_state[palette] = positions
    runs["label"] = [
        label(run_id, name) for run_id, name in zip(runs["run_id"], runs["name"], strict=True)
    ]
    runs["colour"] = [colour(positions[run_id]) for run_id in runs["run_id"]]
    return View(source, experiment_id, runs, datetime.now(UTC))
