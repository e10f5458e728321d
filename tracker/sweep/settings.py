"""How a sweep searches: what it optimizes, by which sampler and pruner, from which seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from tracker.exceptions import InvalidValueError
from tracker.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["minimize", "maximize"]

DIRECTIONS: Final = ("minimize", "maximize")
SAMPLERS: Final = ("tpe", "random", "grid")
PRUNERS: Final = ("median", "none")


@dataclass(frozen=True)
class SweepSettings:
    """The settings of a sweep, which stay the same when it is resumed.

    Args:
        metric: The metric that trials report and the search optimizes.
        direction: "minimize" or "maximize".
        sampler: "tpe", "random" or "grid".
        pruner: "median", or "none" to train every trial to its end.
        seed: The same seed and history give the same proposals.
        startup_trials: Trials at random before TPE starts.
        warmup_steps: Steps of a trial before it can be pruned.
        context: What else must be the same on resume, such as what is trained on what.
    """

    metric: str = "objective"
    direction: Direction = "minimize"
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0
    startup_trials: int = 10
    warmup_steps: int = 1
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidValueError: There is no such direction, sampler or pruner.
        """
        for kind, name, known in (
            ("direction", self.direction, DIRECTIONS),
            ("sampler", self.sampler, SAMPLERS),
            ("pruner", self.pruner, PRUNERS),
        ):
            if name not in known:
                raise InvalidValueError(
                    f"There is no {kind} {name!r}{did_you_mean(name, known, list_all=True)}"
                )

    @property
    def sign(self) -> int:
        """1 if smaller values are better, else -1."""
        return 1 if self.direction == "minimize" else -1

    def as_json(self) -> str:
        """The settings as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    def difference(self, other: SweepSettings) -> str | None:
        """The first setting that differs in `other`, in words; None if they are equal.

        What only one of them knows is of another release, and counts for nothing.
        """
        before, now = json.loads(self.as_json()), json.loads(other.as_json())
        before, now = {**before.pop("context"), **before}, {**now.pop("context"), **now}
        for name in (name for name in before if name in now):
            if before[name] != now[name]:
                return f"{name} was {before[name]!r} and is now {now[name]!r}"
        return None


def settings_from_json(text: str) -> SweepSettings:
    """The settings that `SweepSettings.as_json` wrote; keys of later releases are left out."""
    known = {each.name for each in fields(SweepSettings)}
    content = {key: value for key, value in json.loads(text).items() if key in known}
    return SweepSettings(**content)
