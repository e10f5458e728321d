"""How models of runs, registered models and their versions are named; `models:/` URIs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tracker import validation as check
from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL_FOLDER: Final = "model"
"""The folder of a run's artifacts that holds its model, where no other is named."""
STAGES: Final = ("None", "Staging", "Production", "Archived")
LATEST: Final = "latest"
MAX_NAME: Final = 256
MAX_ALIAS: Final = 255
MAX_TAG_VALUE: Final = 5_000

_ALIAS: Final = re.compile(r"[\w\-]+", re.ASCII)
_RESERVED_ALIAS: Final = re.compile(r"latest|v\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelUri:
    """What `models:/…` names: a model, which of its versions, and a path in it.

    Args:
        name: The registered model.
        version: A number, an alias after "@", "latest" or a stage.
        path: Below the version's folder.
    """

    name: str
    version: str
    path: str | None = None

    @classmethod
    def parse(cls, uri: str) -> ModelUri:
        """The parts of a URI.

        Raises:
            InvalidValueError: It is not one.
        """
        body = uri.removeprefix("models:").lstrip("/").rstrip("/")
        name, _, rest = body.partition("/")
        suffix, _, path = rest.partition("/")
        is_version = suffix.isdecimal() or suffix.lower() in {LATEST, *map(str.lower, STAGES)}
        if name and is_version:
            return cls(name, suffix, path or None)
        name, at, alias = name.rpartition("@")
        if name and at and alias:
            return cls(name, f"@{alias}", rest or None)
        raise InvalidValueError(
            f"{uri!r} does not name a model: write 'models:/<name>/<version>', "
            f"'models:/<name>@<alias>' or 'models:/<name>/latest'."
        )


def check_name(name: str) -> str:
    """The name of a registered model, unchanged.

    Raises:
        InvalidValueError: It is empty or too long, or holds "/" or ":".
    """
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InvalidValueError(
            f"The name of a registered model has 1 to {MAX_NAME} characters, not {name!r:.60}."
        )
    if "/" in name or ":" in name:
        raise InvalidValueError(f"The name of a registered model has no '/' and no ':': {name!r}.")
    return name


def check_alias(alias: str) -> str:
    """An alias, unchanged.

    Raises:
        InvalidValueError: It breaks a rule.
    """
    is_text = isinstance(alias, str) and len(alias) <= MAX_ALIAS
    if not is_text or not _ALIAS.fullmatch(alias) or _RESERVED_ALIAS.fullmatch(alias):
        raise InvalidValueError(
            f"An alias is made of letters, digits, '_' and '-', and is neither 'latest' nor 'v' "
            f"with a number, not {alias!r:.60}."
        )
    return alias


def check_version(version: int | str) -> int:
    """The number of a version.

    Raises:
        InvalidValueError: It is not a positive integer.
    """
    text = str(version)
    if isinstance(version, bool) or not text.isdecimal() or not 0 < int(text[:19]) < 1 << 62:
        raise InvalidValueError(f"The version of a model is a number such as 1, not {version!r}.")
    return int(text)


def check_stage(stage: str) -> str:
    """A stage as MLflow spells it.

    Raises:
        InvalidValueError: There is no such stage.
    """
    for known in STAGES:
        if str(stage).lower() == known.lower():
            return known
    raise InvalidValueError(f"There is no stage {stage!r}: choose {', '.join(STAGES)}.")


def checked_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a model or a version as texts.

    Raises:
        InvalidTypeError: They are no dictionary.
        InvalidValueError: A key breaks a rule, or a value is too long.
    """
    check.check_mapping("tag", tags)
    texts = {check.check_key("tag", key): str(value) for key, value in tags.items()}
    for key, text in texts.items():
        if len(text) > MAX_TAG_VALUE:
            raise InvalidValueError(
                f"The tag {key!r} has {len(text)} characters; a registered model's tags have at "
                f"most {MAX_TAG_VALUE}."
            )
    return texts
