from __future__ import annotations

import gc
import os
import sqlite3
import threading
import weakref

import pytest

from tracker.connection import Connection
from tracker.database import Database


def test_a_threads_connection_goes_with_the_thread(tmp_path):
    database = Database(tmp_path / "t.db")
    used = []
    thread = threading.Thread(target=lambda: used.append(weakref.ref(database.connection)))
    thread.start()
    thread.join()
    gc.collect()
    assert used[0]() is None


def test_a_connection_that_nobody_has_any_more_is_closed(tmp_path):
    connection = sqlite3.connect(tmp_path / "t.db", factory=Connection)
    connection.execute("CREATE TABLE words (word)")
    connection.execute("BEGIN IMMEDIATE")
    del connection
    gc.collect()  # From Python 3.13 on, warns of what it must close itself.
    other = sqlite3.connect(tmp_path / "t.db", timeout=0, factory=Connection)
    other.execute("BEGIN IMMEDIATE")


def test_a_connection_that_another_thread_lets_go_of_is_closed(tmp_path):
    held = [sqlite3.connect(tmp_path / "t.db", factory=Connection)]
    thread = threading.Thread(target=lambda: (held.clear(), gc.collect()))
    thread.start()
    thread.join()
    assert held == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_forked_child_leaves_its_parents_connection_open(python):
    assert python(FORK).stdout == "(1,)\n"


FORK = """
import gc, os, sqlite3
from tracker.connection import Connection, _inherited
connection = sqlite3.connect("t.db", factory=Connection)
child = os.fork()
if child == 0:
    del connection
    gc.collect()
    print(_inherited[0].execute("SELECT 1").fetchone(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
