"""Autologging, which only MLflow has: switching it off is always possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracker.exceptions import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["autolog"]


def autolog_of(flavor: str | None) -> Callable[..., None]:
    """The `autolog` of a flavor, or of all of them."""
    name = f"{flavor}.autolog" if flavor else "autolog"

    def autolog(*, disable: bool = False, **options: Any) -> None:
        """Do nothing for `disable=True`.

        Raises:
            UnsupportedError: Autologging is to be switched on.
        """
        del options
        if not disable:
            raise UnsupportedError(
                f"The tracker has no {name}: log parameters, metrics and the model by name, "
                f"with log_params, log_metrics and log_model."
            )

    return autolog


autolog = autolog_of(None)
