"""Which database the dashboard shows."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from tracker.locations import database_path, default_uri

# Where the study is recorded unless it is told otherwise.
USUAL = "tracking.db"


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


def training_command(database: Path) -> str:
    """What to type for a first study in this database.

    >>> training_command(Path("tracking.db")), training_command(Path("/data/my runs.db"))
    ('python -m training', "python -m training --set 'tracking.database=/data/my runs.db'")
    """
    if database.absolute() == Path(USUAL).absolute():
        return "python -m training"
    return f"python -m training --set {shlex.quote(f'tracking.database={database}')}"
