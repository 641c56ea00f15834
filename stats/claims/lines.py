"""Which estimates E and standard errors S > 0 printed figures leave possible.

Estimate, statistic, p-value and both ends of a Wald interval bound E by straight lines in S:
a_low + b_low S <= E <= a_high + b_high S. Eliminating E (Fourier-Motzkin) leaves one inequality in S for each
pair of a lower and an upper line, so that the possible S are an interval, found exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from stats.claims.printed import Range

_TOLERANCE = 1e-12
_ANY = Range(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Band:
    """All (E, S) with low[0] + low[1] S <= E <= high[0] + high[1] S and S in `spread`; None: no bound."""

    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None
    spread: Range = _ANY


def possible_spread(bands: Iterable[Band]) -> Range:
    """Return the standard errors that all bands leave possible, an empty range if there is none."""
    bands = list(bands)
    low = max((band.spread.low for band in bands), default=0.0)
    high = min((band.spread.high for band in bands), default=math.inf)
    lows = [band.low for band in bands if band.low is not None]
    highs = [band.high for band in bands if band.high is not None]
    for (a, b), (c, d) in product(lows, highs):
        room, slope = c - a, b - d  # slope * S <= room
        if slope > 0.0:
            high = min(high, room / slope)
        elif slope < 0.0:
            low = max(low, room / slope)
        elif room < -_TOLERANCE:
            return Range(math.inf, -math.inf)
    if high <= 0.0:  # figures that agree for a standard error of 0 only
        return Range(math.inf, -math.inf)
    touching = high < low <= high + _TOLERANCE * max(1.0, abs(high))  # rounding errors of this calculation
    return Range(low, low if touching else high)


def estimate_band(values: Range) -> Band:
    """The estimate lies in `values`."""
    return Band(_line(values.low, 0.0), _line(values.high, 0.0))


def ratio_band(ratios: Range) -> Band:
    """The estimate is a number of standard errors in `ratios`."""
    low = (0.0, ratios.low) if math.isfinite(ratios.low) else None
    high = (0.0, ratios.high) if math.isfinite(ratios.high) else None
    return Band(low, high)


def limit_band(limit: Range, quantile: Range, *, side: int, open_end: bool = False) -> Band:
    """One limit of an interval E + side * q * S lies in `limit`, with q in `quantile`.

    side : -1 lower limit, 1 upper;  open_end : the limit was cut off there, so that it may lie further out
    """
    if side < 0:
        return Band(None if open_end else _line(limit.low, quantile.low), _line(limit.high, quantile.high))
    return Band(_line(limit.low, -quantile.high), None if open_end else _line(limit.high, -quantile.low))


def _line(level: float, slope: float) -> tuple[float, float] | None:
    return (level, slope) if math.isfinite(level) else None
