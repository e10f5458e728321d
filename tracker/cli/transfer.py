"""`export` and `import`: move runs to another machine and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import environment, text
from tracker.cli.console import StepCounter
from tracker.cli.parser import ALL, add_experiments, add_run, byte_size
from tracker.client import TrackingClient
from tracker.entities import ViewType
from tracker.exceptions import AlreadyExistsError, InvalidValueError
from tracker.files.remote_folder import downloaded, is_url, upload_file
from tracker.lookup import find_experiments, find_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.cli.console import Console
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.maintenance.merge import Merged

_MOST_TROUBLES: Final = 20
_EXPORT_EXAMPLES: Final = """\
  export default_1a2b3c4d -o default.zip
  export --experiment MNIST_Experiments -o mnist.zip
"""
_IMPORT_EXAMPLES: Final = """\
  import ../old-project/mlruns             MLflow's file store
  import ../colleague/tracking.db          another database, also MLflow's
  import mnist.zip                         a zip file written by export
  import s3://bucket/copies/monday         a backup in a cloud store
"""


def add_verbs(verbs: Verbs) -> None:
    """Add `export` and `import`."""
    _add_export(verbs)
    _add_import(verbs)


def _add_export(verbs: Verbs) -> None:
    parser = verbs.add(
        "export",
        "Write runs or experiments, with their files, into a zip file: a folder with a tracking "
        "database of its own.",
        export,
        examples=_EXPORT_EXAMPLES,
    )
    add_run(parser, nargs="*")
    add_experiments(parser, "all runs of this experiment; may be repeated")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the zip file, a path or a URL such as s3://bucket/runs.zip (default: NAME.zip here)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def _add_import(verbs: Verbs) -> None:
    parser = verbs.add(
        "import",
        "Copy runs with their files from elsewhere. Run ids are kept, experiments are matched by "
        "name; importing again adds only what is new.",
        import_,
        examples=_IMPORT_EXAMPLES,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an mlruns folder, a database, a zip file, or the URL of one or of a backup",
    )
    parser.add_argument(
        "--allow",
        metavar="ROOT",
        action="append",
        default=[],
        help="a folder or URL outside the source's own folder from which artifacts may be "
        "copied; may be repeated",
    )
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        type=byte_size,
        help="unpack at most this from a zip file, such as 20GB (default: 100 times its own size, "
        "at least 100MB)",
    )
    parser.add_argument("--no-artifacts", action="store_true", help="do not copy files")


def export(session: Session) -> int:
    """Write the zip file; exit code 1 if a part of a run is missing from it.

    Raises:
        NotFoundError: There is no such run or experiment.
        InvalidValueError: Nothing is named, or an experiment has no runs.
        AlreadyExistsError: The file exists.
    """
    from tracker.maintenance.bundle import export_bundle  # noqa: PLC0415

    options, console = session.options, session.console
    run_ids = _chosen(session)
    place = options.output or f"{_file_name(session)}.zip"
    if is_url(place):
        with tempfile.TemporaryDirectory(prefix="tracker-") as folder:
            target = Path(folder, "runs.zip")
            merged = export_bundle(session.reading, run_ids, target, console.now)
            upload_file(target, place, replace=options.force)
            return _report_export(session, merged, place, target.stat().st_size)
    target = Path(place).absolute()
    if target.exists() and not options.force:
        raise AlreadyExistsError(
            f"{str(target)!r} exists: choose another name with --output, or replace it with "
            f"--force."
        )
    merged = export_bundle(session.reading, run_ids, target, console.now)
    return _report_export(session, merged, str(target), target.stat().st_size)


def _report_export(session: Session, merged: Merged, place: str, size_bytes: int) -> int:
    """Say what was exported; exit code 1 if a part of a run is missing."""
    console = session.console
    console.line(text.clean(place))
    console.remark(
        f"{text.plural(merged.runs, 'run')}, {text.plural(merged.copied.files, 'file')}, "
        f"{text.size(size_bytes)}"
    )
    left_out = [*merged.troubles, *merged.damaged]
    remark_troubles(console, left_out)
    return 1 if left_out else 0


def import_(session: Session) -> int:
    """Merge a source into the database, which is created if it does not exist.

    Exit code 1 if something that could be read was left out; not for what nobody can read.

    Raises:
        NotFoundError: There is no such source.
        InvalidValueError: The source cannot be imported, or is the database itself.
    """
    place = session.options.source
    if not is_url(place):
        return _import_from(session, Path(place))
    with downloaded(place) as source:
        return _import_from(session, source)


def _import_from(session: Session, place: Path) -> int:
    from tracker.maintenance.merge import Merge  # noqa: PLC0415
    from tracker.maintenance.sources import open_source  # noqa: PLC0415

    options, console = session.options, session.console
    if place.exists() and session.path.exists() and place.samefile(session.path):
        raise InvalidValueError("A database cannot be imported into itself.")
    allowed = [root if "://" in root else str(Path(root).resolve()) for root in options.allow]
    allowed += environment.allowed_roots()
    with open_source(place, allowed, options.max_size) as source:
        client = TrackingClient(session.path)
        with StepCounter(console, "run") as steps:
            merged = Merge(
                source,
                client,
                now=console.now,
                with_artifacts=not options.no_artifacts,
                progress=steps.done,
            ).run()
    report_merge(session, merged, "import")
    return 1 if merged.troubles else 0


def report_merge(session: Session, merged: Merged, verb: str) -> None:
    """Say what a merge did."""
    console = session.console
    console.line(
        f"{text.plural(merged.runs_new, 'run')} new, {merged.runs_completed:,} completed, "
        f"{merged.runs_unchanged:,} unchanged; "
        f"{text.plural(merged.experiments_new, 'experiment')} new; "
        f"{text.plural(merged.copied.files, 'file')} copied "
        f"({text.size(merged.copied.size_bytes)})"
    )
    report_models(console, merged.versions_new, merged.notes)
    if merged.runs_running:
        console.remark(
            f"{text.plural(merged.runs_running, 'run')} still running: {verb} again when done."
        )
    if merged.without_files:
        console.remark(
            f"{text.plural(merged.without_files, 'run')} name files that are not on this machine."
        )
    remark_troubles(console, [*merged.troubles, *merged.damaged])
    if merged.outside_roots:
        console.remark("--allow FOLDER allows a folder.")


def report_models(console: Console, versions: int, notes: Sequence[str]) -> None:
    """Say how many versions of registered models were added, and what stays in another form."""
    if versions:
        console.line(f"{text.plural(versions, 'version')} of registered models")
    for note in notes:
        console.remark(f"note: {note}")


def remark_troubles(console: Console, troubles: Sequence[str]) -> None:
    """Say what had to be left behind."""
    for trouble in troubles[:_MOST_TROUBLES]:
        console.remark(f"warning: {trouble}")
    if len(troubles) > _MOST_TROUBLES:
        console.remark(f"… and {len(troubles) - _MOST_TROUBLES:,} more warnings")


def _chosen(session: Session) -> list[str]:
    options, store = session.options, session.store
    run_ids = [info.run_id for info in find_runs(store, options.runs)]
    if not run_ids and not options.experiments:
        raise InvalidValueError("Name a run, or an experiment with --experiment.")
    for experiment in find_experiments(store, options.experiments):
        ids = [experiment.experiment_id]
        found = store.search_run_infos(ids, "", ViewType.ACTIVE_ONLY, ALL, 0, ())
        if not found:
            raise InvalidValueError(f"The experiment {experiment.name!r} has no runs to export.")
        run_ids += [info.run_id for info in found]
    return list(dict.fromkeys(run_ids))


def _file_name(session: Session) -> str:
    """A file name made from what is exported, without characters that a shell would interpret."""
    options = session.options
    name = (
        "-".join(options.experiments)
        or find_runs(session.store, options.runs)[0].run_name
        or "runs"
    )
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:100]
