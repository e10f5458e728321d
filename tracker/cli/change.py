"""`tag`, `note`, `rename`, `delete`, `restore`: change what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.cli.console import piped_text, program_name
from tracker.cli.parser import add_experiments, add_format, add_run
from tracker.cli.tables import Column, write
from tracker.entities import LifecycleStage
from tracker.exceptions import InvalidValueError
from tracker.lookup import describe, find_experiment, find_experiments, find_run, find_runs
from tracker.tags import MLFLOW_RUN_NOTE
from tracker.text import clean, clean_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session


_TAG_EXAMPLES: Final = """\
  tag default_1a2b3c4d
  tag default_1a2b3c4d stage=candidate "reviewed by=ada"
  tag default_1a2b3c4d --remove stage
"""
_NOTE_EXAMPLES: Final = """\
  note default_1a2b3c4d "Best so far; try a smaller step."
  note default_1a2b3c4d - < note.md
  note default_1a2b3c4d --remove
"""
_RENAME_EXAMPLES: Final = """\
  rename default_1a2b3c4d baseline
  rename --experiment Default Playground
"""


_DELETE_EXAMPLES: Final = """\
  delete small_hidden_1a2b3c4d 5e6f7a8b
  delete --experiment Playground --experiment Drafts
"""
_RESTORE_EXAMPLES: Final = """\
  runs --deleted
  restore 5e6f7a8b
"""


def add_verbs(verbs: Verbs) -> None:
    """Add `tag`, `note`, `rename`, `delete` and `restore`."""
    _add_tag(verbs)
    _add_note(verbs)
    _add_rename(verbs)
    parser = _add(
        verbs,
        "delete",
        "Mark runs or experiments as deleted; restore brings them back, gc frees their disk space.",
        delete,
        _DELETE_EXAMPLES,
    )
    parser.add_argument(
        "--force", action="store_true", help="also runs that a process is working on"
    )
    _add(verbs, "restore", "Bring deleted runs or experiments back.", restore, _RESTORE_EXAMPLES)


def _add_tag(verbs: Verbs) -> None:
    parser = verbs.add("tag", "Show, set or remove tags of a run.", tag, examples=_TAG_EXAMPLES)
    add_run(parser)
    parser.add_argument("tags", metavar="KEY=VALUE", nargs="*", help="tags to set")
    parser.add_argument(
        "--remove",
        metavar="KEY",
        action="append",
        default=[],
        help="a tag to remove; may be repeated",
    )
    add_format(parser)


def _add_note(verbs: Verbs) -> None:
    parser = verbs.add("note", "Show or set the note of a run.", note, examples=_NOTE_EXAMPLES)
    add_run(parser)
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help="the new note; - reads it from standard input"
    )
    parser.add_argument("--remove", action="store_true", help="remove the note")


def _add_rename(verbs: Verbs) -> None:
    parser = verbs.add(
        "rename", "Give a run or an experiment another name.", rename, examples=_RENAME_EXAMPLES
    )
    parser.add_argument("-e", "--experiment", action="store_true", help="rename an experiment")
    parser.add_argument("old", metavar="RUN", help="the run, or with --experiment the experiment")
    parser.add_argument("new", metavar="NAME", help="its new name")


def tag(session: Session) -> None:
    """Set and remove tags; without either, list them.

    Raises:
        InvalidValueError: An argument is not of the form KEY=VALUE.
        NotFoundError: There is no such run or tag.
    """
    options = session.options
    pairs = dict(pair(text) for text in options.tags)
    if not pairs and not options.remove:
        run_id = find_run(session.store, options.run).run_id
        tags = session.store.get_run(run_id).data.tags
        columns = [Column("key", style="dim"), Column("value")]
        write(
            session.console, columns, [list(pair) for pair in sorted(tags.items())], options.format
        )
        return
    client = session.writing
    info = find_run(client.store, options.run)
    if pairs:
        client.set_tags(info.run_id, pairs)
    for key in options.remove:
        client.delete_tag(info.run_id, key)
    session.console.remark(
        f"Run {describe(info)}: {len(pairs)} set, {len(options.remove)} removed."
    )


def note(session: Session) -> None:
    """Set or remove the note; without either, show it.

    Raises:
        InvalidValueError: A new note is given together with --remove.
        NotFoundError: There is no such run, or no note to remove.
    """
    options, console = session.options, session.console
    if options.remove and options.text is not None:
        raise InvalidValueError("Give a new note or --remove, not both.")
    if options.text is None and not options.remove:
        run_id = find_run(session.store, options.run).run_id
        shown = session.store.get_run(run_id).data.tags.get(MLFLOW_RUN_NOTE, "")
        for line in clean_lines(shown) if shown else []:
            console.line(line)
        return
    client = session.writing
    info = find_run(client.store, options.run)
    if options.remove:
        client.delete_tag(info.run_id, MLFLOW_RUN_NOTE)
        console.remark(f"Removed the note of run {describe(info)}.")
        return
    new = piped_text() if options.text == "-" else options.text
    client.set_tag(info.run_id, MLFLOW_RUN_NOTE, new.rstrip("\n"))
    console.remark(f"Set the note of run {describe(info)}.")


def rename(session: Session) -> None:
    """Rename a run or an experiment.

    Raises:
        AlreadyExistsError: An experiment of the new name exists.
        InvalidValueError: The new name is empty or too long.
    """
    options, client = session.options, session.writing
    if options.experiment:
        experiment = find_experiment(client.store, options.old)
        client.rename_experiment(experiment.experiment_id, options.new)
        what = f"Experiment {experiment.name!r}"
    else:
        if not options.new.strip():
            raise InvalidValueError("A run's name must not be empty.")
        info = find_run(client.store, options.old)
        client.update_run(info.run_id, name=options.new)
        what = f"Run {describe(info)}"
    session.console.remark(f"{what} is now named {options.new!r}.")


def pair(text: str) -> tuple[str, str]:
    """The key and the value of a tag written as `KEY=VALUE`.

    Raises:
        InvalidValueError: There is no "=".
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidValueError(f"Write a tag as KEY=VALUE, not {text!r}.")
    return key, value


