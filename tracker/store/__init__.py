"""Every statement that reads or writes rows, one module per group of tables."""

from tracker.store.store import Store

__all__ = ["Store"]
