"""Which function draws the page of which address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.pages import (
    configurations,
    curves,
    data,
    evaluation,
    live,
    overview,
    run,
    sql,
    tryit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.view import View


SHOWN: dict[str, Callable[[View], None]] = {
    "overview": overview.show,
    "curves": curves.show,
    "configurations": configurations.show,
    "evaluation": evaluation.show,
    "data": data.show,
    "run": run.show,
    "live": live.show,
    "try": tryit.show,
    "sql": sql.show,
}
