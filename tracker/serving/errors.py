"""Errors of serving."""

from __future__ import annotations

from tracker.exceptions import TrackerError


class ServingError(TrackerError):
    """A model cannot be served; the message says why and what to do."""


class RequestError(ServingError):
    """A request that gets a 4xx answer.

    Args:
        message: One sentence for the caller.
        status: The HTTP status.
        code: MLflow's name of the error.
    """

    def __init__(self, message: str, status: int = 400, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
