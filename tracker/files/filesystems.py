"""Opening file systems of fsspec, and saying in one sentence what they refused."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tracker.exceptions import ArtifactError, UnsafePathError
from tracker.files.store import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

ATTEMPTS = 10
# Seconds before the second attempt; doubled before each further one.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
# Seconds. A store answers the completion of a large upload only after it has assembled it.
_READ_TIMEOUT = 120
_OPTIONS: dict[str, dict[str, Any]] = {
    scheme: {
        "config_kwargs": {
            "connect_timeout": 15,
            "read_timeout": _READ_TIMEOUT,
            "retries": {"max_attempts": 3, "mode": "legacy"},
        }
    }
    for scheme in ("s3", "s3a")
}
# What the clients of the stores raise beside OSError; looked up only if their package is loaded.
_FOREIGN_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
)
# A word in the class or text of an error, what it means, what to do; the first that fits counts.
_REASONS = (
    (
        ("nocredentials", "unable to locate credentials", "defaultcredentials"),
        (
            "no credentials were found; set them as for the store's own tools, for S3 in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials"
        ),
    ),
    (
        ("nosuchbucket", "bucket does not exist", "containernotfound"),
        "there is no such bucket; create it or correct its name",
    ),
    (
        ("permanentredirect", "authorizationheadermalformed", "wrong region", "moved permanently"),
        "the bucket is in another region; set AWS_DEFAULT_REGION to it",
    ),
    (
        ("invalidaccesskeyid", "signaturedoesnotmatch", "expiredtoken", "invalidtoken"),
        "the credentials are wrong or have expired; renew them",
    ),
    (
        ("accessdenied", "access denied", "forbidden", "permissionerror"),
        "the credentials lack the permission; ask for read, write, list, and delete on this bucket",
    ),
    (
        ("endpointconnection", "connectorerror", "name or service not known", "could not connect"),
        "the store cannot be reached; check the network and the endpoint, for S3 AWS_ENDPOINT_URL",
    ),
    (("timeout",), "the store did not answer in time; try again"),
)
PERMANENT = _REASONS[:5]


def open_filesystem(url: str) -> tuple[Any, str]:
    """An fsspec file system and the path in it that a URL names.

    Credentials and endpoints are the business of fsspec and of the store's own client.

    Args:
        url: `s3://bucket/folder`, for example.

    Raises:
        UnsafePathError: The URL leads to local files.
        ArtifactError: fsspec, or the package it needs for this scheme, is missing.
    """
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415
    except ImportError as error:
        raise ArtifactError(
            f'cannot open {url!r}: fsspec is missing; run `pip install "ml-tracker[remote]"`'
        ) from error
    scheme = url.partition(":")[0].lower()
    try:
        filesystem, root = url_to_fs(url, **_OPTIONS.get(scheme, {}))
    except (ImportError, ValueError) as error:
        raise ArtifactError(f"cannot open {url!r}: {error}") from error
    if "file" in filesystem.protocol:
        raise UnsafePathError(f"unsafe artifact URI {url!r}: it leads to local files")
    return filesystem, root


def remote_errors() -> tuple[type[Exception], ...]:
    """Everything a file system of fsspec raises for a reason that lies outside this program."""
    found: list[type[Exception]] = [OSError, TimeoutError]
    for module, name in _FOREIGN_ERRORS:
        error = getattr(sys.modules.get(module), name, None)
        if error is not None:
            found.append(error)
    return tuple(found)


def reason(error: BaseException) -> str:
    """What happened and what to do, in half a sentence."""
    text = _text(error)
    for words, sentence in _REASONS:
        if any(word in text for word in words):
            return sentence
    if isinstance(error, OSError):
        return reason_of(error)
    return str(error) or type(error).__name__


def is_permanent(error: BaseException) -> bool:
    """True if trying again cannot help: no credentials, bucket, or permission."""
    text = _text(error)
    return any(word in text for words, _ in PERMANENT for word in words)


def persistently(
    attempt: Callable[[], Result],
    arrived: Callable[[], Result | None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
) -> Result:
    """What `attempt` returns, tried up to ten times within a minute.

    Args:
        attempt: An operation that may be repeated.
        arrived: Asked after an error: the result, if the operation took place although its answer
            was lost; None if it did not or the store cannot be asked.
        pause: Called with the seconds to wait before the next attempt.

    Raises:
        OSError: Or another of `remote_errors`: the last one, or one that trying again cannot help.
    """
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except remote_errors() as error:
            if is_permanent(error) or isinstance(error, NotADirectoryError):
                raise
            found = _asked(arrived)
            if found is not None:
                return found
            missing = isinstance(error, FileNotFoundError) and "upload" not in str(error)
            if number == ATTEMPTS or missing:
                raise
        pause(min(FIRST_PAUSE * 2 ** (number - 1), LONGEST_PAUSE))
    raise AssertionError("unreachable")


def _asked(arrived: Callable[[], Result | None]) -> Result | None:
    try:
        return arrived()
    except remote_errors():
        return None


@contextmanager
def remote_explained(action: str) -> Iterator[None]:
    """Turn what a store refused into one sentence.

    Args:
        action: What is tried, such as "log 'model.pt'".

    Raises:
        ArtifactError: The store refused or could not be reached.
    """
    try:
        yield
    except remote_errors() as error:
        raise ArtifactError(f"cannot {action}: {reason(error)}") from error


def _text(error: BaseException) -> str:
    """The classes and texts of an error and its causes, in lower case."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 10:  # noqa: PLR2004
        parts.append(f"{type(seen).__name__} {seen}")
        seen = seen.__cause__ or seen.__context__
    return " ".join(parts).lower()
