"""Artifacts as an indented tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.cli.console import Console
    from tracker.entities import FileInfo


def artifact_lines(console: Console, files: Sequence[FileInfo]) -> Iterator[str]:
    """One line a file with its size, one a folder above it.

    Args:
        console: For its colours.
        files: With their paths, in the order of `ArtifactStore.walk`.
    """
    labels = list(_labels(files))
    width = max((text.display_width(label) for label, _ in labels), default=0)
    for label, size_bytes in labels:
        if size_bytes is None:
            yield console.styled(label, "blue")
        else:
            padding = " " * (width - text.display_width(label))
            yield f"{label}{padding}  {console.styled(f'{text.size(size_bytes):>9}', 'dim')}"


def _labels(files: Sequence[FileInfo]) -> Iterator[tuple[str, int | None]]:
    open_folders: list[str] = []
    for file in files:
        *folders, name = file.path.split("/")
        shared = _shared_length(folders, open_folders)
        for depth in range(shared, len(folders)):
            yield f"{'  ' * depth}{text.clean(folders[depth])}/", None
        open_folders = folders
        yield f"{'  ' * len(folders)}{text.clean(name)}", file.file_size or 0


def _shared_length(left: Sequence[str], right: Sequence[str]) -> int:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return length
