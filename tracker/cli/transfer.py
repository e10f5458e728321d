"""Verbs to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.cli.arguments import Verbs


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs."""
