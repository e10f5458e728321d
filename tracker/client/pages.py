"""One page of a search, and the token of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from tracker import validation as check
from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

SEARCH_LIMIT: Final = 1_000

Entity = TypeVar("Entity")


class PagedList(list[Entity]):
    """One page of a search, with the token of the next (None at the end)."""

    def __init__(self, items: Iterable[Entity], token: str | None) -> None:
        super().__init__(items)
        self.token = token


def page(max_results: int | None, token: str | None) -> tuple[int, int]:
    """How many rows a page shows, and the first of them."""
    limit = SEARCH_LIMIT if max_results is None else check.check_max_results(max_results)
    offset = str(token or 0)  # MLflow takes an empty token for none.
    if not offset.isdecimal() or int(offset) > check.MAX_RESULTS:
        raise InvalidValueError(f"{token!r} is no page token: pass the `token` of the last page.")
    return limit, int(offset)


def paged(found: list[Entity], limit: int, offset: int) -> PagedList[Entity]:
    """A page of what was found with a limit one greater: whether more follows."""
    more = len(found) > limit
    return PagedList(found[:limit], str(offset + limit) if more else None)
