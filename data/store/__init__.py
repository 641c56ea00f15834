"""The store: everything that a run leaves behind, as files that are complete or absent.

`Store` (data/store/store.py) is the only door. Layout: docs/architecture.md.
"""

from data.store.store import Store

__all__ = ["Store"]
