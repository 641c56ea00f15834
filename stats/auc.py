"""Area under the ROC curve of one model, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from stats.auc_components import auc_components, clustered_components
from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.placements import placements
from stats.results import ComparisonResult, joined_notes

AUC_INTERVALS = ("wald", "logit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AucResult:
    """AUC of one model: estimate, DeLong standard error and interval, unrounded."""

    auc: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS (analysis "auc")."""
        return ComparisonResult(
            analysis="auc",
            metric="auc",
            estimate=self.auc,
            std_error=self.std_error,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            n=self.n_positive + self.n_negative,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            method=self.method,
            note=self.note,
        ).to_frame()


def auc(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the AUC: the chance that a positive image scores above a negative one, ties one half.

    Raises
    ------
    ValueError : lengths differ; a score is not finite; one class only
    """
    labels = checked_labels(y_true)
    return float(placements(labels, checked_scores(score, n=labels.size, names=["score"])).auc[0])


def auc_ci(
    y_true: ArrayLike,
    score: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    interval: str = "wald",
) -> AucResult:
    """Return the AUC with DeLong's standard error and interval.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    score : float array, shape (n,)     larger means more positive
    group : patient of every image; given, the clustered variance of Obuchowski 1997 is used
    interval : "wald" (clipped to [0, 1], as pROC) or "logit" (stays inside by itself)

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images

    Notes
    -----
    At AUC 0 or 1 the estimated variance is 0 and the interval has no width: the note says so.
    Checked against pROC `ci.auc(method = "delong")` (tests/golden/delong.json).
    """
    check_choice("interval", interval, AUC_INTERVALS)
    check_conf_level(conf_level)
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    parts = auc_components(labels, scores) if group is None else clustered_components(labels, scores, group)
    std_error = np.sqrt(np.diagonal(parts.covariance()))
    low, high = auc_interval(parts.auc, std_error, conf_level=conf_level, interval=interval)
    return AucResult(
        auc=float(parts.auc[0]),
        std_error=float(std_error[0]),
        conf_low=float(low[0]),
        conf_high=float(high[0]),
        conf_level=conf_level,
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=parts.n_groups,
        method=f"{'DeLong' if group is None else 'Obuchowski clustered'} variance, {interval} interval",
        note=joined_notes(*auc_notes(["score"], parts.auc, std_error)),
    )


def auc_interval(
    values: NDArray[np.float64], std_error: NDArray[np.float64], *, conf_level: float, interval: str = "wald"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower and upper limits of AUCs, shape (K,) each; see `auc_ci`."""
    z = float(ndtri(0.5 + conf_level / 2.0))
    if interval == "wald":
        return np.clip(values - z * std_error, 0.0, 1.0), np.clip(values + z * std_error, 0.0, 1.0)
    inside = (values > 0.0) & (values < 1.0)
    safe = np.where(inside, values, 0.5)
    centre = np.log(safe) - np.log1p(-safe)
    half = z * std_error / (safe * (1.0 - safe))
    return np.where(inside, expit(centre - half), values), np.where(inside, expit(centre + half), values)


def auc_notes(names: Sequence[str], values: NDArray[np.float64], std_error: NDArray[np.float64]) -> list[str]:
    """Return what a reader must know about AUCs of 0 or 1, of no variance, and below one half."""
    notes = []
    for name, value, error in zip(names, values, std_error, strict=True):
        if value in (0.0, 1.0):
            notes.append(
                f"AUC of {name} is {value:.0f}: its estimated variance is 0, so its interval has no width "
                "and understates the uncertainty"
            )
        elif error == 0.0:
            notes.append(f"all scores of {name} rank alike: its estimated variance is 0")
        if value < 0.5:
            notes.append(
                f"AUC of {name} is below 0.5 ({value:.3f}): larger scores go with the negative class; "
                "nothing was flipped"
            )
    return notes
