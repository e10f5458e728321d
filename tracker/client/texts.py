"""Values as text: parameters and tags cut to what their columns are meant to hold."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tracker import validation as check
from tracker.caller import stack_level

if TYPE_CHECKING:
    from collections.abc import Mapping


def texts_of(kind: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters or tags as text.

    Raises:
        InvalidValueError: A key breaks a rule.
    """
    return {check.check_key(kind, key): str(value) for key, value in values.items()}


def too_long(folder: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    """The texts that are cut, by the names under which they are kept whole."""
    if max(map(len, texts.values()), default=0) <= limit:
        return {}
    return {
        f"long_values/{folder}/{key}.txt": text for key, text in texts.items() if len(text) > limit
    }


def cut_all(kind: str, texts: Mapping[str, str], limit: int) -> dict[str, str]:
    """The texts, each cut to `limit` characters with a warning."""
    if max(map(len, texts.values()), default=0) <= limit:
        return dict(texts)
    return {key: cut(kind, key, text, limit) for key, text in texts.items()}


def cut(kind: str, key: str, text: str, limit: int) -> str:
    """The text, cut to `limit` characters with a warning."""
    if len(text) <= limit:
        return text
    warnings.warn(
        f"The {kind} {key!r} has {len(text)} characters and is cut to {limit}; where it belongs to "
        f"a run, the whole text is kept among its artifacts under long_values/.",
        stacklevel=stack_level(),
    )
    return text[:limit]
