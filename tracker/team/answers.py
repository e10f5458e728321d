"""A server's JSON answers as the tracker's entities.

What a server answers is not trusted: a field may be missing or of another type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from tracker.numbers import read_value

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_list(answer: object, name: str) -> list[Any]:
    """A list in an answer; empty where it is missing."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return found if isinstance(found, list) else []


def read_texts(answer: object, name: str) -> dict[str, str]:
    """Parameters or tags in an answer."""
    return {
        str(pair.get("key")): str(pair.get("value", ""))
        for pair in read_list(answer, name)
        if isinstance(pair, dict)
    }


def read_int(value: object) -> int:
    """An integer, which JSON may carry as a text."""
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def read_number(value: object) -> float:
    """A float; servers with an SQL database answer with the largest ones for infinities."""
    try:
        return read_value(float(value), 0)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def read_point(point: object) -> tuple[float, int, int]:
    """A point of a metric: value, timestamp in ms, step."""
    found = point if isinstance(point, dict) else {}
    value = read_number(found.get("value"))
    return value, read_int(found.get("timestamp")), read_int(found.get("step"))


def read_experiment(answer: object) -> Experiment:
    """An experiment."""
    found = answer if isinstance(answer, dict) else {}
    return Experiment(
        experiment_id=str(found.get("experiment_id", "")),
        name=str(found.get("name", "")),
        artifact_location=str(found.get("artifact_location", "")),
        lifecycle_stage=str(found.get("lifecycle_stage", LifecycleStage.ACTIVE)),
        tags=read_texts(found, "tags"),
        creation_time=read_int(found.get("creation_time")) or None,
        last_update_time=read_int(found.get("last_update_time")) or None,
    )


def read_run(answer: object) -> Run:
    """A run with what was logged."""
    found = answer if isinstance(answer, dict) else {}
    info, data = read_dict(found, "info"), read_dict(found, "data")
    end_time = info.get("end_time")
    latest = [point for point in read_list(data, "metrics") if isinstance(point, dict)]
    return Run(
        RunInfo(
            run_id=str(info.get("run_id", "")),
            run_name=str(info.get("run_name", "")),
            experiment_id=str(info.get("experiment_id", "")),
            user_id=str(info.get("user_id", "")),
            status=str(info.get("status", RunStatus.RUNNING)),
            start_time=read_int(info.get("start_time")),
            end_time=None if end_time is None else read_int(end_time),
            lifecycle_stage=str(info.get("lifecycle_stage", LifecycleStage.ACTIVE)),
            artifact_uri=str(info.get("artifact_uri", "")),
        ),
        RunData(
            {str(point.get("key")): read_number(point.get("value")) for point in latest},
            read_texts(data, "params"),
            read_texts(data, "tags"),
        ),
        RunInputs(
            list(map(read_dataset_input, read_list(read_dict(found, "inputs"), "dataset_inputs")))
        ),
    )


def read_dict(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object in an answer; empty where it is missing."""
    found = answer.get(name)
    return found if isinstance(found, dict) else {}


def read_dataset_input(answer: object) -> DatasetInput:
    """A data set that a run used."""
    found = answer if isinstance(answer, dict) else {}
    dataset = read_dict(found, "dataset")
    tags = [InputTag(key, value) for key, value in read_texts(found, "tags").items()]
    return DatasetInput(
        Dataset(
            name=str(dataset.get("name", "")),
            digest=str(dataset.get("digest", "")),
            source_type=str(dataset.get("source_type", "")),
            source=str(dataset.get("source", "")),
            schema=dataset.get("schema"),
            profile=dataset.get("profile"),
        ),
        tags,
    )
