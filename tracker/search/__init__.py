"""The search language: filter and order_by text -> SQL clauses with bound values.

A filter compares fields with values::

    metrics.accuracy > 0.9 AND params.model = 'cnn'
    NOT (tags.`old run` IS NULL OR status IN ('FAILED', 'KILLED'))
    params.lr BETWEEN 0.001 AND 0.1 AND datasets.context = 'train'

* fields: `metrics.`, `params.`, `tags.`, `datasets.` (name, digest, context) and the attributes
  run_id, run_name, status, user_id, artifact_uri, start_time, end_time, with or without
  `attributes.`; for experiments `tags.`, name, experiment_id, creation_time, last_update_time;
  for registered models `tags.`, name, creation_timestamp, last_updated_timestamp; for their
  versions also version_number, run_id, source_path.
  A name with blanks stands in backticks.
* operators: = != < <= > >= LIKE ILIKE IN BETWEEN IS NULL; the last five take a NOT.
* AND, OR, NOT and parentheses join comparisons.

What MLflow can read means what it means there: a run without the field fulfils no comparison, `!=`
included; texts are compared as written, with no escapes inside quotes; NaN fulfils `!=` only.
Beyond MLflow: `NOT x` holds for every run for which x does not; a parameter or tag compared with a
number is compared as a number, and one that is no number fulfils nothing; nan, inf and -inf are
numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.search.compiler import Search as Search
    from tracker.search.syntax import Field

__all__ = ["compile_experiment_search", "compile_run_search", "logged_fields"]


def compile_run_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order runs.

    Args:
        filter_string: A filter; empty or None selects every run.
        order_by: Fields, each with ASC, DESC or nothing. What is equal there comes by
            descending start time, then by run id.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.

    >>> search = compile_run_search("params.model = 'cnn'", ["start_time"])
    >>> search.where, search.where_params
    ('(field_0.value = ?)', ('cnn',))
    """
    # Lazy: the grammar takes 15 ms to import, more than the rest of the tracker.
    from tracker.search.compiler import RUNS, compile_search  # noqa: PLC0415
    from tracker.search.fields import RUN_FIELDS  # noqa: PLC0415
    from tracker.search.parser import parse_filter, parse_order_by  # noqa: PLC0415

    tree = parse_filter(filter_string or "", RUN_FIELDS)
    orderings = parse_order_by(order_by or [], RUN_FIELDS)
    return compile_search(RUNS, tree, orderings, ["runs.start_time DESC", "runs.run_uuid"])


def logged_fields(filter_string: str | None, order_by: Sequence[str] | None) -> list[Field]:
    """The metrics, parameters and tags that a filter and an order of runs name, each once.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.
    """
    from tracker.search.fields import RUN_FIELDS  # noqa: PLC0415
    from tracker.search.parser import parse_filter, parse_order_by  # noqa: PLC0415
    from tracker.search.syntax import Comparison, Entity, Not  # noqa: PLC0415

    found: list[Field] = []
    tree = parse_filter(filter_string or "", RUN_FIELDS)
    nodes = [tree] if tree is not None else []
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, Comparison):
            found.append(node.field)
        else:
            nodes[:0] = [node.term] if isinstance(node, Not) else node.terms
    found += [ordering.field for ordering in parse_order_by(order_by or [], RUN_FIELDS)]
    logged = (Entity.METRIC, Entity.PARAM, Entity.TAG)
    return [field for field in dict.fromkeys(found) if field.entity in logged]


def compile_experiment_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order experiments.

    Args:
        filter_string: A filter; empty or None selects every experiment.
        order_by: Fields, each with ASC, DESC or nothing; the newest first where there is none.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.
    """
    from tracker.search.compiler import EXPERIMENTS, compile_search  # noqa: PLC0415
    from tracker.search.fields import EXPERIMENT_FIELDS  # noqa: PLC0415
    from tracker.search.parser import parse_filter, parse_order_by  # noqa: PLC0415

    tree = parse_filter(filter_string or "", EXPERIMENT_FIELDS)
    entries = order_by or ["creation_time DESC", "experiment_id ASC"]
    orderings = parse_order_by(entries, EXPERIMENT_FIELDS)
    return compile_search(EXPERIMENTS, tree, orderings, ["experiments.experiment_id DESC"])


def compile_model_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order registered models.

    Args:
        filter_string: A filter; empty or None selects every model.
        order_by: Fields, each with ASC, DESC or nothing; by name where there is none.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.
    """
    from tracker.search.compiler import MODELS, compile_search  # noqa: PLC0415
    from tracker.search.fields import MODEL_FIELDS  # noqa: PLC0415
    from tracker.search.parser import parse_filter, parse_order_by  # noqa: PLC0415

    tree = parse_filter(filter_string or "", MODEL_FIELDS)
    orderings = parse_order_by(order_by or [], MODEL_FIELDS)
    return compile_search(MODELS, tree, orderings, ["registered_models.name"])


def compile_version_search(filter_string: str | None, order_by: Sequence[str] | None) -> Search:
    """The clauses that select and order versions of registered models.

    Args:
        filter_string: A filter; empty or None selects every version.
        order_by: Fields, each with ASC, DESC or nothing; the last updated first where there is
            none.

    Raises:
        FilterError: The filter or an entry of order_by cannot be read.
    """
    from tracker.search.compiler import VERSIONS, compile_search  # noqa: PLC0415
    from tracker.search.fields import VERSION_FIELDS  # noqa: PLC0415
    from tracker.search.parser import parse_filter, parse_order_by  # noqa: PLC0415

    tree = parse_filter(filter_string or "", VERSION_FIELDS)
    orderings = parse_order_by(order_by or ["last_updated_timestamp DESC"], VERSION_FIELDS)
    ties = ["model_versions.name", "model_versions.version DESC"]
    return compile_search(VERSIONS, tree, orderings, ties)
