"""The corrected resampled t test: two recipes over the folds of a cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from stats.checks import check_conf_level
from stats.results import NAN, ComparisonResult, joined_notes

METHOD = "corrected resampled t (Nadeau and Bengio 2003)"
NO_VARIANCE = "all folds have the same difference: the variance is 0, no test"
FEW = "{n} folds: the test has little power, and its correction is a rule of thumb"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampledT:
    """Mean difference over J folds with the corrected standard error.

    Attributes
    ----------
    naive_std_error : as if the folds were independent, sqrt(s^2 / J): too small, for comparison
    ratio : n_test / n_train, the correction's estimate of how much the folds share
    """

    mean_a: float
    mean_b: float
    difference: float
    std_error: float
    naive_std_error: float
    ratio: float
    statistic: float
    df: int
    p_value: float
    conf_low: float
    conf_high: float
    conf_level: float
    n_folds: int
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row; `n` counts folds."""
        return ComparisonResult(
            analysis="recipe",
            metric="auc",
            estimate_a=self.mean_a,
            estimate_b=self.mean_b,
            estimate=self.difference,
            std_error=self.std_error,
            statistic=self.statistic,
            df=float(self.df),
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            method=METHOD,
            n=self.n_folds,
            note=self.note,
        )


def resampled_t_test(
    a: ArrayLike, b: ArrayLike, *, n_train: float, n_test: float, conf_level: float = 0.95
) -> ResampledT:
    """Test whether two recipes differ in a metric, from its values in the same J folds.

    Parameters
    ----------
    a, b : float array, shape (J,)   metric of either recipe in each fold, same order; J >= 2. With several
        seeds per fold give their mean: seeds on one fold are no further folds
    n_train, n_test : images per fold for training and for testing (means over folds)

    Raises
    ------
    ValueError : lengths that differ, fewer than 2 folds, a value that is not finite, sizes not above 0

    Notes
    -----
    Training sets of the folds overlap, so their differences d are correlated and s^2 / J is too small. The
    variance used is s^2 (1 / J + n_test / n_train), with J - 1 degrees of freedom; s^2 with ddof 1.
    The test speaks of the recipes: other training sets of this size and new images. Made for repeated random
    splits; for a k-fold cross-validation no unbiased estimate exists (Bengio and Grandvalet 2004), and this
    is the usual cautious choice. Source: Nadeau and Bengio 2003 (Mach Learn 52:239), equation 9.
    """
    check_conf_level(conf_level)
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    _check(first, second, n_train, n_test)
    j = first.size
    differences = first - second
    mean, spread = float(differences.mean()), float(differences.var(ddof=1))
    ratio = float(n_test) / float(n_train)
    error = float(np.sqrt(spread * (1.0 / j + ratio)))
    note = FEW.format(n=j) if j < 10 else None
    statistic, p_value, half = NAN, NAN, NAN
    if error > 0.0:
        statistic = mean / error
        p_value = float(2.0 * stdtr(j - 1, -abs(statistic)))
        half = float(stdtrit(j - 1, 0.5 + conf_level / 2.0)) * error
    elif mean == 0.0:
        statistic, p_value, half = 0.0, 1.0, 0.0
    else:
        note = joined_notes(NO_VARIANCE, note)
    return ResampledT(
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        difference=mean,
        std_error=error,
        naive_std_error=float(np.sqrt(spread / j)),
        ratio=ratio,
        statistic=statistic,
        df=j - 1,
        p_value=p_value,
        conf_low=mean - half,
        conf_high=mean + half,
        conf_level=conf_level,
        n_folds=j,
        note=note,
    )


def _check(a: np.ndarray, b: np.ndarray, n_train: float, n_test: float) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"`a` and `b` have the shapes {a.shape} and {b.shape}; give one value per fold.")
    if a.size < 2:
        raise ValueError(f"{a.size} fold: a variance between folds needs 2 or more.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a fold has a metric that is not finite; a fold without both classes has no AUC.")
    if n_train <= 0 or n_test <= 0:
        raise ValueError(f"`n_train` is {n_train!r} and `n_test` {n_test!r}; both must be above 0.")
