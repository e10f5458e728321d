"""`models`: registered models, their versions and aliases.

Nothing of a model is loaded, but an exported program that is registered, to write it as ONNX.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.change import pair
from tracker.cli.compare import write_comparison
from tracker.cli.parser import ALL, add_format
from tracker.cli.tables import Column, write, write_json
from tracker.exceptions import InvalidValueError, TrackerError
from tracker.lookup import find_run
from tracker.model_names import MODEL_FOLDER, check_alias, check_name
from tracker.tags import PROMOTION, PROMOTION_WHY

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.entities import ModelVersion, RegisteredModel

_DESCRIPTION: Final = """\
Registered models: names for the models that runs have logged.

  list          list registered models with their aliases
  show          the versions of a model, or everything about one version
  register      add a version from a run
  alias         point an alias, such as champion, at a version
  delete        delete a version, or a model with all its versions
  compare       the runs behind versions side by side, differences first

A version is named by its number, by an alias as @champion, or as latest.
"""
_MIN_VERSIONS: Final = 2
_RUNS_URI: Final = re.compile(r"runs:/([^/]+)/(.+)")


def add_verbs(verbs: Verbs) -> None:
    """Add `models` with its verbs."""
    group = verbs.add_group("models", _DESCRIPTION)
    _add_reading(group)
    _add_changing(group)


def _add_reading(group: Verbs) -> None:
    parser = group.add("list", "List registered models with their aliases.", list_models)
    parser.add_argument(
        "-f",
        "--filter",
        metavar="TEXT",
        default="",
        help="only models that match, for instance name LIKE 'digits%%'",
    )
    add_format(parser)
    parser = group.add(
        "show",
        "Show the versions of a model, or everything about one version.",
        show,
        examples="models show digits\nmodels show digits @champion\nmodels show digits 3",
    )
    _add_name(parser)
    _add_version(parser, nargs="?")
    add_format(parser)
    parser = group.add(
        "compare",
        "Compare the runs behind versions of a model side by side, differences first.",
        compare,
        examples="models compare digits 3 @champion",
    )
    _add_name(parser)
    _add_version(parser, nargs="+")
    parser.add_argument(
        "--different", action="store_true", help="leave out what is equal in all versions"
    )
    add_format(parser)


def _add_changing(group: Verbs) -> None:
    parser = group.add(
        "register",
        "Add a version from a run; the registered model is added if it is new.",
        register,
        examples="models register wide_1a digits --alias champion",
    )
    parser.add_argument(
        "source",
        metavar="RUN",
        help="id or name of a run with a folder 'model', or runs:/ID/PATH, or models:/NAME/VERSION",
    )
    _add_name(parser)
    parser.add_argument(
        "--path",
        metavar="PATH",
        default=MODEL_FOLDER,
        help=f"the model's folder in the run (default: {MODEL_FOLDER})",
    )
    parser.add_argument(
        "--alias",
        metavar="ALIAS",
        action="append",
        default=[],
        help="an alias to point at it; may be repeated",
    )
    parser.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a tag of the version; may be repeated",
    )
    parser = group.add(
        "alias",
        "Point an alias at a version, whatever it pointed to before.",
        alias,
        examples="models alias digits champion 3\nmodels alias digits champion --delete",
    )
    _add_name(parser)
    parser.add_argument("alias", metavar="ALIAS", help="such as champion")
    _add_version(parser, nargs="?")
    parser.add_argument("--delete", action="store_true", help="remove the alias")
    parser = group.add(
        "delete",
        "Delete a version, or a model with all its versions. The runs and their files stay.",
        delete,
        examples="models delete digits 3\nmodels delete digits --all",
    )
    _add_name(parser)
    _add_version(parser, nargs="?")
    parser.add_argument("--all", action="store_true", help="the model with all its versions")


def _add_name(parser: Any) -> None:
    parser.add_argument("name", metavar="NAME", help="a registered model")


def _add_version(parser: Any, *, nargs: str) -> None:
    name = "versions" if nargs == "+" else "version"
    parser.add_argument(name, metavar="VERSION", nargs=nargs, help="3, @champion or latest")


def list_models(session: Session) -> None:
    """Write one line per registered model."""
    console = session.console
    found = session.store.registry.search_models(session.options.filter, None, ALL, 0)
    columns = [
        Column("name", style="bold"),
        Column("latest_version", "latest", right=True),
        Column("aliases", show=_aliases, style="green"),
        Column("last_updated_timestamp", "updated", show=_ago(session)),
        Column("description"),
    ]
    rows = [
        [each.name, _latest(each), each.aliases, each.last_updated_timestamp, each.description]
        for each in found
    ]
    if not rows and session.options.format == "table":
        console.line("There is no registered model: add one with `models register RUN NAME`.")
        return
    write(console, columns, rows, session.options.format)


def show(session: Session) -> None:
    """Write the versions of a model, or one version.

    Raises:
        NotFoundError: There is no such model or version.
    """
    options = session.options
    if options.version is not None:
        _show_version(session, _version(session, options.version))
        return
    model = session.reading.get_registered_model(options.name)
    versions = session.store.registry.versions(model.name)
    if options.format == "json":
        found = model.to_dictionary() | {"versions": [each.to_dictionary() for each in versions]}
        write_json(session.console, found)
        return
    if options.format == "table" and model.description:
        session.console.line(text.clean(model.description))
        session.console.line()
    _write_versions(session, versions)


def register(session: Session) -> None:
    """Add a version; an exported program as ONNX, which every MLflow loads.

    Raises:
        NotFoundError: There is no such run, version or folder; nothing is registered.
        InvalidValueError: A name breaks a rule; nothing is registered.
    """
    options = session.options
    check_name(options.name)
    for each in options.alias:
        check_alias(each)
    uri = options.source
    if not uri.startswith(("runs:/", "models:/")):
        uri = f"runs:/{find_run(session.store, uri).run_id}/{options.path}"
    tags = dict(pair(each) for each in options.tag)
    if match := _RUNS_URI.fullmatch(uri):
        from tracker.models.conversion import as_registered  # noqa: PLC0415

        run_id, path = match.groups()
        uri = f"runs:/{run_id}/{as_registered(session.writing, run_id, path)}"
    made = session.writing.register_model(uri, options.name, tags, options.alias)
    pointed = f", now {', '.join(f'@{each}' for each in made.aliases)}" if made.aliases else ""
    session.console.line(f"registered version {made.version} of {text.clean(made.name)}{pointed}")


def alias(session: Session) -> None:
    """Point an alias at a version, or remove it.

    Raises:
        NotFoundError: There is no such model or version.
        InvalidValueError: Not exactly one of a version and `--delete` is given.
    """
    options = session.options
    if (options.version is None) != options.delete:
        raise InvalidValueError("Name a version, or give --delete to remove the alias.")
    label = f"{text.clean(options.name)}@{text.clean(options.alias)}"
    if options.delete:
        session.writing.get_model_version_by_alias(options.name, options.alias)
        session.writing.delete_registered_model_alias(options.name, options.alias)
        session.console.line(f"removed {label}")
        return
    number = _version(session, options.version).version
    session.writing.set_registered_model_alias(options.name, options.alias, number)
    session.console.line(f"{label} is version {number}")


def delete(session: Session) -> None:
    """Delete a version, or a model with all its versions.

    Raises:
        NotFoundError: There is no such model or version.
        InvalidValueError: Not exactly one of a version and `--all` is given.
    """
    options = session.options
    if (options.version is None) != options.all:
        raise InvalidValueError("Name a version, or give --all for the model with all of them.")
    name = text.clean(options.name)
    if options.all:
        session.writing.delete_registered_model(options.name)
        session.console.line(f"deleted {name} with all its versions")
        return
    number = _version(session, options.version).version
    session.writing.delete_model_version(options.name, number)
    session.console.line(f"deleted version {number} of {name}")


def compare(session: Session) -> None:
    """Write the runs behind versions side by side.

    Raises:
        NotFoundError: There is no such model, version or run.
        InvalidValueError: Fewer than two versions are named.
    """
    versions = [_version(session, each) for each in session.options.versions]
    if len(versions) < _MIN_VERSIONS:
        raise InvalidValueError("Name two versions or more to compare.")
    runs = [session.store.get_run(str(version.run_id)) for version in versions]
    titles = [
        Column(str(version.version), _label(version), show=text.shown, right=True)
        for version in versions
    ]
    write_comparison(session, runs, titles)


def _version(session: Session, named: str) -> ModelVersion:
    """A version of the model that the command names, by its number, alias or as latest."""
    separator = "" if named.startswith("@") else "/"
    uri = f"models:/{session.options.name}{separator}{named}"
    return session.reading.get_model_version_by_uri(uri)


def _show_version(session: Session, version: ModelVersion) -> None:
    described = version.to_dictionary() | {"model": _contents(session, version)}
    if session.options.format == "json":
        write_json(session.console, described)
        return
    is_table = session.options.format == "table"
    rows = [
        [key, text.local_time(value) if is_table and key.endswith("_timestamp") else value]
        for key, value in _flat(described)
        if value not in (None, "")
    ]
    columns = [Column("field", style="dim"), Column("value", show=text.shown)]
    write(session.console, columns, rows, session.options.format)


def _contents(session: Session, version: ModelVersion) -> dict[str, Any]:
    """What the version's `MLmodel` file says, or why it cannot be read."""
    from tracker.models.model import MLMODEL, Model  # noqa: PLC0415

    uri = f"models:/{version.name}/{version.version}"
    try:
        files, path = session.reading.model_files(uri)
        model = Model.read(files.local_path(f"{path}/{MLMODEL}" if path else MLMODEL))
    except TrackerError as error:
        return {"problem": str(error)}
    signature = model.signature.to_dict() if model.signature else {}
    return {"flavors": list(model.flavors), **signature, "metadata": model.metadata}


