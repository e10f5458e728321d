"""`check`, `gc` and `backup`: look after a database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import text
from tracker.cli.console import StepCounter
from tracker.cli.parser import non_negative_int
from tracker.files.remote_folder import is_url, upload_folder

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.maintenance.backup import BackedUp
    from tracker.maintenance.check import Finding
    from tracker.maintenance.gc import Garbage

_DAY_MS: Final = 86_400_000
_MAX_PROBLEMS: Final = 20


def add_verbs(verbs: Verbs) -> None:
    """Add `check`, `gc` and `backup`."""
    parser = verbs.add(
        "check", "Test the database, the files of its runs and their digests.", check
    )
    parser.add_argument(
        "--quick", action="store_true", help="do not compare files with their digests"
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="restore the last values of metrics from their histories",
    )
    parser = verbs.add(
        "gc",
        "Free the disk space of deleted runs and experiments, of unused files, and of empty pages "
        "in the database. This cannot be undone.",
        gc,
    )
    parser.add_argument("--dry-run", action="store_true", help="only report what would be freed")
    parser.add_argument(
        "--older-than",
        metavar="DAYS",
        type=non_negative_int,
        default=0,
        help="only what was deleted at least DAYS ago (default: 0)",
    )
    parser = verbs.add(
        "backup",
        "Copy the database and the files of its runs into a new folder, while runs go on. The "
        "copy can be used like the original.",
        backup,
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="a new or empty folder, or the URL of one, such as s3://bucket/monday "
        "(default: beside the database, named after it and the time)",
    )


def check(session: Session) -> int:
    """Write one line per test and its problems below; exit code 1 if there is any."""
    from tracker.maintenance.check import Checkup, repair  # noqa: PLC0415

    options, console = session.options, session.console
    if options.repair:
        console.line(f"{text.plural(repair(session.writing), 'last value')} repaired")
    checkup = Checkup(session.reading, reads_files=not options.quick)
    bad = sum(_write_finding(session, finding) for finding in checkup.run())
    console.remark(f"{text.plural(bad, 'problem')}." if bad else "Everything is in order.")
    return 1 if bad else 0


def gc(session: Session) -> int:
    """Free what can be freed; exit code 1 if something could not be removed."""
    from tracker.maintenance.gc import Collector  # noqa: PLC0415

    options, console = session.options, session.console
    collector = Collector(
        session.reading if options.dry_run else session.writing,
        deleted_before=max(console.now - options.older_than * _DAY_MS, 0),
        dry_run=options.dry_run,
    )
    garbage = collector.run()
    _write_garbage(session, garbage)
    if not (garbage.shrunk or options.dry_run):
        console.remark(
            "The database is in use: run gc when nothing uses it to make the file smaller."
        )
    for trouble in garbage.troubles:
        console.remark(f"warning: {trouble}")
    return 1 if garbage.troubles else 0


def backup(session: Session) -> int:
    """Write the copy; exit code 1 if files of a run are missing from it."""
    from tracker.maintenance.backup import back_up  # noqa: PLC0415

    if session.options.folder is not None and is_url(session.options.folder):
        return _backup_to_url(session, session.options.folder)
    console, path = session.console, session.path
    stamp = text.utc_time(console.now)[:19].replace(":", "").replace("-", "")
    folder = Path(session.options.folder or path.with_name(f"{path.stem}-backup-{stamp}"))
    with StepCounter(console, "run") as steps:
        result = back_up(session.reading, folder.absolute(), steps.done)
    console.line(text.clean(folder.resolve() / path.name))
    _remark_backup(session, result)
    return 1 if result.troubles else 0


def _backup_to_url(session: Session, url: str) -> int:
    """Make the copy here, then upload it, the database last."""
    from tracker.maintenance.backup import back_up  # noqa: PLC0415

    console, name = session.console, session.path.name
    with tempfile.TemporaryDirectory(prefix="tracker-") as temporary:
        folder = Path(temporary, "copy")
        with StepCounter(console, "run") as steps:
            result = back_up(session.reading, folder, steps.done)
        upload_folder(folder, url, last=name)
    console.line(text.clean(f"{url.rstrip('/')}/{name}"))
    _remark_backup(session, result)
    return 1 if result.troubles else 0


def _write_finding(session: Session, finding: Finding) -> int:
    console = session.console
    verdict = console.styled("BAD ", "red") if finding.problems else console.styled("ok  ", "green")
    looked_at = f"  ({finding.looked_at})" if finding.looked_at else ""
    console.line(f"{verdict}{finding.test}{looked_at}")
    for problem in finding.problems[:_MAX_PROBLEMS]:
        console.line(f"      {text.clean(problem)}")
    more = len(finding.problems) - _MAX_PROBLEMS
    if more > 0:
        console.line(f"      … and {more:,} more")
    return len(finding.problems)


def _write_garbage(session: Session, garbage: Garbage) -> None:
    console = session.console
    would = "would be " if session.options.dry_run else ""
    console.line(
        f"{text.plural(garbage.runs, 'deleted run')} and "
        f"{text.plural(garbage.experiments, 'deleted experiment')} {would}removed"
    )
    freed = garbage.file_bytes + garbage.temporary_bytes
    temporaries = (
        f" and {text.plural(garbage.temporaries, 'leftover temporary file')}"
        if garbage.temporaries
        else ""
    )
    console.line(
        f"files     {text.size(garbage.files_before)} before, "
        f"{text.size(garbage.files_before - freed)} after: "
        f"{text.plural(garbage.files, 'file')}{temporaries} {would}deleted"
    )
    console.line(
        f"database  {text.size(garbage.database_before)} before, "
        f"{'at most ' if would else ''}{text.size(garbage.database_after)} after"
    )


def _remark_backup(session: Session, result: BackedUp) -> None:
    console = session.console
    console.remark(
        f"{text.plural(result.runs, 'run')}, {text.plural(result.copied.files, 'file')}, "
        f"{text.size(result.copied.size_bytes)}; equal files are stored once"
    )
    if result.elsewhere:
        console.remark(
            f"warning: the files of {text.plural(result.elsewhere, 'run')} lie outside the "
            f"database's folder and are not part of the backup."
        )
    if result.absent:
        console.remark(
            f"{text.plural(result.absent, 'run')} name files that are not on this machine."
        )
    for trouble in result.troubles[:_MAX_PROBLEMS]:
        console.remark(f"warning: {trouble}")
