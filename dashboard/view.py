"""What every page is given: the state of the database and the selected runs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.labels import families, short
from dashboard.palette import COLORS, assign, color
from dashboard.queries import records, run_lists
from tracker.files import open_artifacts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from dashboard.source import Source
    from tracker.files import ArtifactStore

ID_SHOWN = run_lists.DIGITS_SHOWN
# The trainer ends a run's name in digits of its own: they are shown instead of the id's.
DIGITS = re.compile(r"_([0-9a-f]{8})$")
NAME_SHOWN = 40
# Longer names are shortened to the part in which they differ: a chip has no room for more.
WHOLE_NAME = 18
BEFORE_DIGITS = " · "


@dataclass(frozen=True)
class View:
    """One rerun's picture of the study.

    Args:
        source: The database's state.
        experiment_id: The chosen experiment; None for all.
        runs: The selected runs: `run_lists.RUN_COLUMNS`, `label` and `color`, in order.
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
    def colors(self) -> dict[str, str]:
        """Run id to color."""
        return dict(zip(self.runs["run_id"], self.runs["color"], strict=True))

    def store(self, run_id: str) -> ArtifactStore:
        """A run's artifacts.

        Raises:
            TrackerError: If they may not or cannot be read.
        """
        uri = str(self.runs.loc[run_id, "artifact_uri"])
        return open_artifacts(uri, Path(self.source.path).parent)


def label(run_id: str, name: str | None, shared: Collection[str] = ()) -> str:
    """A run's short name and digits that tell it from its namesakes, on one line.

    Args:
        run_id: The run.
        name: As it was given; may end in digits of its own, as after `_99887766`.
        shared: Such digits of several runs, which tell nothing: the id's are shown instead.

    >>> label("0a1b2c3d4e5f", "default_99887766"), label("0a1b2c3d4e5f", None)
    ('default · 99887766', 'run · 0a1b2c3d')
    >>> label("0a1b2c3d4e5f", "default_20251124", {"20251124"})
    'default_20251124 · 0a1b2c3d'
    """
    told, digits = _parts(run_id, name, shared)
    return f"{_cut(told)}{BEFORE_DIGITS}{digits}"


def _parts(run_id: str, name: str | None, shared: Collection[str]) -> tuple[str, str]:
    own = DIGITS.search(name or "")
    digits = own[1] if own and own[1] not in shared else run_id[:ID_SHOWN]
    return _line((name or "").removesuffix(f"_{digits}")) or "run", digits


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(line: str) -> str:
    return line if len(line) <= NAME_SHOWN else f"{line[: NAME_SHOWN - 1]}…"


def labels(source: Source, names: Mapping[str, str | None]) -> dict[str, str]:
    """A label for each run, no two alike.

    Args:
        source: The database's state.
        names: Run id to name.
    """
    shared = run_lists.shared_digits(source)
    begins = families(DIGITS.sub("", _line(name)) for name in run_lists.recent_names(source))
    parts = {run_id: _parts(run_id, name, shared) for run_id, name in names.items()}
    found = {
        run_id: f"{_cut(short(told, begins, WHOLE_NAME))}{BEFORE_DIGITS}{digits}"
        for run_id, (told, digits) in parts.items()
    }
    count = Counter(found.values())
    return {
        run_id: text if count[text] == 1 else f"{_short(text)}{BEFORE_DIGITS}{run_id}"
        for run_id, text in found.items()
    }


def _short(text: str) -> str:
    return text.rpartition(BEFORE_DIGITS)[0]


def linked(source: Source, text: str) -> str | None:
    """The run that a label in a link means, whatever the run's name is now.

    Digits that have become those of several runs are taken for the id's, then for those of the
    run that had them first: it had them alone when the link was made.
    """
    digits = text.rpartition(" ")[2]
    found = run_lists.runs_with_digits(source, digits)
    named = [run_id for run_id, name in found if _short(text) == _short(label(run_id, name))]
    return next(iter(named or [run_id for run_id, _ in found]), None)


def build(
    source: Source,
    experiment_id: int | None,
    run_ids: tuple[str, ...],
    palette: str = "palette",
) -> View:
    """The view of these runs, with the colors they had before.

    Args:
        source: The database's state.
        experiment_id: The chosen experiment; None for all.
        run_ids: The runs, in order.
        palette: Under which session key the colors are remembered.
    """
    runs = run_lists.runs_by_id(source, run_ids).copy()
    owners = _owners_of_colors(source, runs)
    positions = assign(list(dict.fromkeys(owners.values())), st.session_state.get(palette, {}))
    st.session_state[palette] = positions
    shown = labels(source, dict(zip(runs["run_id"], runs["name"], strict=True)))
    runs["label"] = [shown[run_id] for run_id in runs["run_id"]]
    runs["color"] = [color(positions[owners[run_id]]) for run_id in runs["run_id"]]
    return View(source, experiment_id, runs, datetime.now(UTC))


def _owners_of_colors(source: Source, runs: pd.DataFrame) -> dict[str, str]:
    """Whose color each run has.

    Its own; where there are more runs than colors, that of the first run of its name inside the
    same parent run: they are one configuration with several seeds.
    """
    ids = tuple(runs["run_id"])
    parents = records.parents_of(source, ids) if len(ids) > len(COLORS) else {}
    first: dict[tuple[str, str], str] = {}
    return {
        run_id: first.setdefault((parents.get(run_id, run_id), DIGITS.sub("", name or "")), run_id)
        for run_id, name in zip(ids, runs["name"], strict=True)
    }