def _flat(found: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in found.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _joined(value)))
    return rows


def _write_versions(session: Session, versions: list[ModelVersion]) -> None:
    """Write versions as a table or as CSV."""
    columns = [
        Column("version", right=True, style="bold"),
        Column("aliases", show=_joined, exact=_joined, style="green"),
        Column("run_id", "run"),
        Column("current_stage", "stage"),
        Column("creation_timestamp", "registered", show=_ago(session)),
        Column("tags", show=_joined, exact=_joined),
        Column("description"),
    ]
    rows = [[getattr(version, column.name) for column in columns] for version in versions]
    if session.options.format == "table":
        columns, rows = _for_reading(columns, versions)
    write(session.console, columns, rows, session.options.format)


def _for_reading(
    columns: list[Column], versions: list[ModelVersion]
) -> tuple[list[Column], list[list[Any]]]:
    """Columns with something in them; of the tags of a promotion only the sentence why."""
    reasons = [version.tags.get(PROMOTION_WHY) for version in versions]
    shown_versions = [replace(version, tags=_own_tags(version)) for version in versions]
    kept = [
        column
        for column in columns
        if (column.name != "current_stage" or _has_stages(versions))
        and (column.name != "tags" or any(version.tags for version in shown_versions))
    ]
    rows = [[getattr(version, column.name) for column in kept] for version in shown_versions]
    if not any(reasons):
        return kept, rows
    return [*kept, Column("why")], [
        [*row, reason] for row, reason in zip(rows, reasons, strict=True)
    ]


def _own_tags(version: ModelVersion) -> dict[str, str]:
    return {key: text for key, text in version.tags.items() if not key.startswith(PROMOTION)}


def _joined(value: Any) -> Any:
    """A list or a dictionary as one text."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    return ", ".join(value) if isinstance(value, list) else value


def _has_stages(versions: list[ModelVersion]) -> bool:
    return any(version.current_stage != "None" for version in versions)


def _latest(model: RegisteredModel) -> int | None:
    return max((version.version for version in model.latest_versions), default=None)


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} → {version}" for alias, version in aliases.items())


def _label(version: ModelVersion) -> str:
    names = ", ".join(f"@{alias}" for alias in version.aliases)
    return f"{version.version} ({names})" if names else str(version.version)


def _ago(session: Session) -> Any:
    return lambda timestamp_ms: text.ago(timestamp_ms, session.console.now)
