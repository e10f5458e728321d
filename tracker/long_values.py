"""Texts longer than their column is meant to hold: cut for the database, kept whole as artifacts.

A long value must not end a training run. It is cut with one warning, and the whole text is kept
among the run's artifacts under `long_values/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tracker import environment
from tracker.exceptions import InvalidValueError, warn
from tracker.validation import MAX_EXPERIMENT_TAG_VALUE, check_key, check_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping


class Shortened(NamedTuple):
    """Texts as they go into the database, and the whole of those that were cut.

    Args:
        stored: Key to text.
        whole: Artifact path to text, such as `long_values/tags/prompt.txt`.
    """

    stored: dict[str, str]
    whole: dict[str, str]


def as_texts(kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters or tags as text.

    Args:
        kind: "parameter" or "tag", for the message.
        values: Key to value; anything that `str` takes.

    Raises:
        InvalidTypeError: It is no dictionary.
        InvalidValueError: A key breaks a rule.
    """
    check_mapping(kind, values)
    return {check_key(kind, key): str(value) for key, value in values.items()}


def experiment_texts(tags: Mapping[str, Any]) -> dict[str, str]:
    """An experiment's tags as text; nothing is cut, an experiment has no artifacts to keep it in.

    Raises:
        InvalidValueError: A key breaks a rule, or a value has more than 20,000 characters.
    """
    texts = as_texts("tag", tags)
    for key, text in texts.items():
        if len(text) > MAX_EXPERIMENT_TAG_VALUE:
            raise InvalidValueError(
                f"The experiment's tag {key!r} has {len(text)} characters; at most "
                f"{MAX_EXPERIMENT_TAG_VALUE} are allowed: log it as an artifact of a run."
            )
    return texts


def shorten(kind: str, texts: dict[str, str], limit: int) -> Shortened:
    """Cut each text that has more than `limit` characters, with a warning.

    Args:
        kind: "parameter" or "tag", for the warning and the artifact's folder.
        texts: Key to text.
        limit: Characters.

    Raises:
        InvalidValueError: One is too long and the environment variable
            `TRACKER_TRUNCATE_LONG_VALUES` is false.
    """
    if max(map(len, texts.values()), default=0) <= limit:
        return Shortened(texts, {})
    folder = "params" if kind == "parameter" else f"{kind}s"
    whole = {
        f"long_values/{folder}/{key}.txt": text for key, text in texts.items() if len(text) > limit
    }
    return Shortened({key: _cut(kind, key, text, limit) for key, text in texts.items()}, whole)


def shorten_run_name(name: str, limit: int) -> tuple[str, dict[str, str]]:
    """A run's name cut to `limit` characters with a warning, and its whole by artifact path."""
    whole = {"long_values/run_name.txt": name} if len(name) > limit else {}
    return _cut("run", "name", name, limit), whole


def _cut(kind: str, key: str, text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    if not environment.is_on(environment.TRACKER_TRUNCATE_LONG_VALUES, default=True):
        raise InvalidValueError(
            f"The {kind} {key!r} has {len(text)} characters; at most {limit} are allowed, since "
            f"{environment.source_of(environment.TRACKER_TRUNCATE_LONG_VALUES)} is false."
        )
    warn(
        f"The {kind} {key!r} has {len(text)} characters and is cut to {limit}; the whole text is "
        f"kept among the run's artifacts under long_values/."
    )
    return text[:limit]
