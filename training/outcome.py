"""How a run of the study ended."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """How a run ended. Accuracies are shares of 1; `metrics` is empty where it failed.

    `spread` holds standard deviations under the names of `metrics`, where there are several seeds.
    """

    name: str
    run_id: str
    run_name: str
    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
