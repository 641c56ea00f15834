"""One simulated rate as a row, its Monte Carlo error, and whether it lies outside what is promised."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Row = dict[str, Any]
TOO_MANY, TOO_FEW = 1.2, 0.6  # shares of the promised error rate, beyond 2 Monte Carlo errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One simulation: `run(replicates, rng, **settings)` returns rows; seeded by its own name."""

    family: str
    settings: dict[str, Any]
    run: Callable[..., list[Row]]
    replicates: int
    quick: int

    @property
    def name(self) -> str:
        """Name, unique and the same in every run."""
        return f"{self.family} {self.run.__name__} {sorted(self.settings.items())}"

    def rows(self, *, quick: bool) -> list[Row]:
        """Run it; the same rows wherever and whenever."""
        rng = np.random.default_rng([2026, zlib.crc32(self.name.encode())])
        found = self.run(self.quick if quick else self.replicates, rng, **self.settings)
        return [{"family": self.family, **row} for row in found]


def rate(hits: ArrayLike, *, kind: str, method: str, nominal: float = 0.05, **settings: Any) -> Row:
    """Return a row from one truth value per simulated set.

    Parameters
    ----------
    kind : "size" or "power" (hits are rejections), "coverage" (hits are intervals that hold the truth)
    nominal : promised rate of errors: rejections, or intervals that miss the truth
    """
    values = np.asarray(hits, dtype=float)
    share = float(values.mean())
    return exact_rate(
        share,
        kind=kind,
        method=method,
        nominal=nominal,
        error=math.sqrt(share * (1.0 - share) / values.size),
        replicates=values.size,
        **settings,
    )


def exact_rate(
    share: float,
    *,
    kind: str,
    method: str,
    nominal: float = 0.05,
    error: float = 0.0,
    replicates: int = 0,
    **settings: Any,
) -> Row:
    """Return a row of a known rate; `error` 0 where all outcomes were added up."""
    return {
        **settings,
        "kind": kind,
        "method": method,
        "nominal": nominal,
        "rate": share,
        "error": error,
        "replicates": replicates,
        "flag": flag(1.0 - share if kind == "coverage" else share, error, nominal) if kind != "power" else "",
    }


def flag(errors: float, monte_carlo: float, nominal: float) -> str:
    """Return "many" or "few" where the rate of errors is clearly outside 0.6 to 1.2 of the promised one."""
    if errors - 2.0 * monte_carlo > TOO_MANY * nominal:
        return "many"
    return "few" if errors + 2.0 * monte_carlo < TOO_FEW * nominal else ""


def holds(low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Return where the interval holds the truth; an interval that does not exist (NaN) does not."""
    return (np.asarray(low) <= truth) & (np.asarray(high) >= truth)


def crossed(**choices: Iterable[Any]) -> list[dict[str, Any]]:
    """Return every combination of the choices as settings."""
    out: list[dict[str, Any]] = [{}]
    for name, values in choices.items():
        out = [{**settings, name: value} for settings in out for value in values]
    return out


def many(
    family: str,
    run: Callable[..., list[Row]],
    settings: list[dict[str, Any]],
    replicates: int,
    quick: int = 40,
) -> list[Case]:
    """Return one case per setting."""
    return [Case(family=family, settings=s, run=run, replicates=replicates, quick=quick) for s in settings]
