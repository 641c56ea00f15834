"""Where the audit keeps what it found of a set of images."""

from __future__ import annotations

import os
from pathlib import Path


def audit_cache(folder: Path | None = None) -> Path:
    """The folder `audit` in the cache: in `folder`, else in `$STUDY_CACHE`, else in `~/.cache/study`."""
    root = folder or Path(os.environ.get("STUDY_CACHE") or Path.home() / ".cache" / "study")
    return root / "audit"
