"""The rule by which a trained network replaces the registered champion.

The candidate and the champion are compared on the same test images, by the digest of the data set.
The version is registered either way, with the decision and the reason in its tags.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tracker.exceptions import NotFoundError
from tracker.models import MODEL_FOLDER, has_model
from tracker.promotion import Decision, promote
from tracker.tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_PARENT_RUN_ID,
    PROMOTION_DIGEST,
    PROMOTION_METRIC,
    PROMOTION_RULE,
    PROMOTION_VALUE,
)
from tracker.text import did_you_mean
from training.errors import PromotionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker import TrackingClient
    from tracker.entities import ModelVersion, Run
    from training.config import Promotion

SUMMARY = "evaluation/summary.json"


def promote_best(
    client: TrackingClient, rule: Promotion, run_ids: Iterable[str]
) -> tuple[ModelVersion, Decision] | None:
    """Register the best of some runs, or of their child runs, and promote it if the rule says so.

    Returns:
        The version and the decision; None if no run finished with a model.

    Raises:
        PromotionError: The rule names a metric or a data set that the best run lacks.
        TrackerError: The registry cannot be written.
    """
    runs = [client.get_run(run_id) for run_id in run_ids]
    finished = [run for parent in runs for run in _with_model(client, parent)]
    if not finished:
        return None
    best = max(finished, key=lambda run: rule.better_key(_metric(run, rule.metric)))
    return promote_run(client, rule, best)


def promote_winner(client: TrackingClient, rule: Promotion, run_id: str) -> str:
    """Register a sweep's winner as `promote_best` does, once; the sentence that says what happened.

    A sweep that goes on and finds nothing better ends with the winner it had.

    Raises:
        PromotionError: The rule names a metric or a data set that the run lacks.
        TrackerError: The registry cannot be written.
    """
    name = str(rule.model)
    known = [v for v in client.search_model_versions(f"run_id = '{run_id}'") if v.name == name]
    if known:
        return f"{name}: the winner is version {known[0].version} already."
    return sentence(name, *promote_run(client, rule, client.get_run(run_id)))


def promote_run(client: TrackingClient, rule: Promotion, run: Run) -> tuple[ModelVersion, Decision]:
    """Register a run's network and promote it if the rule says so.

    Raises:
        PromotionError: The rule names a metric or a data set that the run lacks, or has no model.
        TrackerError: The registry cannot be written.
    """
    if rule.model is None:
        raise PromotionError("promotion.model is not set; name the registered model there")
    value, digest = _metric(run, rule.metric), _digest(run, rule.data_set_of(run_sets(run)))
    blocked = _blocked_by(client, rule, run, value)

    def decide(champion: ModelVersion | None) -> Decision:
        tags = {
            PROMOTION_METRIC: rule.metric,
            PROMOTION_VALUE: f"{value:.6g}",
            PROMOTION_DIGEST: digest,
            PROMOTION_RULE: rule.model_dump_json(),
        }
        return Decision(*_decide(client, rule, champion, value, digest, blocked), tags)

    return promote(client, rule.model, run.info.run_id, MODEL_FOLDER, decide)


def sentence(name: str, version: ModelVersion, decision: Decision) -> str:
    """What happened to a version, and why."""
    became = "champion" if decision.promoted else "challenger"
    return f"{name}: version {version.version} is {became}. {decision.why}"


def run_sets(run: Run) -> dict[str, str]:
    """The test sets of a run: name -> digest."""
    return {
        entry.dataset.name: entry.dataset.digest
        for entry in run.inputs.dataset_inputs
        if any(t.key == MLFLOW_DATASET_CONTEXT and t.value == "test" for t in entry.tags)
    }


def _decide(
    client: TrackingClient,
    rule: Promotion,
    champion: ModelVersion | None,
    value: float,
    digest: str,
    blocked: str | None,
) -> tuple[bool, str]:
    """Whether the candidate becomes the champion, and the sentence why."""
    if blocked is not None:
        return False, blocked
    if champion is None:
        return True, f"{rule.metric} {value:.4f}: the first champion."
    try:
        run = client.get_run(str(champion.run_id))
    except NotFoundError:
        return True, f"{rule.metric} {value:.4f}: the run of champion {champion.version} is gone."
    if digest not in run_sets(run).values():
        return False, f"Champion {champion.version} was tested on other images; compare by hand."
    return _compared(rule, value, _metric(run, rule.metric), champion.version)


def _compared(rule: Promotion, value: float, held: float, version: int) -> tuple[bool, str]:
    """Whether a value beats the champion's by the margin, and the sentence why."""
    gain = rule.better_key(value) - rule.better_key(held)
    numbers = f"{rule.metric} {value:.4f} against {held:.4f} of champion {version}"
    needed = f"{rule.margin:.4f} needed"
    if gain > 0 and gain >= rule.margin:
        return True, f"{numbers}: better by {gain:.4f}, {needed}."
    if gain > 0:
        return False, f"{numbers}: better by only {gain:.4f}, {needed}."
    return False, f"{numbers}: not better."


def _blocked_by(client: TrackingClient, rule: Promotion, run: Run, value: float) -> str | None:
    """The sentence of the first limit that the candidate misses; None if it meets all."""
    if rule.minimum is not None and rule.better_key(value) < rule.better_key(rule.minimum):
        return f"{rule.metric} {value:.4f} misses the minimum of {rule.minimum:.4f}."
    if rule.max_calibration_error is None and rule.min_class_recall is None:
        return None
    scores = _summary(client, run)[rule.scores]
    error = float(scores["calibration"]["ece"])
    if rule.max_calibration_error is not None and error > rule.max_calibration_error:
        return f"Calibration error {error:.4f} is above {rule.max_calibration_error:.4f}."
    worst = min(scores["per_class"], key=lambda row: row["recall"])
    if rule.min_class_recall is not None and worst["recall"] < rule.min_class_recall:
        return (
            f"Recall {worst['recall']:.4f} of digit {worst['label']} is below "
            f"{rule.min_class_recall:.4f}."
        )
    return None


def _with_model(client: TrackingClient, run: Run) -> list[Run]:
    """The run, or its child runs, as far as they finished with a model."""
    children = client.search_runs(
        [run.info.experiment_id],
        f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run.info.run_id}' AND attributes.status = 'FINISHED'",
    )
    return [found for found in (run, *children) if _has_model(client, found)]


def _has_model(client: TrackingClient, run: Run) -> bool:
    return run.info.status == "FINISHED" and has_model(client, run.info.run_id)


def _metric(run: Run, key: str) -> float:
    """A metric of a run.

    Raises:
        PromotionError: The run lacks it.
    """
    if key not in run.data.metrics:
        hint = did_you_mean(key, run.data.metrics)
        raise PromotionError(f"promotion.metric: run {run.info.run_name} has no {key!r}{hint}")
    return run.data.metrics[key]


def _digest(run: Run, name: str) -> str:
    """The digest of a run's test set.

    Raises:
        PromotionError: The run lacks it.
    """
    sets = run_sets(run)
    if name not in sets:
        hint = did_you_mean(name, sets, list_all=True)
        raise PromotionError(f"promotion.data_set: run {run.info.run_name} has no {name!r}{hint}")
    return sets[name]


def _summary(client: TrackingClient, run: Run) -> dict[str, Any]:
    path = client.artifacts(run.info.run_id).local_path(SUMMARY)
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found
