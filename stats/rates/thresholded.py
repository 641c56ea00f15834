"""Counts and rates of a classifier at one threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stats.checks import checked_scores
from stats.results import NAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholded:
    """The 2 x 2 table at a threshold. Rates with an empty denominator are NaN."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def n(self) -> int:
        """Images."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def n_positive(self) -> int:
        """Positive images."""
        return self.true_positive + self.false_negative

    @property
    def accuracy(self) -> float:
        """Share of images that are right."""
        return _share(self.true_positive + self.true_negative, self.n)

    @property
    def sensitivity(self) -> float:
        """Share of positive images called positive."""
        return _share(self.true_positive, self.n_positive)

    @property
    def specificity(self) -> float:
        """Share of negative images called negative."""
        return _share(self.true_negative, self.n - self.n_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision; 0 where nothing positive is found."""
        return _share(
            2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative
        )

    @property
    def ppv(self) -> float:
        """Positive predictive value: share of positive calls that are right."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def npv(self) -> float:
        """Negative predictive value: share of negative calls that are right."""
        return _share(self.true_negative, self.true_negative + self.false_negative)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of sensitivity and specificity."""
        return (self.sensitivity + self.specificity) / 2.0

    @property
    def mcc(self) -> float:
        """Matthews' correlation of calls and labels; NaN where one of them never varies."""
        called = self.true_positive + self.false_positive
        margins = called * (self.n - called) * self.n_positive * (self.n - self.n_positive)
        if not margins:
            return NAN
        hits, errors = self.true_positive * self.true_negative, self.false_positive * self.false_negative
        return (hits - errors) / math.sqrt(margins)

    @property
    def positive_rate(self) -> float:
        """Share of images called positive."""
        return _share(self.true_positive + self.false_positive, self.n)

    @property
    def collapsed(self) -> bool:
        """Whether every image gets the same call."""
        return self.n > 0 and self.true_positive + self.false_positive in (0, self.n)


def thresholded(y_true: ArrayLike, score: ArrayLike, *, threshold: float = 0.5) -> Thresholded:
    """Return the counts with score >= threshold called positive.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class; one class alone is allowed
    score : float array, shape (n,)

    Raises
    ------
    ValueError : labels other than 0 and 1; lengths differ; a score is not finite
    """
    labels = np.asarray(y_true).ravel()
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("`y_true` has values other than 0 and 1; code the positive class as 1.")
    positive = labels == 1
    called = checked_scores(score, n=positive.size, names=["score"])[:, 0] >= threshold
    return Thresholded(
        true_positive=int((called & positive).sum()),
        false_positive=int((called & ~positive).sum()),
        false_negative=int((~called & positive).sum()),
        true_negative=int((~called & ~positive).sum()),
    )


def _share(count: int, total: int) -> float:
    return count / total if total else NAN
