"""What every page is given: the state of the database, the shown runs, and what was chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from dashboard import listing, view_state
from dashboard.artifacts import files
from dashboard.palette import assign, colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.groups import Node
    from dashboard.listing import Listing
    from dashboard.source import Source
    from dashboard.view_state import ViewState
    from tracker.files import ArtifactStore


@dataclass(frozen=True)
class View:
    """One rerun's picture of the study.

    Args:
        source: The database's state.
        experiment_id: The chosen experiment; None for all.
        state: What a person has chosen; a page may change it and call `st.rerun`.
        listing: The runs in the run list.
        runs: The shown runs in the order of the list, indexed by id: `run_lists.RUN_COLUMNS`,
            `label`, `color`, and `group` (a key), `group_label`, `group_color`, which are None
            for a run that stands alone.
        automatic: Whether the shown runs are the automatic choice.
        now: When the rerun began.
    """

    source: Source
    experiment_id: int | None
    state: ViewState
    listing: Listing
    runs: pd.DataFrame
    automatic: bool
    now: datetime

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of the shown runs."""
        return tuple(self.runs["run_id"])

    @property
    def run_id(self) -> str | None:
        """The run that the Run page shows: the chosen one, else the first shown one."""
        if self.state.run in self.listing.runs.frame.index:
            return self.state.run
        return next(iter(self.run_ids), None)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Run id to label, of all runs that are loaded: shown, listed, or compared with."""
        found = self.listing.runs.facts.labels
        return {run_id: str(label) for run_id, label in found.items()}

    @property
    def colors(self) -> dict[str, str]:
        """Run id to color, of the shown runs."""
        return dict(zip(self.runs["run_id"], self.runs["color"], strict=True))

    @property
    def started(self) -> dict[str, int]:
        """Run id to start in ms since the epoch, of the shown runs."""
        return dict(zip(self.runs["run_id"], self.runs["start_time"], strict=True))

    @property
    def now_ms(self) -> int:
        """When the rerun began, in ms since the epoch."""
        return int(self.now.timestamp() * 1000)

    def store(self, run_id: str) -> ArtifactStore:
        """A loaded run's artifacts.

        Raises:
            TrackerError: If they may not or cannot be read.
        """
        uri = str(self.listing.runs.frame.loc[run_id, "artifact_uri"])
        return files.open_store(self.source, uri)

    def at(self, source: Source) -> View:
        """The same runs in another state of the database."""
        return replace(self, source=source)


def build(source: Source, state: ViewState | None = None) -> View:
    """The view of what was chosen.

    Args:
        source: The database's state.
        state: The session's own by default.
    """
    state = view_state.current() if state is None else state
    found = listing.read(source, state)
    chosen = state.shown
    if chosen is None:
        started = dict(zip(found.runs.frame["run_id"], found.runs.frame["start_time"], strict=True))
        chosen = listing.shown_unasked(found.tree, started, state.baseline)
    return View(
        source=source,
        experiment_id=found.query.experiment_id,
        state=state,
        listing=found,
        runs=_shown(found, state, chosen),
        automatic=state.shown is None,
        now=datetime.now(UTC),
    )


def only(source: Source, run_ids: Sequence[str]) -> View:
    """The view of these runs and no others, outside the session's choice."""
    state = view_state.ViewState(experiment=view_state.ALL, shown=list(run_ids), rows=0)
    return build(source, state)


def _shown(found: Listing, state: ViewState, chosen: Sequence[str]) -> pd.DataFrame:
    """The shown runs with labels and colors; a group and its runs have one color."""
    tops = _tops(found.tree)
    there = set(found.runs.frame.index)
    wanted = set(chosen)
    ordered = [run_id for run_id in tops if run_id in wanted]
    ordered += [run_id for run_id in chosen if run_id not in tops and run_id in there]
    frame = found.runs.frame.loc[ordered].copy()
    owners = {run_id: owner(tops, run_id) for run_id in [*chosen, *ordered]}
    state.positions = assign([owners[i] for i in chosen if i in there], state.positions)
    given = colors(state.positions[owners[run_id]] for run_id in ordered)
    nodes = [tops.get(run_id) for run_id in ordered]
    grouped = [node if node is not None and _is_group(node) else None for node in nodes]
    frame["label"] = [str(found.runs.facts.labels[run_id]) for run_id in ordered]
    frame["color"] = given
    groups = {
        "group": [node.key if node else None for node in grouped],
        "group_label": [str(node.label) if node else None for node in grouped],
        "group_color": [one if node else None for node, one in zip(grouped, given, strict=True)],
    }
    # As objects: pandas would make NaN of None among texts.
    return frame.assign(
        **{name: pd.Series(values, frame.index, dtype="object") for name, values in groups.items()}
    )


def _tops(tree: Sequence[Node]) -> dict[str, Node]:
    """The top row above each listed run, by run id, in the order of the list."""
    return {run_id: node for node in tree for run_id in node.run_ids}


def _is_group(node: Node) -> bool:
    return node.is_group or bool(node.children)


def owner(tops: dict[str, Node], run_id: str) -> str:
    """Whose color a run has: that of the group it belongs to, or its own."""
    top = tops.get(run_id)
    return top.key if top is not None else run_id
