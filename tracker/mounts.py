"""Tells network file systems, on which SQLite's write-ahead log does not work."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Final

from tracker.caller import stack_level

NETWORK_TYPES: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "9p"}
)


@lru_cache(maxsize=64)
def is_network(folder: Path) -> bool:
    """Whether `folder` lies on a network file system; warns at the first sight of one.

    Only Linux tells (`/proc/self/mounts`); elsewhere the answer is no.
    """
    kind = file_system(folder.resolve(), _mounts())
    if kind not in NETWORK_TYPES:
        return False
    warnings.warn(
        f"{str(folder)!r} is on a network file system ({kind}): SQLite's write-ahead log does not "
        f"work there, a slower rollback journal is used. A local folder is faster and safer.",
        stacklevel=stack_level(),
    )
    return True


def file_system(folder: Path, mounts: str) -> str:
    r"""The type of the file system that holds `folder`, by the longest mount point above it.

    >>> file_system(Path("/home/ada/runs"), "a / ext4 rw\nb /home nfs4 rw")
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, point, candidate, *_ = line.split(" ")
        where = Path(point.replace("\\040", " "))
        if len(where.parts) > best and folder.is_relative_to(where):
            best, kind = len(where.parts), candidate
    return kind


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
