"""A run's artifacts as a zip archive, and the names of an archive's members."""

from __future__ import annotations

import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from tracker.exceptions import UnsafePathError
from tracker.files.atomic import BLOCK_BYTES
from tracker.files.paths import safe_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.entities import FileInfo
    from tracker.files.store import ArtifactStore

_FAST = 1
_LARGE_BYTES = 1 << 30
# A RuntimeError is an encrypted member, a NotImplementedError a compression that is not known.
DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError
)  # fmt: skip


def export_zip(store: ArtifactStore, files: Iterable[FileInfo], target: BinaryIO) -> None:
    """Writes stored files under their artifact paths; the target need not be seekable.

    No times are recorded: the same files give the same bytes.

    Raises:
        ArtifactError: A file cannot be read.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for info in files:
            write_member(archive, store, info, info.path)


def write_member(archive: zipfile.ZipFile, store: ArtifactStore, info: FileInfo, name: str) -> None:
    """Writes one stored file into an archive block by block.

    Raises:
        ArtifactError: The file cannot be read.
    """
    is_large = (info.file_size or 0) > _LARGE_BYTES
    with (
        store.open(info.path) as source,
        archive.open(name, "w", force_zip64=is_large) as member,
    ):
        while block := source.read(BLOCK_BYTES):
            member.write(block)


def member_name(member: zipfile.ZipInfo) -> str:
    """The name of an archive's member as a safe path.

    Raises:
        UnsafePathError: It breaks a rule of artifact names, or the member is a link.
    """
    # `filename` is already cut at a NUL: judge what the archive says.
    name = safe_path(member.orig_filename.removesuffix("/"))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnsafePathError(f"unsafe archive member {name!r}: it is a link")
    return name
