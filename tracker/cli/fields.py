"""What a list of runs can show of a run: attributes, metrics, parameters, tags."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.tables import Column
from tracker.exceptions import InvalidValueError
from tracker.lookup import SHORT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tracker.entities import Run

RESERVED: Final = "mlflow."
# The headings of a table are names of its columns too.
_ALIASES: Final = {
    "id": "run_id",
    "run": "run_id",
    "name": "run_name",
    "started": "start_time",
    "ended": "end_time",
    "took": "duration_seconds",
    "duration": "duration_seconds",
    "user": "user_id",
    "stage": "lifecycle_stage",
}
_QUALITY: Final = re.compile("acc|loss|err|score|auc|f1|mse|mae|r2|perplex|reward|precision|recall")
_GROUPS: Final = ("metrics", "params", "tags")


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a list of runs, and how to get its value from a run."""

    column: Column
    get: Callable[[Run], Any]


class Fields:
    """All fields there are.

    Args:
        experiment_names: By id, for the field `experiment`.
        now: Milliseconds since the epoch, for what is told relative to it.
    """

    def __init__(self, experiment_names: Mapping[str, str], now: int) -> None:
        self._now = now
        self._attributes = self._make_attributes(experiment_names)

    def field(self, name: str) -> Field:
        """The field of this name.

        Raises:
            InvalidValueError: There is none; names the nearest.
        """
        group, dot, key = name.partition(".")
        if dot and group in _GROUPS:
            return _logged(group, key)
        proper = _ALIASES.get(name, name)
        if proper not in self._attributes:
            known = [*self._attributes, *_ALIASES]
            hint = text.did_you_mean(name, known, list_all=True)
            raise InvalidValueError(
                f"There is no column {name!r}{hint} (or metrics.KEY, params.KEY, tags.KEY)"
            )
        return self._attributes[proper]

    def all_of(self, runs: Sequence[Run]) -> list[Field]:
        """Everything these runs hold, for a program to read."""
        attributes = [field for name, field in self._attributes.items() if name != "artifact_uri"]
        keys = {group: {key for run in runs for key in _of(run, group)} for group in _GROUPS}
        keys["tags"] = {key for key in keys["tags"] if not key.startswith(RESERVED)}
        return attributes + [
            _logged(group, key) for group in _GROUPS for key in sorted(keys[group])
        ]

    def overview_of(self, runs: Sequence[Run], width: int | None) -> list[Field]:
        """What a reader wants to see first: who, when, how it went, and the widest-spread metrics.

        Args:
            runs: The runs to list.
            width: Terminal cells; None where there is no terminal.
        """
        names = ["run_id", "run_name", "status", "start_time", "duration_seconds"]
        if len({run.info.experiment_id for run in runs}) > 1:
            names.insert(2, "experiment")
        fields = [self._attributes[name] for name in names]
        fields[0] = replace(fields[0], column=_short_id(fields[0].column))
        return fields + [_logged("metrics", key) for key in _fitting(_common_metrics(runs), width)]

    def _make_attributes(self, experiment_names: Mapping[str, str]) -> dict[str, Field]:
        def when(milliseconds: int) -> str:
            return text.ago(milliseconds, self._now)

        fields = [
            Field(Column("run_id"), lambda run: run.info.run_id),
            Field(Column("run_name", "name", style="bold"), lambda run: run.info.run_name),
            Field(
                Column("experiment"), lambda run: experiment_names.get(run.info.experiment_id, "")
            ),
            Field(Column("experiment_id"), lambda run: run.info.experiment_id),
            Field(Column("status", style="status"), lambda run: run.info.status),
            Field(
                Column("start_time", "started", show=when, exact=text.utc_time),
                lambda run: run.info.start_time,
            ),
            Field(
                Column("end_time", "ended", show=when, exact=text.utc_time),
                lambda run: run.info.end_time,
            ),
            Field(
                Column(
                    "duration_seconds",
                    "took",
                    show=lambda milliseconds: text.duration(milliseconds / 1000),
                    exact=lambda milliseconds: milliseconds / 1000,
                    right=True,
                ),
                lambda run: duration_of(run, self._now),
            ),
            Field(Column("user_id", "user"), lambda run: run.info.user_id),
            Field(Column("lifecycle_stage", "stage"), lambda run: run.info.lifecycle_stage),
            Field(Column("artifact_uri"), lambda run: run.info.artifact_uri),
        ]
        return {field.column.name: field for field in fields}


def duration_of(run: Run, now: int) -> int | None:
    """How long a run took, or takes so far, in ms; None where it never said when it ended."""
    if run.info.start_time is None:  # Rows that other programs wrote may lack anything.
        return None
    if run.info.end_time is not None:
        return run.info.end_time - run.info.start_time
    return now - run.info.start_time if run.info.status == "RUNNING" else None


def _short_id(column: Column) -> Column:
    return replace(column, title="run", show=lambda run_id: str(run_id)[:SHORT_ID], style="dim")


def _logged(group: str, key: str) -> Field:
    name = f"{group}.{key}"
    if group == "metrics":
        column = Column(name, key, show=text.number, right=True)
        return Field(column, lambda run: run.data.metrics.get(key))
    return Field(Column(name, key), lambda run: _of(run, group).get(key))


def _of(run: Run, group: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(run.data, group)
    return found


def _common_metrics(runs: Sequence[Run]) -> list[str]:
    """What says how good a run is comes first, then what most have, then what tells them apart."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.data.metrics.items():
            if not key.startswith("system/"):
                values.setdefault(key, []).append(value)

    def rank(key: str) -> tuple[bool, int, bool, str]:
        is_quality = bool(_QUALITY.search(key.lower()))
        return not is_quality, -len(values[key]), len(set(values[key])) == 1, key

    return sorted(values, key=rank)


def _fitting(keys: Iterable[str], width: int | None, taken: int = 72, most: int = 6) -> list[str]:
    """The first keys for which the terminal has room beside `taken` cells."""
    chosen: list[str] = []
    for key in keys:
        taken += max(text.display_width(key), 6) + 2
        if len(chosen) == most or (width is not None and taken > width):
            break
        chosen.append(key)
    return chosen
