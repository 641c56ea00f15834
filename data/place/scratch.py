"""Where files of a store elsewhere lie on this machine while something works on them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def scratch_folder(url: str) -> Path:
    """The folder of a store's URL: below `$STUDY_SCRATCH`, else `$STUDY_CACHE`, else `~/.cache/study`.

    Its last part is the store's own name.
    """
    named = os.environ.get("STUDY_SCRATCH") or os.environ.get("STUDY_CACHE")
    root = Path(named) if named else Path.home() / ".cache" / "study"
    return root / "stores" / hashlib.sha256(url.encode()).hexdigest()[:16] / url.rpartition("/")[2]
