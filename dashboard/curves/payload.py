"""What panels of curves are made of: sections, panels, lines, and how they are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

# What x is: a step, seconds since the run's start, seconds since the epoch, percent of the run.
Axis = Literal["step", "relative", "wall", "share"]
# How runs of one group are drawn: mean and standard deviation, the mean, or each run by itself.
Spread = Literal["std", "mean", "runs"]
Zoom = dict[str, Any]


class Best(NamedTuple):
    """The best value of a line, and where it was logged."""

    x: float
    y: float


class Odd(NamedTuple):
    """Where values were not finite, in ascending order, and what they were ('NaN', '∞', '-∞')."""

    x: NDArray[np.float64]
    kinds: list[str]


@dataclass(frozen=True)
class Line:
    """One metric of one run.

    Args:
        run_id: The run.
        part: Of the data: 'train', 'validation', 'test' or ''.
        x: Places on the axis, ascending.
        y: The value at each place.
        band: The least and the greatest values there; None to draw no band.
        best: None where no end of the axis is better.
        odd: Values without a place on the y axis.
        is_superseded: Whether a later attempt logged these steps again.
    """

    run_id: str
    part: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    band: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    best: Best | None = None
    odd: Odd | None = None
    is_superseded: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot.

    Args:
        name: Its subject.
        note: Beside the name, such as the metrics' names.
        lines: What it shows.
        parts: Of the data, the one that models are judged by first.
        better: 'less', 'more' or '': which values are read out first.
        log: Whether y is logarithmic.
        csv: Where all points are offered.
        is_wide: Whether it takes a row of its own.
        against: The metric on the x axis, where it is none of the shared axes.
    """

    name: str
    note: str
    lines: Sequence[Line]
    parts: Sequence[str] = ("",)
    better: str = ""
    log: bool = False
    csv: str = ""
    is_wide: bool = False
    against: str = ""


@dataclass(frozen=True)
class Results:
    """A metric that runs logged once: bars, dots or strips.

    Args:
        name: The metric.
        values: Run id and value.
        better: 'less', 'more' or ''.
        csv: Where all points are offered.
    """

    name: str
    values: Sequence[tuple[str, float]]
    better: str = ""
    csv: str = ""


@dataclass(frozen=True)
class Section:
    """Panels under a title that folds them; those under an empty title are always seen."""

    title: str
    note: str
    panels: Sequence[Panel | Results]


@dataclass(frozen=True)
class Member:
    """How a run, or a group of runs, is shown.

    Args:
        label: Its name.
        color: Hexadecimal.
        group: The key of a run's group, if it has one.
    """

    label: str
    color: str
    group: str = ""


@dataclass(frozen=True)
class Look:
    """What all panels share.

    Args:
        axis: What x is.
        width: Of one bucket in steps; values between are thinned to it.
        smoothing: The part of a line that its exponential mean goes over, in [0, 1).
        spread: How groups are drawn.
        log_x: Whether x is logarithmic, where it is no clock.
        zoom: See `zoom.current`.
        legend: Sign ('line', 'thin', 'band', 'dot', 'mark') and meaning.
    """

    axis: Axis = "step"
    width: int = 1
    smoothing: float = 0.0
    spread: Spread = "std"
    log_x: bool = False
    zoom: Zoom = field(default_factory=lambda: {"x": {}, "y": {}})
    legend: Sequence[tuple[str, str]] = ()
