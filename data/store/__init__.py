"""The store: everything that a run leaves behind, as files that are complete or absent.

`Store` (data/store/store.py) is the only door. Layout: docs/architecture.md.
"""

from data.store.copying import local_copy
from data.store.damage import DamagedFileError
from data.store.packs.compact import Compaction
from data.store.store import Store

__all__ = ["Compaction", "DamagedFileError", "Store", "local_copy"]
