"""Area under the ROC curve of one model, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.components import auc_components, clustered_components
from stats.roc.placements import placements

AUC_INTERVALS = ("wald", "logit", "newcombe")


@dataclass(frozen=True, slots=True, kw_only=True)
class AucResult:
    """AUC of one model: estimate, DeLong standard error and interval, unrounded.

    `bound_low`, `bound_high` : one-sided bound at `conf_level` where the AUC is 1 (or 0) and its estimated
    variance 0, see `perfect_auc_bound`; (bound, 1) or (0, bound), else NaN.
    """

    auc: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    bound_low: float
    bound_high: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row (analysis "auc")."""
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
        )

    def to_frame(self) -> pd.DataFrame:
        """Return `to_result` as one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


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
    interval : "wald" (clipped to [0, 1], as pROC), "logit" (stays inside by itself) or "newcombe" (method 5
        of Newcombe 2006, see `newcombe_interval`: keeps its width at AUC 0 and 1; independent images only)

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images; "newcombe" and groups

    Notes
    -----
    At AUC 0 or 1 the estimated variance is 0, and the Wald and logit intervals have no width: the note says
    so, and `bound_low` and `bound_high` hold an exact one-sided bound.
    Checked against pROC `ci.auc(method = "delong")` (tests/golden/delong.json, roc.json).
    """
    check_choice("interval", interval, AUC_INTERVALS)
    check_conf_level(conf_level)
    if interval == "newcombe" and group is not None:
        raise ValueError(
            "interval='newcombe' assumes independent images; with `group` use 'wald' or 'logit'."
        )
    labels = checked_labels(y_true, min_per_class=2)
    scores = checked_scores(score, n=labels.size, names=["score"])
    parts = auc_components(labels, scores) if group is None else clustered_components(labels, scores, group)
    std_error = np.sqrt(np.maximum(np.diagonal(parts.covariance()), 0.0))
    value = float(parts.auc[0])
    if interval == "newcombe":
        low, high = newcombe_interval(value, parts.n_positive, parts.n_negative, conf_level=conf_level)
    else:
        ends = auc_interval(parts.auc, std_error, conf_level=conf_level, interval=interval)
        low, high = float(ends[0][0]), float(ends[1][0])
    bound = perfect_auc_bound(value, disjoint_pairs(labels, group), conf_level=conf_level)
    return AucResult(
        auc=value,
        std_error=float(std_error[0]),
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        bound_low=bound[0],
        bound_high=bound[1],
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=parts.n_groups,
        method=f"{'DeLong' if group is None else 'Obuchowski clustered'} variance, {interval} interval",
        note=joined_notes(
            *_interval_notes(auc_notes(["score"], parts.auc, std_error), interval),
            _bound_note(value, bound, conf_level),
        ),
    )


def perfect_auc_bound(value: float, pairs: int, *, conf_level: float = 0.95) -> tuple[float, float]:
    """Return the exact one-sided bound of an AUC whose estimate is 1 or 0; (NaN, NaN) for other estimates.

    Parameters
    ----------
    value : estimated AUC
    pairs : disjoint pairs of a positive and a negative image that can be formed: min(m, n); with groups,
        pairs of groups (an image drawn at random from each)

    Notes
    -----
    The Clopper-Pearson bound of pairs / pairs successes: (1 - level)^(1 / pairs). Pairs fixed before the
    scores are seen are independent trials that succeed with chance AUC, and an estimate of 1 means that all
    of them did; hence P(estimate = 1) <= AUC^min(m, n) for any two distributions. No bound that assumes
    nothing about them can be sharper: where the smaller class scores at the far end with chance 1 - AUC, and
    the larger class lies between, equality holds. Obuchowski and Lieber 2002 (Acad Radiol 9:526) treat the
    same problem under assumptions on the scores.
    """
    bound = (1.0 - conf_level) ** (1.0 / pairs)
    if value == 1.0:
        return bound, 1.0
    return (0.0, 1.0 - bound) if value == 0.0 else (NAN, NAN)


