"""Where a cell calls every image of validation or test alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.metrics import THRESHOLD


def collapsed_in(parts: Mapping[str, pd.DataFrame]) -> str | None:
    """Return where a cell predicts one class only: "val", "test", "val and test", else None.

    Parameters
    ----------
    parts : "val" and "test" -> score of its images; positive is score >= 0.5
    """
    called = {split: part["score"].to_numpy() >= THRESHOLD for split, part in parts.items()}
    alike = [split for split in ("val", "test") if split in called and _alike(called[split])]
    return " and ".join(alike) or None


def _alike(called: NDArray[np.bool_]) -> bool:
    return called.size > 0 and bool(called.all() or not called.any())
