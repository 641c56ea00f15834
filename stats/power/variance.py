"""Sampling variances of AUCs for planning: from formulas, from binormal parameters, or from a pilot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, owens_t

from stats.checks import check_choice, checked_labels, checked_scores
from stats.roc.components import auc_components, clustered_components

VARIANCES = {
    "obuchowski": "Obuchowski 1998",
    "hanley-mcneil": "Hanley and McNeil 1982",
    "binormal": "normal scores of equal variance",
}


def auc_variance(auc: float, n_positive: float, n_negative: float, *, variance: str = "obuchowski") -> float:
    """Return the variance of an estimated AUC, as planned.

    Parameters
    ----------
    auc : float in [0.5, 1)   the true AUC
    variance : "obuchowski" (normal ratings, widest), "hanley-mcneil" (exponential scores) or "binormal"
        (normal scores of equal variance in both classes: what DeLong's variance estimates there)

    Raises
    ------
    ValueError : another variance; an AUC outside [0.5, 1)

    Notes
    -----
    "obuchowski": 0.0099 exp(-a^2/2) [(5 a^2 + 8) + (a^2 + 8) / R] / n_positive, a = 1.414 probit(AUC), with
    the published rounded constants, as pROC. The other two: [A(1-A) + (m-1)(Q1-A^2) + (n-1)(Q2-A^2)] / mn.
    Sources: Obuchowski 1998 (SMMR 7:371); Hanley and McNeil 1982 (Radiology 143:29).
    """
    check_choice("variance", variance, tuple(VARIANCES))
    check_auc("auc", auc)
    if variance == "obuchowski":
        a = 1.414 * float(ndtri(auc))
        ratio = n_negative / n_positive
        return 0.0099 * math.exp(-a * a / 2.0) * ((5.0 * a * a + 8.0) + (a * a + 8.0) / ratio) / n_positive
    if variance == "hanley-mcneil":
        q1, q2 = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    else:  # P(two negatives below one positive), a bivariate normal probability with correlation 1/2
        q1 = q2 = auc - 2.0 * float(owens_t(ndtri(auc), 1.0 / math.sqrt(3.0)))
    square = auc * auc
    total = auc * (1.0 - auc) + (n_positive - 1.0) * (q1 - square) + (n_negative - 1.0) * (q2 - square)
    return total / (n_positive * n_negative)


def check_auc(name: str, auc: float) -> None:
    """Raise ValueError unless 0.5 <= auc < 1."""
    if not 0.5 <= auc < 1.0:
        raise ValueError(f"`{name}` is {auc}; a planned AUC lies from 0.5 to below 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BinormalPair:
    """Two models by their binormal parameters, for the variances of Obuchowski and McClish 1997.

    a = (mean of positives - mean of negatives) / sd of positives, b = sd of negatives / sd of positives;
    r_positive, r_negative = correlation of the two scores within each class. The published variance has no
    term for the covariance of a and b; the published covariance of two models has. With `published` it is
    kept so, as in pROC: the variance of a difference is then too wide, the more the higher the correlation
    (at 0.9 a power of 99 % is given as 54 %). Without it the term is there, and a model compared with itself
    has no variance.
    """

    a_reference: float
    b_reference: float
    a_new: float
    b_new: float
    r_positive: float
    r_negative: float
    published: bool = False

    @property
    def aucs(self) -> tuple[float, float]:
        """AUC of the reference and of the new model."""
        pairs = ((self.a_reference, self.b_reference), (self.a_new, self.b_new))
        first, second = (float(ndtr(a / math.sqrt(1.0 + b * b))) for a, b in pairs)
        return first, second

    def covariance(self, n_positive: float, n_negative: float) -> NDArray[np.float64]:
        """Return the covariance matrix of the two AUCs (reference, new), shape (2, 2)."""
        ratio = n_negative / n_positive
        a1, b1, a2, b2 = self.a_reference, self.b_reference, self.a_new, self.b_new
        (f1, g1), (f2, g2) = _slopes(a1, b1), _slopes(a2, b2)
        rp, rn = self.r_positive, self.r_negative
        cross = f1 * f2 * (rp + rn * b1 * b2 / ratio + rp * rp * a1 * a2 / 2.0)
        cross += g1 * g2 * b1 * b2 * (rn * rn + ratio * rp * rp) / (2.0 * ratio)
        cross += rp * rp * (f1 * g2 * a1 * b2 + f2 * g1 * a2 * b1) / 2.0
        joint = 0.0 if self.published else 1.0
        own = [
            f * f * (1.0 + b * b / ratio + a * a / 2.0)
            + g * g * b * b * (1.0 + ratio) / (2.0 * ratio)
            + joint * f * g * a * b
            for f, g, a, b in ((f1, g1, a1, b1), (f2, g2, a2, b2))
        ]
        return np.array([[own[0], cross], [cross, own[1]]]) / n_positive


def _slopes(a: float, b: float) -> tuple[float, float]:
    """Derivatives of the binormal AUC by a and by b."""
    spread = 1.0 + b * b
    density = math.exp(-a * a / (2.0 * spread)) / math.sqrt(2.0 * math.pi * spread)
    return density, -density * a * b / spread


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotComponents:
    """DeLong (or Obuchowski) components of one or two models, to be scaled to other numbers of images.

    Attributes
    ----------
    auc : float array, shape (K,), K = 1 or 2 (reference, new)
    positive, negative, cross : float array, shape (K, K)   parts of the covariance in the pilot that fall
        with the positives, with the negatives, and (patients with both) with their geometric mean
    design_effect : variance of the difference (K = 2) or of the AUC over that of independent images; 1
        without groups
    """

    auc: NDArray[np.float64]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    cross: NDArray[np.float64]
    n_positive: int
    n_negative: int
    n_groups: int | None
    design_effect: float

    def covariance(self, n_positive: float, n_negative: float) -> NDArray[np.float64]:
        """Return the covariance matrix of the AUCs with other numbers of images, shape (K, K)."""
        m, n = self.n_positive / n_positive, self.n_negative / n_negative
        return self.positive * m + self.negative * n + self.cross * math.sqrt(m * n)

    @property
    def correlation(self) -> float:
        """Correlation of the two estimated AUCs; NaN for one model or without variance."""
        matrix = self.covariance(self.n_positive, self.n_negative)
        if len(matrix) < 2 or not matrix[0, 0] * matrix[1, 1] > 0.0:
            return math.nan
        return float(matrix[0, 1] / math.sqrt(matrix[0, 0] * matrix[1, 1]))


def pilot_components(
    y_true: ArrayLike,
    score_reference: ArrayLike,
    score_new: ArrayLike | None = None,
    *,
    group: Sequence[Any] | None = None,
) -> PilotComponents:
    """Return the variance components of one model, or of two on the same images.

    Parameters
    ----------
    y_true : int array, shape (n,)   1 = positive class
    score_reference, score_new : float array, shape (n,)   larger means more positive
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used

    Raises
    ------
    ValueError : lengths differ; a score is not finite; a class has fewer than 2 images (or patients); no
        variance

    Notes
    -----
    DeLong's covariance is S10 / n_positive + S01 / n_negative; with patients scaled numbers mean more
    patients of the same kind.
    """
    labels = checked_labels(y_true, min_per_class=2)
    columns = [score_reference] if score_new is None else [score_reference, score_new]
    names = ["score_reference", "score_new"][: len(columns)]
    table = np.column_stack(
        [checked_scores(c, n=labels.size, names=[name]) for c, name in zip(columns, names, strict=True)]
    )
    plain = auc_components(labels, table)
    parts = plain if group is None else clustered_components(labels, table, group)
    contrast = np.array([[1.0]]) if score_new is None else np.array([[1.0, -1.0]])
    clustered, alone = (float(p.contrast_covariance(contrast)[0, 0]) for p in (parts, plain))
    if not (clustered > 0.0 and alone > 0.0):
        raise ValueError(
            "The pilot has no sampling variance (an AUC of 0 or 1, or identical curves); plan with formulas."
        )
    p, n = parts.positive, parts.negative
    cross = p.T @ n if parts.w_cross else np.zeros((len(columns), len(columns)))
    return PilotComponents(
        auc=parts.auc,
        positive=parts.w_positive * (p.T @ p),
        negative=parts.w_negative * (n.T @ n),
        cross=parts.w_cross * (cross + cross.T),
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=parts.n_groups,
        design_effect=clustered / alone,
    )
