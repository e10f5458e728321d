"""What lies in a folder that is to be uploaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.exceptions import ArtifactError, UnsafePathError
from tracker.files.paths import is_inside, safe_path

if TYPE_CHECKING:
    from collections.abc import Iterator


def files_to_upload(folder: Path) -> list[tuple[Path, str]]:
    """Every file below a folder with its artifact name, in the order of the names.

    Links are followed as long as they stay in the folder.

    Raises:
        ArtifactError: There is no such folder.
        UnsafePathError: A link leads out of the folder or round in a circle, or a file's name
            breaks a rule of artifact names.
    """
    if not folder.is_dir():
        raise ArtifactError(f"cannot log {str(folder)!r}: there is no such folder")
    root = Path(os.path.realpath(folder))
    found = sorted(_files_below(root, root), key=lambda path: path.as_posix())
    return [(path, safe_path(path.relative_to(root).as_posix())) for path in found]


def _files_below(folder: Path, root: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            _check_link(path, root)
        if path.is_dir():
            yield from _files_below(path, root)
        else:
            yield path


def _check_link(link: Path, root: Path) -> None:
    resolved = os.path.realpath(link)
    if not is_inside(resolved, root):
        raise UnsafePathError(
            f"cannot log {str(link)!r}: the link leads out of the folder, to {resolved!r}; log its "
            "target by itself"
        )
    if is_inside(os.path.realpath(link.parent), resolved):
        raise UnsafePathError(f"cannot log {str(link)!r}: the link leads round in a circle")
