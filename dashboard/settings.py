"""Which database the dashboard shows."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tracker.locations import database_path, default_uri

if TYPE_CHECKING:
    from pathlib import Path


def chosen_database(arguments: list[str] | None = None) -> Path:
    """The database named by `--db`, else by TRACKER_URI, else tracking.db here.

    Args:
        arguments: The command line after the script's name; the process's own by default.

    Raises:
        InvalidValueError: If the name means no local SQLite file.

    >>> chosen_database(["--db", "/data/study.db"]).as_posix()
    '/data/study.db'
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--db", default=default_uri())
    known, _ = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
    return database_path(known.db)
