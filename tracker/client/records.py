"""What a run records: metrics, parameters, tags, data sets."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal

from tracker import validation as check
from tracker.client.opened import OpenedDatabase, now
from tracker.client.operations import DONE
from tracker.client.texts import cut, cut_all, texts_of, too_long
from tracker.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from tracker.exceptions import InvalidValueError
from tracker.store.metrics import Series
from tracker.store.store import RUN_NAME_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.client.operations import RunOperations
    from tracker.store.metrics import Point

CONTEXT_TAG: Final = "mlflow.data.context"


class RecordVerbs(OpenedDatabase):
    """Logging and reading what belongs to a run."""

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,  # noqa: FBT001
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Add one point to a metric's history; it survives a killed process when this returns.

        Args:
            run_id: Which run.
            key: The metric's name.
            value: A Python, numpy or one-element torch number; NaN and ±infinity are kept.
            timestamp: Milliseconds since the epoch; now by default.
            step: Any whole number; 0 by default.
            synchronous: False asks for an operation to wait for, which is done already: every
                verb that takes this argument is synchronous.
            dataset_name: Refused, as is
            dataset_digest: and
            model_id: points belong to runs only.

        Raises:
            InvalidValueError: The key or a number breaks a rule.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
            UnsupportedError: A model or a data set is named.
        """
        if model_id is not None or dataset_name is not None or dataset_digest is not None:
            check.refuse(
                model_id=model_id, dataset_name=dataset_name, dataset_digest=dataset_digest
            )
        if type(run_id) is not str:
            check.check_run_id(run_id)
        self.store.log_points(run_id, [_point(run_id, key, value, timestamp, step)])
        return DONE if synchronous is False else None

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write metrics, parameters and tags together or not at all.

        Raises:
            InvalidValueError: A key or value breaks a rule; nothing is written.
            ParamConflictError: A parameter was logged before with another value.
        """
        points = [_point(run_id, m.key, m.value, m.timestamp, m.step) for m in metrics]
        self._log(
            run_id,
            points,
            {param.key: param.value for param in _unique_params(params)},
            {tag.key: tag.value for tag in tags},
        )
        return DONE if synchronous is False else None

    def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, Any],
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Add one point to each of several metrics, in one transaction.

        Raises:
            InvalidValueError: A key or a number breaks a rule; nothing is written.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        if type(run_id) is not str:
            check.check_run_id(run_id)
        check.check_keys("metric", tuple(metrics))
        moment = now() if timestamp is None else check.plain_moment(timestamp)
        counter = 0 if step is None else check.plain_int("step", step)
        points = [
            (key, value, moment, counter, 0, run_id)
            if type(value) is float and isfinite(value)
            else _point(run_id, key, value, moment, counter)
            for key, value in metrics.items()
        ]
        self.store.log_points(run_id, points)
        return DONE if synchronous is False else None

    def log_history(
        self,
        run_id: str,
        key: str,
        values: Sequence[Any],
        steps: Sequence[int] | None = None,
        timestamps: Sequence[int] | None = None,
    ) -> None:
        """Add many points of one metric in one transaction.

        Args:
            run_id: Which run.
            key: The metric's name.
            values: (N,) numbers; a list or a numpy array.
            steps: (N,) whole numbers; 0 … N-1 by default.
            timestamps: (N,) milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: The lengths differ, or an element is not a number.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        check.check_run_id(run_id)
        check.check_key("metric", key)
        numbers = check.plain_floats(key, values)
        counted = range(len(numbers)) if steps is None else check.plain_ints("step", steps)
        moments = now() if timestamps is None else check.plain_moments(timestamps)
        given = len(numbers) if isinstance(moments, int) else len(moments)
        if not len(numbers) == len(counted) == given:
            raise InvalidValueError(
                f"The history of {key!r} has {len(numbers)} values, {len(counted)} steps and "
                f"{given} timestamps; give as many of each."
            )
        stored, is_nan = check.stored_values(numbers)
        self.store.log_series(run_id, Series(key, stored, moments, counted, is_nan))

    def log_param(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> Any:
        """Write a parameter once and return its value.

        Raises:
            ParamConflictError: It was logged before with another value.
        """
        self._log(run_id, (), {key: value}, {})
        return DONE if synchronous is False else value

    def log_params(
        self,
        run_id: str,
        params: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Write several parameters once, all or none."""
        self._log(run_id, (), params, {})
        return DONE if synchronous is False else None

    def set_tag(
        self,
        run_id: str,
        key: str,
        value: Any,
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite a tag."""
        self._log(run_id, (), {}, {key: value})
        return DONE if synchronous is False else None

    def set_tags(
        self,
        run_id: str,
        tags: Mapping[str, Any],
        synchronous: bool | None = None,  # noqa: FBT001
    ) -> RunOperations | None:
        """Set or overwrite several tags, all or none."""
        self._log(run_id, (), {}, tags)
        return DONE if synchronous is False else None

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_tag(run_id, key)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Say which data sets a run used, all or none.

        Raises:
            InvalidValueError: One is no data set, or lacks a name, a digest or a source.
            UnsupportedError: Models are named.
        """
        check.refuse(models=models)
        check.check_run_id(run_id)
        self.store.log_inputs(run_id, [check.check_dataset_input(used) for used in datasets or ()])

    def log_input(
        self,
        run_id: str,
        dataset: Dataset,
        context: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Say that a run used a data set.

        Args:
            run_id: Which run.
            dataset: What it was.
            context: What for: "train", "validation", "test".
            tags: More about the use.

        Raises:
            InvalidValueError: It is no data set, or lacks a name, a digest or a source.
        """
        self.log_inputs(run_id, [dataset_input(dataset, context, tags)])

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of one metric by (step, timestamp).

        Raises:
            NotFoundError: There is no such run.
        """
        return self.store.get_metric_history(run_id, key)

    def best_step(self, run_id: str, key: str, mode: Literal["min", "max"] = "min") -> int | None:
        """The first step at which a metric was lowest or highest; None without a number.

        Raises:
            InvalidValueError: `mode` is neither "min" nor "max".
        """
        if mode not in {"min", "max"}:
            raise InvalidValueError(f"best_step takes mode 'min' or 'max', not {mode!r}.")
        return self.store.best_step(run_id, key, mode)

    def _log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, Any],
        tags: Mapping[str, Any],
    ) -> None:
        check.check_run_id(run_id)
        param_texts, tag_texts = texts_of("parameter", params), texts_of("tag", tags)
        long = too_long("params", param_texts, check.MAX_PARAM_VALUE)
        long |= too_long("tags", tag_texts, check.MAX_TAG_VALUE)
        if RUN_NAME_TAG in tag_texts:
            name = cut("run", "name", tag_texts.pop(RUN_NAME_TAG), check.MAX_RUN_NAME)
            tag_texts |= {RUN_NAME_TAG: name} if name else {}
        self.store.log_batch(
            run_id,
            points,
            cut_all("parameter", param_texts, check.MAX_PARAM_VALUE),
            cut_all("tag", tag_texts, check.MAX_TAG_VALUE),
        )
        self._keep_long_texts(run_id, long)


def dataset_input(
    dataset: Dataset, context: str | None, tags: Mapping[str, Any] | None
) -> DatasetInput:
    """A data set with the tags that say what it is used for."""
    marks = dict(tags or {})
    if context is not None:
        marks[CONTEXT_TAG] = context
    return DatasetInput(dataset, [InputTag(key, str(value)) for key, value in marks.items()])


def _point(run_id: str, key: str, value: Any, timestamp: int | None, step: int | None) -> Point:
    check.check_key("metric", key)
    number = value if type(value) is float else check.plain_float(key, value)
    stored, is_nan = check.stored_value(number)
    moment = now() if timestamp is None else check.plain_moment(timestamp)
    counter = 0 if step is None else check.plain_int("step", step)
    return key, stored, moment, counter, is_nan, run_id


def _unique_params(params: Sequence[Param]) -> Sequence[Param]:
    seen: dict[str, str] = {}
    for param in params:
        if str(seen.setdefault(param.key, param.value)) != str(param.value):
            raise InvalidValueError(
                f"The batch gives the parameter {param.key!r} twice, as {seen[param.key]!r} and "
                f"{param.value!r}."
            )
    return params
