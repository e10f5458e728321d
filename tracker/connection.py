"""A connection to SQLite that closes itself, and only in the process that opened it."""

from __future__ import annotations

import os
import sqlite3
from typing import Any


class Connection(sqlite3.Connection):
    """Closed when nothing refers to it any more: at the end of its thread, say.

    Whichever thread notices closes it, so any thread may use it, one at a time. One inherited
    through fork is put aside instead: closing it would touch the parent's write-ahead log.
    """

    pid: int | None = None
    # Whether a transaction of `Database.write` is open, and how many were superseded.
    writing: bool = False
    superseded: int = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"check_same_thread": False})
        self.pid = process.pid

    def __del__(self) -> None:
        if self.pid == process.pid:
            self.close()
        elif self.pid is not None:
            _inherited.append(self)


_inherited: list[Connection] = []


class _Process:
    """This process: asked in every call, where the system's own answer takes too long."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.pid = os.getpid()


process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.renew)
