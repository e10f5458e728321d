"""The errors a user of the tracker can meet, and how it warns.

* TrackerError
    * DatabaseError              the file cannot be opened, read or written
        * NotADatabaseError
        * IncompatibleDatabaseError
        * DatabaseLockedError
        * ReadOnlyError
        * DiskFullError
        * SupersededError
    * NotFoundError              no such experiment, run, metric or artifact
        * AbsentFilesError       the files of a run are on another machine
    * AlreadyExistsError         the name is taken
    * InvalidValueError          a key, value, name or argument breaks a rule  (also a ValueError)
        * InvalidTypeError       an argument has the wrong type            (also a TypeError)
        * UnknownColumnError     a table of runs has no such column        (also a KeyError)
        * ParamConflictError     a parameter was logged before with another value
        * FilterError            a search filter or order that cannot be read
        * QueryTimeoutError      a query of one's own took too long and was stopped
    * InvalidStateError          the run or experiment is deleted, or another run is active
        * DeletedExperimentError the experiment is to be renamed while it is deleted
    * ArtifactError              a file of a run cannot be read or written
        * MissingFileError       a file to log is not there              (also a FileNotFoundError)
        * UnsafePathError        a path or link that leaves the run's artifacts
            * OutsideRootsError  the artifacts lie outside the folders that may be read
        * UnsafeModelError       a model is a pickle, and pickles may not be loaded
    * ServerError                an MLflow server refuses what it is asked for
        * ServerUnreachableError it does not answer
    * UnsupportedError           only MLflow has it; a missing package     (also an AttributeError)
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MlflowException",
    "TrackerError",
    "UnsupportedError",
]


class TrackerError(Exception):
    """The base class of every error the tracker raises on purpose.

    `error_code` is MLflow's name for the kind of error.
    """

    error_code = "INTERNAL_ERROR"

    def __init__(
        self, message: object = "", error_code: int | str | None = None, **_: object
    ) -> None:
        super().__init__(message)
        if isinstance(error_code, int):
            from tracker.as_mlflow.error_codes import ErrorCode  # noqa: PLC0415

            self.error_code = ErrorCode(error_code).name
        elif error_code is not None:
            self.error_code = error_code

    @property
    def message(self) -> str:
        """What happened and what to do."""
        return str(self)

    @classmethod
    def invalid_parameter_value(cls, message: str, **kwargs: object) -> TrackerError:
        """MLflow's shortcut for an error with the code INVALID_PARAMETER_VALUE."""
        return cls(message, error_code="INVALID_PARAMETER_VALUE", **kwargs)

    def serialize_as_json(self) -> str:
        """The code and the message as JSON, as MLflow's server would send them."""
        import json  # noqa: PLC0415

        return json.dumps({"error_code": self.error_code, "message": self.message})


# The name under which scripts written for MLflow catch it.
MlflowException = TrackerError


class RestException(TrackerError):  # noqa: N818  MLflow's name.
    """MLflow's error for an answer of its server; libraries that catch it import it by name."""


class DatabaseError(TrackerError):
    """The tracking database cannot be opened, read or written."""


class NotADatabaseError(DatabaseError):
    """The file is damaged or is not an SQLite database."""


class IncompatibleDatabaseError(DatabaseError):
    """The database has tables that this release cannot write."""


class DatabaseLockedError(DatabaseError):
    """Another process held the database longer than the busy timeout."""


class ReadOnlyError(DatabaseError):
    """The database or its folder cannot be written."""


class DiskFullError(DatabaseError):
    """There is no room left for the database."""


class SupersededError(DatabaseError):
    """A signal handler wrote in the middle of a call, of which nothing was written."""


class NotFoundError(TrackerError):
    """There is no such experiment, run, metric or artifact."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class AbsentFilesError(NotFoundError):
    """The files of a run are not on this machine, but on the one where it was recorded, say."""


class AlreadyExistsError(TrackerError):
    """The name is taken."""

    error_code = "RESOURCE_ALREADY_EXISTS"


class InvalidValueError(TrackerError, ValueError):
    """A key, value, name or argument breaks a rule."""

    error_code = "INVALID_PARAMETER_VALUE"


class InvalidTypeError(InvalidValueError, TypeError):
    """An argument has the wrong type."""


class UnknownColumnError(InvalidValueError, KeyError):
    """A table of runs has no such column."""

    def __str__(self) -> str:
        return str(self.args[0])  # A KeyError would show the message's repr.


class ParamConflictError(InvalidValueError):
    """A parameter was logged before with another value."""


class FilterError(InvalidValueError):
    """A search filter or order cannot be read.

    Args:
        reason: What is wrong, in one sentence.
        text: The whole filter as the user wrote it.
        position: Index in `text` at which the mistake starts.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        super().__init__(reason)
        self.args = reason, text, position  # So that it can be pickled.
        self.reason = reason
        self.text = text
        self.position = position

    def __str__(self) -> str:
        return f"{self.reason}\n  {self.text}\n  {' ' * self.position}^"


class QueryTimeoutError(InvalidValueError):
    """A query of one's own took too long and was stopped."""


class InvalidStateError(TrackerError):
    """The run or experiment is deleted, or another run is active."""

    error_code = "INVALID_PARAMETER_VALUE"  # As MLflow for logging to a deleted run.


class DeletedExperimentError(InvalidStateError):
    """A deleted experiment keeps its name."""

    error_code = "INVALID_STATE"


class ArtifactError(TrackerError):
    """A file of a run cannot be read or written."""


class MissingFileError(ArtifactError, FileNotFoundError):
    """A file or folder to log is not there."""


class UnsafePathError(ArtifactError):
    """A path or link leads out of the run's artifacts."""


class OutsideRootsError(UnsafePathError):
    """The artifacts lie outside the database's folder, in one that was not allowed."""


class UnsafeModelError(ArtifactError):
    """A model is a pickle, and pickles may not be loaded."""


class ServerError(TrackerError):
    """An MLflow server refuses what it is asked for.

    Args:
        message: What happened and what to do.
        status: The HTTP status, 0 where there was none.
        error_code: MLflow's word for its kind, "" where something else has answered.
        retry_after_seconds: How long the server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        error_code: str = "",
        retry_after_seconds: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.retry_after_seconds = retry_after_seconds


class ServerUnreachableError(ServerError):
    """An MLflow server does not answer."""


class UnsupportedError(TrackerError, AttributeError):
    """MLflow has it and the tracker does not, or a package that it needs is not installed."""


@contextmanager
def needs_packages(purpose: str) -> Iterator[None]:
    """Say what to install where an import in a block, or in a decorated function, fails.

    Args:
        purpose: What needs the package, such as "A DataFrame".

    Raises:
        UnsupportedError: A package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            f"{purpose} needs {error.name}: `pip install {error.name}`."
        ) from error


_PACKAGE: Final = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that names the line of the user's code that called the tracker."""
    frame, level = sys._getframe(1), 2  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
