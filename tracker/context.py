"""What a run records by itself: user, source, command, git commit, host, installed packages.

It is the same for the whole process and read once.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from tracker import environment
from tracker.entities import SourceType
from tracker.tags import (
    MLFLOW_GIT_BRANCH,
    MLFLOW_GIT_COMMIT,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
    TRACKER_COMMAND,
    TRACKER_GIT_DIRTY,
    TRACKER_HOST,
    TRACKER_PID,
    TRACKER_PYTHON,
)

MAX_DIFF_BYTES: Final = 1 << 20
GIT_TIMEOUT_SECONDS: Final = 10.0
DIFF_FILE: Final = "environment/uncommitted.diff"
PACKAGES_FILE: Final = "environment/packages.txt"


@lru_cache(maxsize=1)
def user_name() -> str:
    """The login name."""
    import getpass  # noqa: PLC0415

    try:
        return readable(getpass.getuser())
    except (OSError, KeyError, ImportError):  # A container's numeric user without a passwd entry.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def run_tags() -> dict[str, str]:
    """The tags of a run that this process starts, under MLflow's names as far as it has one."""
    name, kind = _source()
    folder = _source_folder()
    tags = {
        MLFLOW_USER: user_name(),
        MLFLOW_SOURCE_NAME: name,
        MLFLOW_SOURCE_TYPE: kind.value,
        TRACKER_COMMAND: _command(),
        TRACKER_HOST: platform.node(),
        TRACKER_PID: str(os.getpid()),
        TRACKER_PYTHON: platform.python_version(),
    }
    commit, branch = git_commit(folder), git_branch(folder)
    if commit:
        tags[MLFLOW_GIT_COMMIT] = commit
    if branch:
        tags[MLFLOW_GIT_BRANCH] = branch
    diff = uncommitted(folder) if commit and enabled() else None
    if diff is not None:
        tags[TRACKER_GIT_DIRTY] = str(bool(diff)).lower()
    return {key: readable(tag) for key, tag in tags.items()}


def enabled() -> bool:
    """Whether the diff and the list of packages are recorded, which take some milliseconds.

    Raises:
        InvalidValueError: TRACKER_CAPTURE says neither yes nor no.
    """
    return environment.is_on(environment.TRACKER_CAPTURE, default=True)


def run_files() -> dict[str, bytes]:
    """The artifacts of a run that this process starts: the packages, and the diff if any."""
    found = {PACKAGES_FILE: packages()}
    folder = _source_folder()
    diff = uncommitted(folder) if git_commit(folder) else None
    if diff:
        found[DIFF_FILE] = diff
    return found


@lru_cache(maxsize=16)
def git_commit(folder: Path) -> str | None:
    """The commit checked out in the repository around `folder`, read from its files."""
    git_folder, head = _git_head(folder)
    try:
        return None if git_folder is None else _resolve(git_folder, head)
    except OSError:  # Somebody else's repository.
        return None


@lru_cache(maxsize=16)
def git_branch(folder: Path) -> str | None:
    """The branch checked out in the repository around `folder`; None where there is none."""
    _, head = _git_head(folder)
    prefix = "ref: refs/heads/"
    return head.removeprefix(prefix) if head.startswith(prefix) else None


@lru_cache(maxsize=16)
def uncommitted(folder: Path) -> bytes | None:
    """What differs from the commit around `folder`, as a diff of at most 1 MiB.

    None if git is not installed, takes too long, or refuses a repository that belongs to somebody
    else.
    """
    # The repository's external diff and text conversion programs are not run.
    options = ["HEAD", "--no-ext-diff", "--no-textconv", "--no-color"]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "diff", *options],  # noqa: S607  Whichever git is in use.
            capture_output=True,
            check=False,
            timeout=GIT_TIMEOUT_SECONDS,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode or len(done.stdout) <= MAX_DIFF_BYTES:
        return None if done.returncode else done.stdout
    note = f"\n[cut: the diff has {len(done.stdout)} bytes]\n"
    return done.stdout[:MAX_DIFF_BYTES] + note.encode()


@lru_cache(maxsize=1)
def packages() -> bytes:
    """The installed packages, one `name==version` per line.

    Read from the names of their `.dist-info` folders: opening each one's metadata takes 50 times
    as long.
    """
    found = set()
    for folder in map(Path, dict.fromkeys(sys.path)):
        with suppress(OSError):
            for entry in folder.glob("*.dist-info"):
                name, _, version = entry.stem.partition("-")
                found.add(f"{name.replace('_', '-')}=={version}")
    return "\n".join([*sorted(found, key=str.lower), ""]).encode()


def readable(text: str) -> str:
    """A text that the database can store; the name of a file may not be valid Unicode."""
    return text.encode(errors="replace").decode()


def _command() -> str:
    import shlex  # noqa: PLC0415

    return shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])


def _source() -> tuple[str, SourceType]:
    if "ipykernel" in sys.modules:
        return os.environ.get("JPY_SESSION_NAME", "notebook"), SourceType.NOTEBOOK
    return _script() or "python", SourceType.LOCAL


def _script() -> str:
    """The script that runs; empty in an interactive or embedded interpreter."""
    return sys.argv[0] if sys.argv else ""


def _source_folder() -> Path:
    script = Path(_script() or ".")
    try:
        return script.absolute().parent if script.is_file() else Path.cwd()
    except OSError:  # The working directory was deleted, or may not be looked into.
        return Path(os.sep)


def _git_head(folder: Path) -> tuple[Path | None, str]:
    """The `.git` folder around `folder` and its HEAD; starting git would cost milliseconds."""
    for candidate in (folder, *folder.parents):
        git_folder = candidate / ".git"
        try:
            if git_folder.is_file():  # A worktree or submodule names its folder in a file.
                git_folder = candidate / _text(git_folder).removeprefix("gitdir:").strip()
            if (git_folder / "HEAD").is_file():
                return git_folder, _text(git_folder / "HEAD").strip()
        except OSError:
            break
    return None, ""


def _resolve(git_folder: Path, head: str) -> str | None:
    if not head.startswith("ref: "):
        return head
    ref = head.removeprefix("ref: ")
    common = git_folder / "commondir"
    root = git_folder / _text(common).strip() if common.is_file() else git_folder
    if (root / ref).is_file():
        return _text(root / ref).strip()
    packed = root / "packed-refs"
    lines = _text(packed).splitlines() if packed.is_file() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {ref}")), None)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
