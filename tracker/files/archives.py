"""A run's artifacts as a zip archive, out and in."""

from __future__ import annotations

import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from tracker.exceptions import ArtifactError, UnsafePathError
from tracker.files.atomic import BLOCK_BYTES
from tracker.files.paths import safe_path

if TYPE_CHECKING:
    import io
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


def import_zip(store: ArtifactStore, source: BinaryIO, artifact_path: str | None = None) -> None:
    """Stores all files of an archive below the folder `artifact_path`.

    Raises:
        UnsafePathError: A member's name breaks a rule of artifact names, or it is a link.
        ArtifactError: The archive is damaged or encrypted, or a file cannot be written.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            folder = f"{artifact_path}/" if artifact_path else ""
            named = [
                (safe_path(folder + member_name(member)), member) for member in archive.infolist()
            ]
            for name, member in named:
                if not member.is_dir():
                    with archive.open(member) as file:
                        store.log_stream(cast("io.BufferedIOBase", file), name)
    except DAMAGE as error:
        reason = str(error) or "it ends too early"
        raise ArtifactError(f"cannot read the zip archive: {reason}") from error


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
