"""A bounded folder of downloaded files, each checked by its digest whenever it is used."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import environment
from tracker.files.atomic import digest_of, make_folder, open_regular, temporary_name

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER_VARIABLE = "TRACKER_CACHE"
BYTES_VARIABLE = "TRACKER_CACHE_BYTES"
DEFAULT_BYTES = 2_000_000_000


def default_cache() -> DownloadCache:
    """The cache named by the environment, else one in the user's cache folder, of 2 GB.

    Raises:
        InvalidValueError: TRACKER_CACHE_BYTES is not a number.
    """
    limit = environment.number_of(BYTES_VARIABLE)
    folder = os.environ.get(FOLDER_VARIABLE) or _user_cache() / "ml-tracker" / "files"
    return DownloadCache(Path(folder), DEFAULT_BYTES if limit is None else int(limit))


class DownloadCache:
    """Keeps downloaded files until newer ones need the room.

    Args:
        folder: Where they lie; made at the first download.
        limit_bytes: Of all files together. A larger file is not kept.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def get(self, identity: str, size: int, fetch: Callable[[Path], None]) -> Path | None:
        """A file's copy in the cache, downloaded if need be.

        Args:
            identity: Its URL and whatever changes with its content, such as an ETag.
            size: Its length in bytes.
            fetch: Downloads it to the path it is given.

        Returns:
            None if the file is too large, or the folder cannot be written.
        """
        if size > self.limit_bytes:
            return None
        stem = hashlib.sha256(identity.encode()).hexdigest()
        kept = self._kept(stem)
        if kept is not None:
            return kept
        try:
            make_folder(self.folder)
            temporary = temporary_name(self.folder)
            temporary.touch()
        except OSError:
            return None
        try:
            fetch(temporary)
            self._make_room(size)
            return self._named(temporary, stem)
        finally:
            temporary.unlink(missing_ok=True)

    def _named(self, temporary: Path, stem: str) -> Path:
        with open_regular(temporary) as file:
            target = self.folder / f"{stem}-{digest_of(file)}"
        temporary.replace(target)
        return target

    def _kept(self, stem: str) -> Path | None:
        """The copy of this identity, if it is there and unchanged."""
        for path in self.folder.glob(f"{stem}-*"):
            with suppress(OSError):
                with open_regular(path) as file:
                    unchanged = digest_of(file) == path.name.partition("-")[2]
                if unchanged:
                    os.utime(path)
                    return path
                path.unlink()
        return None

    def _make_room(self, size: int) -> None:
        """Delete the files that were not used for longest."""
        found = []
        for path in self.folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(length for _, length, _ in found)  # The new file is among them.
        for _, length, path in sorted(found, key=lambda entry: entry[0])[:-1]:
            if total <= max(self.limit_bytes, size):
                return
            with suppress(OSError):
                path.unlink()
            total -= length


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a cached file, which stays when the cache deletes its own.

    Whoever has the target open, or opens it meanwhile, finds it whole.
    """
    make_folder(target.parent)
    temporary = temporary_name(target.parent)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        # Where both are one file already, the temporary name stays.
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _user_cache() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir())
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(named) if named else Path.home() / ".cache"
    except RuntimeError:  # No home folder.
        return Path(tempfile.gettempdir())
