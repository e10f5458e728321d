"""Names of artifacts: relative POSIX paths that no reader can take for anything else."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tracker.exceptions import AbsentFilesError, OutsideRootsError, UnsafePathError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TEMPORARY_PREFIX = ".tracker-tmp-"
BLOB_FOLDER = ".blobs"

_MAX_SEGMENT_BYTES = 255
_MAX_PATH_BYTES = 2048
RUN_ROOT = re.compile(r"(?:.*/)?[0-9a-f]{32}/artifacts", re.DOTALL)

_IS_WINDOWS = os.name == "nt"
_DRIVE_PATH = re.compile(r"[A-Za-z]:[/\\]")
_DRIVE_OR_SCHEME = re.compile(
    r"[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*:/"
    if _IS_WINDOWS
    else r"[A-Za-z]:(?=[/\\]|$)|[A-Za-z][A-Za-z0-9+.-]*:/"
)


def _has_control_character(path: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in path)


def _is_not_text(path: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in path)


def _has_dot_segment(path: str) -> bool:
    return any(segment and set(segment) <= {".", " "} for segment in path.split("/"))


def _leads_out_on_windows(path: str) -> bool:
    """Whether a name with a backslash, which is fine here, would climb or be absolute there."""
    folders = path.replace("\\", "/")
    return "\\" in path and (_has_dot_segment(folders) or folders.startswith("/"))


def _has_empty_segment(path: str) -> bool:
    return "" in path.split("/")


_ESCAPES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("it holds a control character", _has_control_character),
    ("it is not valid Unicode", _is_not_text),
    ("it holds a backslash", lambda path: _IS_WINDOWS and "\\" in path),
    ("it leads out where a backslash separates folders", _leads_out_on_windows),
    ("it is absolute", lambda path: path.startswith("/")),
    ("it starts with a drive or a URI scheme", lambda path: bool(_DRIVE_OR_SCHEME.match(path))),
    ("it has a segment of dots only, such as '..'", _has_dot_segment),
    ("it has an empty segment", _has_empty_segment),
)


def _size(path: str) -> int:
    return len(path.encode())


def _has_long_segment(path: str) -> bool:
    return any(_size(segment) > _MAX_SEGMENT_BYTES for segment in path.split("/"))


def _is_reserved(path: str) -> bool:
    segments = path.casefold().split("/")
    return any(part == BLOB_FOLDER or part.startswith(TEMPORARY_PREFIX) for part in segments)


_LIMITS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (f"it is longer than {_MAX_PATH_BYTES} bytes", lambda path: _size(path) > _MAX_PATH_BYTES),
    (f"it has a segment of more than {_MAX_SEGMENT_BYTES} bytes", _has_long_segment),
    (f"it uses a name of the tracker's own, {BLOB_FOLDER} or {TEMPORARY_PREFIX}…", _is_reserved),
)


def _decodings(path: str) -> Iterator[str]:
    """The text after one percent-decoding, two, and so on until nothing changes."""
    while (decoded := unquote(path)) != path:
        yield decoded
        path = decoded


def _refuse(path: str, rule: str) -> UnsafePathError:
    return UnsafePathError(f"unsafe artifact path {path!r}: {rule}; use a relative path like 'a/b'")


def _broken_rule(path: str, rules: Iterable[tuple[str, Callable[[str], bool]]]) -> str | None:
    return next((rule for rule, is_broken in rules if is_broken(path)), None)


@lru_cache(maxsize=1024)
def safe_path(path: str | os.PathLike[str]) -> str:
    """The path itself, once it is known to name one file below a run's root and nothing else.

    A name is stored as it is and never decoded; it is refused all the same when decoding it, once
    or several times, would lead out, because other readers of the store do decode.

    >>> safe_path("plots/100% a#b?.png")
    'plots/100% a#b?.png'

    Raises:
        UnsafePathError: The path is empty, absolute, climbs, or breaks another rule of a name.
    """
    text = os.fspath(path)
    if not isinstance(text, str) or not text:
        raise _refuse(text, "it is empty or not a text")
    if rule := _broken_rule(text, _ESCAPES + _LIMITS):
        raise _refuse(text, rule)
    for decoded in _decodings(text):
        if rule := _broken_rule(decoded, _ESCAPES):
            raise _refuse(text, f"after percent-decoding {rule}")
    return text


def is_inside(path: str | os.PathLike[str], root: str | os.PathLike[str]) -> bool:
    """Whether a resolved path is a resolved folder or lies below it."""
    path_text, root_text = os.fspath(path), os.fspath(root)
    return path_text == root_text or path_text.startswith(root_text.rstrip(os.sep) + os.sep)


def resolve_inside(root: Path, path: str | None) -> Path:
    """Where an artifact lies, every link resolved; it need not exist.

    Args:
        root: The run's root, already resolved.
        path: Relative to the root; None is the root itself.

    Raises:
        UnsafePathError: The path breaks a rule of `safe_path`, or a link leads out of the root.
    """
    found = root if path is None else root / safe_path(path)
    resolved = Path(os.path.realpath(found))
    if not is_inside(resolved, root):
        raise UnsafePathError(
            f"unsafe artifact path {path or str(root)!r}: a link leads out of the run's folder; "
            "put the file itself there"
        )
    return resolved


def resolve_root(folder: Path, allowed: Iterable[Path], shown: str) -> tuple[Path, Path]:
    """A run's root with every link resolved, and the allowed folder that holds it.

    Args:
        folder: Where the artifact URI leads.
        allowed: The folders it may lead into.
        shown: The artifact URI as it is stored, for the message.

    Raises:
        AbsentFilesError: It leads to a place that does not exist on this machine.
        OutsideRootsError: It leads anywhere else.
    """
    resolved, allowed = Path(os.path.realpath(folder)), list(allowed)
    for root in allowed:
        real_root = Path(os.path.realpath(root))
        if is_inside(resolved, real_root):
            return resolved, real_root
    is_linked = any(is_inside(os.path.abspath(folder), root) for root in allowed)  # noqa: PTH100
    if not is_linked and not os.path.lexists(resolved):
        raise absent(shown)
    raise OutsideRootsError(
        f"unsafe artifact URI {shown!r}: it leads to {str(resolved)!r}, outside the database's "
        "folder; add that folder to TRACKER_ALLOWED_ROOTS if you trust this database"
    )


def absent(uri: str) -> AbsentFilesError:
    """The error for an artifact URI that leads nowhere on this machine."""
    return AbsentFilesError(f"the artifact URI {uri!r} leads to no place on this machine")


def check_run_root(root: str) -> None:
    """Sees to it that only a run's own folder is deleted, whatever a database says.

    Raises:
        UnsafePathError: The folder is not named `…/<run_id>/artifacts`.
    """
    if not RUN_ROOT.fullmatch(root):
        raise UnsafePathError(
            f"will not delete {root!r}: it is not named '<run_id>/artifacts', so it may hold more "
            "than one run's files; delete it by hand"
        )


def stored_uri(uri: object) -> str:
    """The artifact URI of a row, unchanged: the column of a received file may hold anything.

    Raises:
        UnsafePathError: It is no text, or an empty one.
    """
    if not isinstance(uri, str) or not uri:
        raise UnsafePathError(
            f"unsafe artifact URI {uri!r}: it does not say where the files are; correct it in the "
            "database"
        )
    return uri


def path_of_uri(uri: str, database_folder: Path) -> Path:
    """The local path that a URI means: relative to the database's folder, absolute, or `file:`.

    Raises:
        AbsentFilesError: It is a path of another machine or of another operating system.
        UnsafePathError: It climbs, names another host, or carries a query or a fragment, or is no
            text.
    """
    uri = stored_uri(uri)
    text = _path_of_file_uri(uri) if uri.startswith("file:/") else uri.removeprefix("./")
    try:
        safe_path(text.removeprefix("/").rstrip("/"))
    except UnsafePathError:
        # What is nowhere here harms nobody: a run recorded elsewhere says where its files are.
        is_from_windows = os.name != "nt" and _DRIVE_PATH.match(text.removeprefix("/"))
        climbs = _has_dot_segment(text) and "\0" not in text
        if is_from_windows or (climbs and not os.path.lexists(database_folder / text)):
            raise absent(uri) from None
        raise
    return database_folder / text


def check_url(uri: str, allowed: Iterable[str]) -> None:
    """Sees to it that a URL is, or lies below, one of those that are allowed.

    Raises:
        UnsafePathError: It does not, climbs, or carries a query or a fragment.
    """
    if "?" in uri or "#" in uri or "::" in uri:
        raise UnsafePathError(f"unsafe artifact URI {uri!r}: a query, fragment or chain is refused")
    safe_path(re.sub(r"^[^:]+:/+", "", uri).rstrip("/"))
    if not any(f"{uri}/".startswith(f"{root.rstrip('/')}/") for root in allowed):
        raise OutsideRootsError(
            f"unsafe artifact URI {uri!r}: it leads outside the database's folder; add it "
            "to TRACKER_ALLOWED_ROOTS if you trust this database"
        )


def trusted_path(root: str) -> Path:
    """The local path of a root that the user, not a database, has named."""
    return Path(_path_of_file_uri(root) if root.startswith("file:/") else root)


def _path_of_file_uri(uri: str) -> str:
    rest = uri.removeprefix("file:")
    if "?" in rest or "#" in rest:
        raise _refuse(uri, "a file: URI may not carry a query or a fragment")
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        if host not in {"", "localhost"}:
            raise _refuse(uri, f"it names another host {host!r}")
    return unquote(rest)
