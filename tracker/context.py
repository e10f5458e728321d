"""What a run captures by itself: who started it, from which source, at which commit."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from tracker.entities import SourceType


@lru_cache(maxsize=1)
def user_name() -> str:
    """The login name."""
    import getpass  # noqa: PLC0415

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # A container's numeric user without a passwd entry.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def run_tags() -> dict[str, str]:
    """MLflow's reserved tags for the run that this process starts."""
    name, kind = _source()
    tags = {
        "mlflow.user": user_name(),
        "mlflow.source.name": name,
        "mlflow.source.type": kind.value,
    }
    commit = git_commit(Path(name).absolute().parent if Path(name).is_file() else Path.cwd())
    if commit:
        tags["mlflow.source.git.commit"] = commit
    return tags


@lru_cache(maxsize=16)
def git_commit(folder: Path) -> str | None:
    """The commit checked out in the repository around `folder`, read from its files.

    Starting git for it would cost milliseconds a run.
    """
    for candidate in (folder, *folder.parents):
        git_folder = candidate / ".git"
        if git_folder.is_file():  # A worktree or submodule names its folder in a file.
            git_folder = candidate / git_folder.read_text().removeprefix("gitdir:").strip()
        if (git_folder / "HEAD").is_file():
            return _resolve(git_folder, (git_folder / "HEAD").read_text().strip())
    return None


def _resolve(git_folder: Path, head: str) -> str | None:
    if not head.startswith("ref: "):
        return head
    ref = head.removeprefix("ref: ")
    common = git_folder / "commondir"
    root = git_folder / common.read_text().strip() if common.is_file() else git_folder
    if (root / ref).is_file():
        return (root / ref).read_text().strip()
    packed = root / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {ref}")), None)


def _source() -> tuple[str, SourceType]:
    if "ipykernel" in sys.modules:
        return os.environ.get("JPY_SESSION_NAME", "notebook"), SourceType.NOTEBOOK
    return sys.argv[0] or "python", SourceType.LOCAL
