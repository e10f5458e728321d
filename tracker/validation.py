"""Rules for keys, names, values and ids, which are MLflow's."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from numbers import Integral
from typing import Any, Final

from tracker.entities import Dataset, DatasetInput, InputTag, RunStatus, ViewType
from tracker.exceptions import InvalidTypeError, InvalidValueError, UnsupportedError
from tracker.numbers import plain_int

MAX_KEY: Final = 250
MAX_PARAM_VALUE: Final = 6_000
MAX_TAG_VALUE: Final = 8_000
MAX_EXPERIMENT_TAG_VALUE: Final = 20_000
MAX_EXPERIMENT_NAME: Final = 500
MAX_RUN_NAME: Final = 250
# More than a database can hold; one more, or another page, still fits in 64 bits.
MAX_PAGE: Final = 50_000
MAX_RESULTS: Final = 2**61
LAST_PORT: Final = 65_535

# Columns of MLflow's tables; source, schema and profile of a data set may have any length.
_DATASET_LIMITS: Final = {"name": 500, "digest": 36, "source_type": 36}
_INPUT_TAG_LIMITS: Final = {"key": 255, "value": 500}

_KEY = re.compile(r"[/\w.\-: ]+")
_EXPERIMENT_ID = re.compile(r"\d{1,19}", re.ASCII)
_RUN_ID = re.compile(r"[0-9a-zA-Z][\w\-]{0,255}")


@lru_cache(maxsize=4096)
def check_key(kind: str, key: str) -> str:
    """The key of a metric, parameter or tag, unchanged.

    Raises:
        InvalidValueError: Names the key and the rule it breaks.
    """
    if not isinstance(key, str) or not key:
        raise InvalidValueError(f"A {kind} key is a non-empty string, not {key!r}.")
    if len(key) > MAX_KEY:
        raise InvalidValueError(
            f"The {kind} key {key[:40]!r}… has {len(key)} characters; at most {MAX_KEY} are "
            f"allowed."
        )
    if not _KEY.fullmatch(key):
        raise InvalidValueError(
            f"The {kind} key {key!r} may hold only letters, digits, underscores, dashes, dots, "
            f"colons, spaces and slashes."
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("/", "..")):
        raise InvalidValueError(
            f"The {kind} key {key!r} must be a plain relative path, such as "
            f"{posixpath.normpath(key).lstrip('/.') or 'loss'!r}."
        )
    return key


@lru_cache(maxsize=1024)
def check_keys(kind: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Several keys, unchanged; fast for a set of keys that is logged again and again.

    Raises:
        InvalidValueError: Names the first key that breaks a rule, and the rule.
    """
    return tuple(check_key(kind, key) for key in keys)


def check_mapping(kind: str, given: object) -> None:
    """Check that metrics, parameters or tags are given as a dictionary.

    Raises:
        InvalidTypeError: They are given as something else.
    """
    if not hasattr(given, "items"):
        raise InvalidTypeError(
            f"Several {kind}s are a dictionary, such as {{'name': 0.5}}, not {given!r:.60} "
            f"({type(given).__name__})."
        )


def check_run_id(run_id: str) -> str:
    """The run id, unchanged.

    Raises:
        InvalidValueError: It cannot be a run id.
    """
    if not isinstance(run_id, str) or not is_run_id(run_id):
        raise InvalidValueError(f"A run id is 32 hexadecimal digits, not {run_id!r}.")
    return run_id


def is_run_id(text: str) -> bool:
    """Whether a text can be a run id; MLflow accepts more than its own 32 digits."""
    return _RUN_ID.fullmatch(text) is not None


