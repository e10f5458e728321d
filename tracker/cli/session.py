"""What a verb works with: its options, the console and the database."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from tracker import locations, text
from tracker.cli.console import program_name
from tracker.client import TrackingClient
from tracker.exceptions import NotFoundError
from tracker.journal.file import live_folder

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tracker.cli.console import Console
    from tracker.store import Store


class Session:
    """One invocation of the command line.

    Args:
        options: The parsed arguments.
        console: For output.
    """

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self.options = options
        self.console = console

    @cached_property
    def path(self) -> Path:
        """The database file.

        Raises:
            InvalidValueError: `--db` does not name a local file.
        """
        return locations.database_path(self.options.db or locations.default_uri())

    @cached_property
    def reading(self) -> TrackingClient:
        """A client that only reads, opened after abandoned runs were marked FAILED.

        Raises:
            NotFoundError: There is no such file.
            DatabaseError: It cannot be read.
        """
        self._require_file()
        if self._may_hold_abandoned_runs():
            self.writing.reap()
        client = TrackingClient(self.path, read_only=True)
        if waiting := client.waiting_points():
            self.console.remark(
                f"warning: {text.plural(waiting, 'point')} logged by processes that were killed "
                f"cannot be shown until somebody who may write the database opens it."
            )
        return client

    @cached_property
    def writing(self) -> TrackingClient:
        """A client that may write.

        Raises:
            NotFoundError: There is no such file.
            DatabaseError: It cannot be opened.
        """
        self._require_file()
        return TrackingClient(self.path)

    @property
    def store(self) -> Store:
        """The store of the client that only reads."""
        return self.reading.store

    def _may_hold_abandoned_runs(self) -> bool:
        """Whether a verb that only reads must open the database for writing first."""
        folder = live_folder(self.path)
        writable = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        return folder.is_dir() and writable

    def _require_file(self) -> None:
        if not self.path.exists():
            raise NotFoundError(
                f"There is no tracking database at {str(self.path)!r}: name one with "
                f"`{program_name()} --db FILE …`, or start a run, which makes it."
            )
