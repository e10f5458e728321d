"""Copies a run's files from one artifact store to another."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.files import ArtifactStore


@dataclass(slots=True)
class Copied:
    """How many files, and their bytes before equal ones are stored once."""

    files: int = 0
    size_bytes: int = 0

    def add(self, other: Copied) -> None:
        """Count another copy in."""
        self.files += other.files
        self.size_bytes += other.size_bytes


def copy_files(source: ArtifactStore, target: ArtifactStore, *, overwrite: bool) -> Copied:
    """Copy every file; those that are there already only where `overwrite` says so.

    Raises:
        ArtifactError: A file cannot be read or written.
        UnsafePathError: A name or a link leads out of one of the two.
    """
    known = set() if overwrite else {info.path for info in target.walk()}
    copied = Copied()
    for info in source.walk():
        if info.path in known:
            continue
        with source.open(info.path) as file:
            target.log_stream(file if file.seekable() else io.BytesIO(file.read()), info.path)
        copied.add(Copied(1, info.file_size or 0))
    return copied