def delete(session: Session) -> None:
    """Mark runs, or experiments with their runs, as deleted; `gc` frees the disk space.

    Raises:
        NotFoundError: There is no such run or experiment.
        InvalidStateError: A process is working on one of the runs.
    """
    client = session.writing
    done = _each(
        session, LifecycleStage.DELETED, client.delete_run, client.delete_experiment, "Deleted"
    )
    if done:
        session.console.remark(
            f"`{program_name()} restore` brings back what was deleted; `gc` frees its disk space."
        )


def restore(session: Session) -> None:
    """Bring back runs, or experiments with their runs.

    Raises:
        NotFoundError: There is no such run or experiment.
    """
    client = session.writing
    _each(session, LifecycleStage.ACTIVE, client.restore_run, client.restore_experiment, "Restored")


def _add(
    verbs: Verbs, name: str, summary: str, action: Callable[[Session], None], examples: str
) -> argparse.ArgumentParser:
    parser = verbs.add(name, summary, action, examples=examples)
    add_run(parser, nargs="*")
    add_experiments(parser, "an experiment with all its runs; may be repeated")
    return parser


def _each(
    session: Session,
    stage: LifecycleStage,
    change_run: Callable[[str], None],
    change_experiment: Callable[[str], None],
    done: str,
) -> int:
    """Change everything that is named, after all of it was found; how many were named.

    Raises:
        InvalidValueError: Nothing is named.
    """
    options, store = session.options, session.writing.store
    if not options.runs and not options.experiments:
        raise InvalidValueError("Name a run, or an experiment with --experiment.")
    runs = find_runs(store, options.runs)
    experiments = find_experiments(store, options.experiments)
    if stage == LifecycleStage.DELETED and not options.force:
        session.writing.check_not_in_use(
            [info.run_id for info in runs],
            [experiment.experiment_id for experiment in experiments],
        )
    for info in runs:
        if info.lifecycle_stage == stage:
            session.console.line(f"Run {clean(describe(info))} is {stage} already.")
            continue
        change_run(info.run_id)
        session.console.line(f"{done} run {clean(describe(info))}.")
    for experiment in experiments:
        if experiment.lifecycle_stage == stage:
            session.console.line(f"Experiment {clean(repr(experiment.name))} is {stage} already.")
            continue
        change_experiment(experiment.experiment_id)
        session.console.line(f"{done} experiment {clean(repr(experiment.name))} with its runs.")
    return len(runs) + len(experiments)