def newcombe_interval(
    value: float, n_positive: int, n_negative: int, *, conf_level: float = 0.95
) -> tuple[float, float]:
    """Return the score-type interval of an AUC, which keeps its width at 0 and 1.

    Notes
    -----
    The limits t solve |value - t| = z sqrt(V(t)) with the variance of Hanley and McNeil 1982 under
    exponential scores, both class sizes replaced by their mean:
    V(t) = t (1 - t) (1 + h ((1 - t) / (2 - t) + t / (1 + t))) / (m n), h = (m + n) / 2 - 1.
    Source: Newcombe 2006 (Stat Med 25:559), method 5. Depends on the AUC and the class sizes only.
    Checked against the equation solved by R `uniroot` (tests/golden/roc.json).
    """
    return newcombe_limits(value, n_positive, n_negative, float(ndtri(0.5 + conf_level / 2.0)))


def newcombe_limits(value: float, n_positive: int, n_negative: int, z: float) -> tuple[float, float]:
    """Return the limits of `newcombe_interval` at z standard errors, z > 0."""
    if value == 0.0:  # V is the same at t and 1 - t
        low, high = newcombe_limits(1.0, n_positive, n_negative, z)
        return 1.0 - high, 1.0 - low
    h = (n_positive + n_negative) / 2.0 - 1.0

    def share(t: float) -> float:  # z^2 V(t) / (1 - t)
        spread = 1.0 + h * ((1.0 - t) / (2.0 - t) + t / (1.0 + t))
        return z * z * t * spread / (float(n_positive) * n_negative)

    if value == 1.0:  # the root at 1 itself is divided out
        return float(brentq(lambda t: 1.0 - t - share(t), 0.0, 1.0, xtol=1e-15)), 1.0

    def excess(t: float) -> float:
        return (value - t) ** 2 - (1.0 - t) * share(t)

    low, high = (float(brentq(excess, *ends, xtol=1e-15)) for ends in ((0.0, value), (value, 1.0)))
    return low, high


def auc_interval(
    values: NDArray[np.float64], std_error: NDArray[np.float64], *, conf_level: float, interval: str = "wald"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return "wald" or "logit" limits of AUCs, shape (K,) each; see `auc_ci`."""
    check_choice("interval", interval, ("wald", "logit"))
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
            notes.append(f"the estimated variance of the AUC of {name} is 0: its interval has no width")
        if value < 0.5:
            notes.append(
                f"AUC of {name} is below 0.5 ({value:.3f}): larger scores go with the negative class; "
                "nothing was flipped"
            )
    return notes


def disjoint_pairs(labels: NDArray[np.bool_], group: Sequence[Any] | None) -> int:
    """Pairs of a positive and a negative image that share no image, nor a group."""
    if group is None:
        return int(min(labels.sum(), (~labels).sum()))
    codes, levels = pd.factorize(np.asarray(group, dtype=object))
    with_positive, with_negative = np.unique(codes[labels]).size, np.unique(codes[~labels]).size
    return min(with_positive, with_negative, len(levels) // 2)


def _interval_notes(notes: list[str], interval: str) -> list[str]:
    """Newcombe's interval has a width where the estimated variance is 0."""
    tail = ", so its interval has no width and understates the uncertainty"
    return [note.replace(tail, "") for note in notes] if interval == "newcombe" else notes


def _bound_note(value: float, bound: tuple[float, float], conf_level: float) -> str | None:
    """The one-sided bound in words."""
    if np.isnan(bound[0]):
        return None
    side = f"at least {bound[0]:.3f}" if value == 1.0 else f"at most {bound[1]:.3f}"
    return (
        f"the true AUC is {side} with {100.0 * conf_level:g} % confidence (exact, any distribution of scores)"
    )
