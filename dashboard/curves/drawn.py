"""What a panel draws: its lines smoothed, means of groups, in the order from back to front."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from dashboard.curves.payload import Best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dashboard.curves.payload import Line, Look, Member, Panel

    Numbers = NDArray[np.float64]

# A run by itself, the mean of a group, a run below such a mean, an attempt that was superseded.
Role = Literal["line", "mean", "member", "old"]
# Before the key of a group: a parent run's group has the run's own.
GROUP = "group "
DEPTHS: dict[Role, int] = {"old": 0, "member": 2, "line": 4, "mean": 6}


class Drawn(NamedTuple):
    """A line as it is drawn.

    Args:
        line: Of a mean, the run is any of the group.
        key: Of the run or the group that it stands for.
        role: What it is.
        is_quiet: Whether it is of training, beside a part that models are judged by.
    """

    line: Line
    key: str
    role: Role
    is_quiet: bool


def drawn(panel: Panel, runs: Mapping[str, Member], look: Look) -> list[Drawn]:
    """The lines of a panel, and the means of those groups that have several runs in it.

    Args:
        panel: Its lines are as they were read.
        runs: By id.
        look: How far lines are smoothed, and how groups are drawn.
    """
    share = 0.0 if panel.against else look.smoothing
    lines = [replace(line, y=smoothed(line.y, share)) for line in panel.lines]
    in_groups = set() if panel.against or look.spread == "runs" else _members(lines, runs)
    found = [
        Drawn(line, line.run_id, _role(line, in_groups), _is_quiet(line.part, panel))
        for line in lines
    ]
    members: dict[tuple[str, str], list[Line]] = {}
    for line, run_id, role, _ in found:
        if role == "member" and len(line.x):
            members.setdefault((runs[run_id].group, line.part), []).append(line)
    for (group, part), of in members.items():
        if len(of) > 1:
            found.append(Drawn(_mean(of, panel), GROUP + group, "mean", _is_quiet(part, panel)))
    return sorted(found, key=lambda one: DEPTHS[one.role] - one.is_quiet)


def smoothed(y: Numbers, share: float) -> Numbers:
    """An exponential mean over a share of a line, without the bias of its start."""
    length = share * len(y)
    if length <= 1:
        return y
    decay = 1 - 2 / (length + 1)
    totals = accumulate(y.tolist(), lambda total, value: decay * total + value)
    weights = (1 - decay ** np.arange(1, len(y) + 1)) / (1 - decay)
    found: Numbers = np.fromiter(totals, "float64", len(y)) / weights
    return found


def _members(lines: Sequence[Line], runs: Mapping[str, Member]) -> set[str]:
    """The runs that share a group with another one that has a line."""
    groups = {line.run_id: runs[line.run_id].group for line in lines}
    sizes = Counter(groups.values())
    return {run_id for run_id, group in groups.items() if group and sizes[group] > 1}


def _role(line: Line, in_groups: set[str]) -> Role:
    if line.is_superseded:
        return "old"
    return "member" if line.run_id in in_groups else "line"


def _is_quiet(part: str, panel: Panel) -> bool:
    return part == "train" and len(panel.parts) > 1


def _mean(members: Sequence[Line], panel: Panel) -> Line:
    """The mean of lines, and one standard deviation around it."""
    x = np.unique(np.concatenate([line.x for line in members]))
    at = np.stack([np.interp(x, line.x, line.y, left=np.nan, right=np.nan) for line in members])
    count = np.isfinite(at).sum(axis=0)
    mean = np.nansum(at, axis=0) / count
    squares = np.nansum((at - mean) ** 2, axis=0)
    spread = np.sqrt(squares / np.maximum(count - 1, 1))
    low = mean - spread
    if panel.log:
        low = np.where(low > 0, low, mean)
    place = int(np.argmin(mean) if panel.better == "less" else np.argmax(mean))
    best = Best(float(x[place]), float(mean[place])) if panel.better else None
    return replace(members[0], x=x, y=mean, band=(low, mean + spread), best=best, odd=None)
