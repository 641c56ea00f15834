"""Reports as JSON: every digit, and null where a number does not exist."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from stats.results import records


def plain_json(report: dict[str, Any]) -> str:
    """Return JSON with every digit; NaN and infinite values become null."""
    return json.dumps(_plain(report), allow_nan=False, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, pd.DataFrame):
        return _plain(records(value))
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