def check_experiment_name(name: str) -> str:
    """The experiment's name, unchanged.

    Raises:
        InvalidValueError: It is empty or too long.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidValueError(f"An experiment name is a non-empty string, not {name!r}.")
    if len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidValueError(
            f"The experiment name {name[:40]!r}… has {len(name)} characters; at most "
            f"{MAX_EXPERIMENT_NAME} are allowed."
        )
    return name


def check_synchronous(synchronous: Any) -> Any:
    """How a database is synchronized with the disk, unchanged.

    Raises:
        InvalidValueError: There is no such way.
    """
    if synchronous not in {"NORMAL", "FULL"}:
        raise InvalidValueError(f"synchronous is 'NORMAL' or 'FULL', not {synchronous!r}.")
    return synchronous


def check_status(status: str) -> str:
    """The run status as MLflow spells it.

    Raises:
        InvalidValueError: There is no such status.
    """
    try:
        return RunStatus(str(status)).value
    except ValueError:
        raise InvalidValueError(
            f"There is no run status {status!r}: choose {', '.join(RunStatus)}."
        ) from None


def check_dataset_input(given: object) -> DatasetInput:
    """A data set with its tags, unchanged.

    Raises:
        InvalidValueError: It is not a data set, or a field is missing or too long.
    """
    if not isinstance(given, DatasetInput) or not isinstance(given.dataset, Dataset):
        found = given.dataset if isinstance(given, DatasetInput) else given
        raise InvalidValueError(
            f"A run uses a data set, not {type(found).__name__}: describe it with "
            f"`tracker.data.from_pandas` or `from_numpy`, or with `tracker.Dataset(…)`."
        )
    _check_texts("data set", given.dataset, _DATASET_LIMITS)
    _check_texts("data set", given.dataset, {"source": None})
    for tag in given.tags:
        _check_texts("data set's tag", tag, _INPUT_TAG_LIMITS)
    return given


def _check_texts(kind: str, record: Dataset | InputTag, limits: Mapping[str, int | None]) -> None:
    for name, limit in limits.items():
        text = getattr(record, name)
        if not isinstance(text, str) or not text:
            raise InvalidValueError(f"A {kind} needs a {name}, a string, not {text!r}.")
        if limit is not None and len(text) > limit:
            raise InvalidValueError(
                f"The {name} {text[:40]!r}… of a {kind} has {len(text)} characters; at most "
                f"{limit} are allowed."
            )


def check_view(view: Any) -> ViewType:
    """The lifecycle stages that a search returns, also from MLflow's number for them.

    Raises:
        InvalidValueError: There is no such view.
    """
    try:
        return ViewType(view)
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"There is no view {view!r}: choose {', '.join(map(str, ViewType))}."
        ) from None


def check_experiment_id(experiment_id: object) -> str:
    """An experiment's id as text.

    Raises:
        InvalidValueError: It cannot be an experiment's id.
    """
    text = str(experiment_id) if isinstance(experiment_id, (str, Integral)) else ""
    if not _EXPERIMENT_ID.fullmatch(text):
        raise InvalidValueError(
            f"An experiment id is a number, such as '0', not {experiment_id!r}: find an experiment "
            f"by its name with `get_experiment_by_name`."
        )
    return text


def check_experiment_ids(experiment_ids: object) -> list[str]:
    """Experiment ids as strings; a single id does not need a list around it.

    Raises:
        InvalidValueError: It is neither an id nor a list of them.
    """
    if isinstance(experiment_ids, (str, Integral)):
        return [] if experiment_ids == "" else [str(experiment_ids)]
    ids = list(experiment_ids) if isinstance(experiment_ids, Iterable) else [None]
    if not all(isinstance(experiment_id, (str, Integral)) for experiment_id in ids):
        raise InvalidValueError(f"experiment_ids is a list, such as ['0'], not {experiment_ids!r}.")
    return list(map(str, ids))


def check_max_results(max_results: object) -> int:
    """The largest number of results of a search.

    Raises:
        InvalidValueError: It is not an integer above 0.
    """
    limit = plain_int("max_results", max_results)
    if limit < 1:
        raise InvalidValueError(f"max_results is at least 1, not {max_results!r}.")
    return min(limit, MAX_RESULTS)


def check_page(max_results: object, page_token: str | None, default: int) -> tuple[int, int]:
    """The length of a page, and the number of results before it.

    Args:
        max_results: None for the default.
        page_token: None or "" for the first page.
        default: Length of a page.

    Raises:
        InvalidValueError: An argument is not a valid limit or token.
    """
    limit = default if max_results is None else check_max_results(max_results)
    if limit > MAX_PAGE:
        raise InvalidValueError(
            f"max_results is at most {MAX_PAGE}, not {max_results!r}: pass the `token` of each "
            f"page as page_token, or use the fluent search, which has no pages."
        )
    offset = str(page_token or 0)
    if not offset.isdecimal() or int(offset) > MAX_RESULTS:
        raise InvalidValueError(
            f"{page_token!r} is not a page token: pass the `token` of the page before."
        )
    return limit, int(offset)


def refuse(**arguments: object) -> None:
    """Raise for arguments of MLflow that the tracker does not support.

    Raises:
        UnsupportedError: One is given; the message names it.
    """
    for name, value in arguments.items():
        if value is not None:
            raise UnsupportedError(
                f"The tracker has no counterpart to the argument {name!r} ({value!r}): logged "
                f"models of MLflow 3 and traces need MLflow itself; leave it out."
            )
