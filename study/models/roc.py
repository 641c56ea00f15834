"""Parts of the ROC curves of K models: operating points, partial areas, bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from stats.checks import check_choice
from stats.results import ComparisonResult
from stats.roc.bands import BANDS as KINDS
from stats.roc.bands import roc_band
from stats.roc.operating_point import operating_point_ci, operating_point_test
from stats.roc.partial_auc import partial_auc_ci, partial_auc_test
from study.models.scored import ModelOptions, ScoredModels, adjusted, pair_names

Test = Callable[..., ComparisonResult]

BANDS = ("auto", *KINDS, "none")
BAND_COLUMNS = ("model", "specificity", "sensitivity", "conf_low", "conf_high", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class RocParts:
    """Which parts of the curves are asked for.

    Attributes
    ----------
    specificity, sensitivity : values at which the other rate is read
    partial : lowest and highest specificity (or sensitivity) of a partial area, None for none
    focus : the rate that `partial` speaks of;  correct : McClish's index instead of the area
    band : kind of a simultaneous band, one of BANDS; "auto": "ks", for patients "fixed-width"
    """

    specificity: Sequence[float] = ()
    sensitivity: Sequence[float] = ()
    partial: tuple[float, float] | None = None
    focus: str = "specificity"
    correct: bool = False
    band: str = "auto"

    @property
    def points(self) -> list[dict[str, Any]]:
        """One keyword per operating point."""
        return [
            *({"specificity": value} for value in self.specificity),
            *({"sensitivity": value} for value in self.sensitivity),
        ]

    @property
    def area(self) -> dict[str, Any] | None:
        """Keywords of the partial area."""
        if self.partial is None:
            return None
        low, high = self.partial
        return {"low": low, "high": high, "focus": self.focus, "correct": self.correct}


def roc_part_rows(models: ScoredModels, parts: RocParts, options: ModelOptions) -> list[ComparisonResult]:
    """Return operating points and partial areas of every model with intervals.

    The intervals of points are the hybrid ones, for patients the percentiles of resampled patients.
    """
    shared: dict[str, Any] = {
        "n_resamples": options.n_resamples,
        "group": models.group,
        "conf_level": options.conf_level,
    }
    rows: list[ComparisonResult] = []
    for k, name in enumerate(models.names):
        own = models.scores[:, k]
        kind = "hybrid" if models.group is None else "percentile"
        found = [
            operating_point_ci(models.labels, own, **point, interval=kind, rng=options.rng(), **shared)
            for point in parts.points
        ]
        rows += [replace(fit.to_result(), arm_a=name) for fit in found]
        if parts.area is not None:
            area = partial_auc_ci(models.labels, own, **parts.area, rng=options.rng(), **shared)
            rows.append(replace(area.to_result(), arm_a=name))
    return rows


def roc_part_pairs(models: ScoredModels, parts: RocParts, options: ModelOptions) -> list[ComparisonResult]:
    """Return the paired bootstrap tests of the same quantities; each quantity is a family of its own."""
    shared: dict[str, Any] = {
        "n_resamples": options.n_resamples,
        "group": models.group,
        "conf_level": options.conf_level,
    }
    asked: list[tuple[Test, dict[str, Any]]] = [(operating_point_test, point) for point in parts.points]
    if parts.area is not None:
        asked.append((partial_auc_test, parts.area))
    rows: list[ComparisonResult] = []
    for test, keywords in asked:
        own = [
            replace(
                test(
                    models.labels,
                    models.scores[:, a],
                    models.scores[:, b],
                    **keywords,
                    rng=options.rng(),
                    **shared,
                ),
                **pair_names(models, a, b),
            )
            for a, b in models.pairs
        ]
        rows += adjusted(own, options.adjust)
    return rows


def roc_bands(models: ScoredModels, parts: RocParts, options: ModelOptions) -> pd.DataFrame:
    """Return the simultaneous band of every model in BAND_COLUMNS; empty where none was asked for.

    Raises
    ------
    ValueError : the band "ks" with patients
    """
    frames = []
    check_choice("band", parts.band, BANDS)
    kind = parts.band if parts.band != "auto" else "ks" if models.group is None else "fixed-width"
    for k, name in enumerate(models.names if kind != "none" else ()):
        band = roc_band(
            models.labels,
            models.scores[:, k],
            band=kind,
            rng=options.rng(),
            n_resamples=options.n_resamples,
            group=models.group,
            conf_level=options.conf_level,
        )
        frames.append(band.to_frame().assign(model=name, method=band.method))
    if not frames:
        return pd.DataFrame(columns=list(BAND_COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(BAND_COLUMNS)]
