"""The error for a name that is not there: a typo, another tracker's verb, or a part of MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.exceptions import UnsupportedError
from tracker.text import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

# What other trackers call it: Weights & Biases, TensorBoard, Neptune, Aim.
OTHER_TRACKERS: Final = {
    "init": "start_run(run_name=…) starts a run",
    "finish": "end_run() ends the active run",
    "log": "log_metrics({'loss': 0.3}, step=1) logs metrics",
    "config": "log_params({'lr': 0.01}) logs the configuration",
    "summary": "log_metric('best_accuracy', 0.98) logs a single value",
    "run": "active_run() is the active run",
    "save": "log_artifact('model.pt') stores a file",
    "Table": "log_table({'text': […]}, 'table.json') stores a table",
    "Artifact": "log_artifact('model.pt') stores a file",
    "Api": "search_runs() finds runs",
    "login": "runs are written to a local file, so that no login is needed",
    "watch": "log_metrics logs what you compute from the gradients",
    "add_scalar": "log_metric('loss', 0.3, step=1) logs a number",
    "add_scalars": "log_metrics({'loss': 0.3}, step=1) logs numbers",
    "add_image": "log_image(image, key='samples', step=1) logs an image",
    "add_figure": "log_figure(figure, 'figure.png') stores a figure",
    "add_text": "log_text('…', 'notes.txt') stores a text",
    "add_hparams": "log_params({'lr': 0.01}) logs the configuration",
    "track": "log_metric('loss', 0.3, step=1) logs a number",
    "log_hyperparams": "log_params({'lr': 0.01}) logs the configuration",
    "log_parameter": "log_param('lr', 0.01) logs a parameter",
    "log_parameters": "log_params({'lr': 0.01}) logs parameters",
}
# Parts of MLflow's API whose verbs are named for what they work on.
MLFLOW_ONLY: Final = (
    *("trace", "span", "assessment", "feedback", "expectation", "prompt", "evaluat", "genai"),
    *("gateway", "deployment", "projects", "recipes", "workspace", "webhook", "skill", "mcp"),
    *("logged_model", "active_model", "issue", "session", "dataset_", "outputs", "spark", "doctor"),
)


def missing(owner: str, name: str, known: Iterable[str]) -> UnsupportedError:
    """The error for `owner.name`, with the nearest known name or what to use instead.

    Args:
        owner: What was asked for the name, such as "tracker".
        name: The name that is not there.
        known: The names that are.

    >>> print(missing("tracker", "log_metrc", ["log_metric", "log_param"]))
    tracker has no 'log_metrc'; did you mean 'log_metric'?
    >>> print(missing("tracker", "finish", ["end_run"]))
    tracker has no 'finish': end_run() ends the active run.
    """
    if name in OTHER_TRACKERS:
        return UnsupportedError(f"{owner} has no {name!r}: {OTHER_TRACKERS[name]}.")
    near = closest(name, known)
    if any(part in name.lower() for part in MLFLOW_ONLY) or near is None:
        return UnsupportedError(
            f"{owner} has no {name!r}: it keeps experiments, runs, metrics, parameters, tags, data "
            f"sets, artifacts and models; traces, prompts, evaluation and deployment need MLflow "
            f"itself."
        )
    return UnsupportedError(f"{owner} has no {name!r}; did you mean {near!r}?")


def public_names(kind: type) -> list[str]:
    """The public attributes of a class."""
    return [name for name in dir(kind) if not name.startswith("_")]
