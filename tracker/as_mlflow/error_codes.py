"""MLflow's `mlflow.protos.databricks_pb2`: the numbers of its error codes."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """An error code by name; `ErrorCode.Name(number)` and `ErrorCode.Value(name)` as in MLflow."""

    INTERNAL_ERROR = 1
    TEMPORARILY_UNAVAILABLE = 2
    IO_ERROR = 3
    BAD_REQUEST = 4
    NOT_FOUND = 11
    ALREADY_EXISTS = 12
    UNAUTHENTICATED = 13
    INVALID_PARAMETER_VALUE = 1000
    ENDPOINT_NOT_FOUND = 1001
    MALFORMED_REQUEST = 1002
    INVALID_STATE = 1003
    PERMISSION_DENIED = 1004
    FEATURE_DISABLED = 1005
    CUSTOMER_UNAUTHORIZED = 1006
    REQUEST_LIMIT_EXCEEDED = 1007
    RESOURCE_CONFLICT = 1008
    NOT_IMPLEMENTED = 1010
    INVALID_STATE_TRANSITION = 2001
    COULD_NOT_ACQUIRE_LOCK = 2002
    RESOURCE_ALREADY_EXISTS = 3001
    RESOURCE_DOES_NOT_EXIST = 3002
    QUOTA_EXCEEDED = 4001
    RESOURCE_LIMIT_EXCEEDED = 5002

    @classmethod
    def Name(cls, number: int) -> str:  # noqa: N802  As protobuf spells it.
        """The name of a number."""
        return cls(number).name

    @classmethod
    def Value(cls, name: str) -> int:  # noqa: N802
        """The number of a name."""
        return cls[name].value


globals().update(ErrorCode.__members__)
