"""Files as a tree: folders with what they weigh, each above what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tracker.entities import FileInfo

# So many files are seen at once; of more, folders begin closed.
SEEN_AT_ONCE = 60
# Deeper folders stand in one line.
MAX_DEPTH = 12
WHOLE_CHAIN = 20


class Row(NamedTuple):
    """One line of the tree.

    Args:
        name: Its name; of a folder with those it holds alone.
        size: Bytes, of a folder all that lie in it.
        path: Of a file; of a folder with a slash at the end.
        depth: Below how many folders it stands.
    """

    name: str
    size: int
    path: str
    depth: int

    @property
    def is_folder(self) -> bool:
        """Whether the line is a folder's."""
        return self.path.endswith("/")


@dataclass
class _Folder:
    path: str = ""
    folders: dict[str, _Folder] = field(default_factory=dict)
    files: list[FileInfo] = field(default_factory=list)

    def add(self, item: FileInfo) -> None:
        folder = self
        *names, _ = item.path.split("/")
        deepest = ["/".join(names[MAX_DEPTH:])] if len(names) > MAX_DEPTH else []
        for name in names[:MAX_DEPTH] + deepest:
            path = f"{folder.path}{name}/"
            folder = folder.folders.setdefault(name, _Folder(path))
        folder.files.append(item)

    def size(self) -> int:
        inner = sum(folder.size() for folder in self.folders.values())
        return inner + sum(item.file_size or 0 for item in self.files)

    def rows(self, depth: int = 0) -> Iterator[Row]:
        for name, child in sorted(self.folders.items()):
            folder, title = child, name
            while len(folder.folders) == 1 and not folder.files:
                (inner, folder), *_ = folder.folders.items()
                title = f"{title}/{inner}"
            yield Row(_short(title), folder.size(), folder.path, depth)
            yield from folder.rows(depth + 1)
        for item in self.files:
            yield Row(item.path.rpartition("/")[2], item.file_size or 0, item.path, depth)


def _short(title: str) -> str:
    """The ends of a long chain of folders.

    >>> _short("a/long/way/down/to/the/bottom")
    'a/…/bottom'
    """
    first, _, rest = title.partition("/")
    between, _, last = rest.rpartition("/")
    return f"{first}/…/{last}" if between and len(title) > WHOLE_CHAIN else title


def rows(found: Iterable[FileInfo]) -> list[Row]:
    """The lines of the tree of some files, folders first.

    A folder that holds nothing but one folder stands in one line with it.
    """
    root = _Folder()
    for item in found:
        root.add(item)
    return list(root.rows())


def first_file(found: Iterable[FileInfo]) -> str:
    """The path of the uppermost file of the tree."""
    return next(row.path for row in rows(found) if not row.is_folder)


def closed_at_first(found: Collection[FileInfo]) -> set[str]:
    """The folders that begin closed: none of a few files, else all."""
    if len(found) <= SEEN_AT_ONCE:
        return set()
    return {row.path for row in rows(found) if row.is_folder}
