"""Permutation tests of two models on the same images: their scores change places within images or patients.

A difference of AUCs under all exchanges is a sum with one sign per image. So its null distribution is that of
a signed sum of whole numbers: counted exactly for most test sets, with its variance in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from stats.calibration.probabilities import check_bootstrap, checked_groups
from stats.checks import ALTERNATIVES, check_choice, checked_labels, checked_scores
from stats.results import NAN, ComparisonResult
from stats.roc.placements import placements

Floats = NDArray[np.float64]

EXCHANGES = ("ranks", "scores")
EXACT_CELLS = 2_000_000_000  # units x sum of their sizes up to which all exchanges are counted (about 1 s)
CHUNK = 4_000_000  # numbers of a random sign matrix held at once
SAME = "no exchange of the two models changes the difference: p 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationResult:
    """Permutation test of a difference a - b, unrounded.

    Attributes
    ----------
    null_std_error : standard deviation of the difference over all exchanges, in closed form
    statistic : estimate / null_std_error;  p_asymptotic : its normal p-value
    p_value : share of exchanges at least as extreme
    n_units : images or patients whose exchange changes something
    exact : whether `p_value` counts all 2^n_units exchanges
    n_resamples : random exchanges where not exact, else 0
    """

    metric: str
    estimate_a: float
    estimate_b: float
    estimate: float
    null_std_error: float
    statistic: float
    p_asymptotic: float
    p_value: float
    alternative: str
    exact: bool
    n_resamples: int
    n_units: int
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None

    def to_result(self) -> ComparisonResult:
        """Return the row as a ComparisonResult; a permutation test has no interval."""
        return ComparisonResult(
            analysis="permutation",
            metric=self.metric,
            arm_a="a",
            arm_b="b",
            estimate_a=self.estimate_a,
            estimate_b=self.estimate_b,
            estimate=self.estimate,
            std_error=self.null_std_error,
            statistic=self.statistic,
            p_value=self.p_value,
            p_adjusted=self.p_value,
            conf_level=NAN,
            alternative=self.alternative,
            method=self.method,
            n=self.n,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=self.note,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result().to_frame()


def auc_permutation_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    exchange: str = "ranks",
    alternative: str = "two-sided",
    n_resamples: int = 99_999,
    rng: np.random.Generator,
) -> PermutationResult:
    """Compare two AUCs measured on the same images by exchanging the models within images.

    Parameters
    ----------
    y_true : int array, shape (n,)               1 = positive class
    score_a, score_b : float array, shape (n,)   larger means more positive
    group : patient of every image; given, the models change places in all images of a patient at once
    exchange : "ranks", each model's midranks among all images change places; "scores", the scores themselves,
        only for models on one common scale
    alternative : "two-sided", "greater" (AUC a above AUC b) or "less"
    n_resamples, rng : random exchanges where there are too many to count; p is then (b + 1) / (m + 1)

    Raises
    ------
    ValueError : lengths differ; a score is not finite; one class only; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    Scores of two models have no common unit, so an exchanged score would be compared with foreign ones; ranks
    make them comparable (Venkatraman and Begg 1996, Biometrika 83:835). The statistic is the difference of
    AUCs of the exchanged ranks, ties one half, as Bandos, Rockette and Gur 2005 (Stat Med 24:2873), not the
    area between the curves of Venkatraman and Begg: curves of equal area that cross are no alternative here.
    The null hypothesis is that the models are exchangeable within images, which says more than equal AUCs.
    With signs s of the images, the difference is sum(s c) / (m n), where 2 c of a positive image is the
    difference of its placements among the negatives of both models, and of a negative one alike. Hence the
    exact distribution, and the variance sum(c^2) / (m n)^2. Checked against all exchanges made one by one in
    R (tests/golden/permutation.json).
    """
    check_choice("exchange", exchange, EXCHANGES)
    check_choice("alternative", alternative, ALTERNATIVES)
    check_bootstrap(n_resamples, rng)
    labels = checked_labels(y_true)
    both = {"score_a": score_a, "score_b": score_b}
    scores = np.hstack([checked_scores(s, n=labels.size, names=[name]) for name, s in both.items()])
    pairs = float(labels.sum()) * float((~labels).sum())
    quarters = _auc_quarters(labels, rankdata(scores, axis=0) if exchange == "ranks" else scores)
    values = placements(labels, scores).auc
    return _result(
        "auc",
        values,
        quarters,
        4.0 * pairs,
        group,
        alternative,
        n_resamples,
        rng,
        n_positive=int(labels.sum()),
        what=f"{exchange} of AUC",
    )


def accuracy_permutation_test(
    y_true: ArrayLike,
    call_a: ArrayLike,
    call_b: ArrayLike,
    *,
    group: Sequence[Any] | None = None,
    alternative: str = "two-sided",
    n_resamples: int = 99_999,
    rng: np.random.Generator,
) -> PermutationResult:
    """Compare two accuracies on the same images by exchanging the calls within images or patients.

    Parameters
    ----------
    y_true, call_a, call_b : int array, shape (n,)   1 = positive class
    group : patient of every image; given, the calls of all images of a patient change places at once

    Raises
    ------
    ValueError : lengths differ; values other than 0 and 1; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    With one image per patient this is McNemar's exact test. With patients it is exact where the clustered
    McNemar tests are asymptotic. Options as `auc_permutation_test`.
    """
    check_choice("alternative", alternative, ALTERNATIVES)
    check_bootstrap(n_resamples, rng)
    columns = {"y_true": y_true, "call_a": call_a, "call_b": call_b}
    labels, a, b = (_calls(name, values) for name, values in columns.items())
    if not labels.size == a.size == b.size:
        raise ValueError(
            f"`y_true`, `call_a` and `call_b` have {labels.size}, {a.size} and {b.size} values; "
            "give one each per image."
        )
    right = np.column_stack([a == labels, b == labels]).astype(np.float64)
    return _result(
        "accuracy",
        right.mean(axis=0),
        right[:, 0] - right[:, 1],
        float(labels.size),
        group,
        alternative,
        n_resamples,
        rng,
        n_positive=int(labels.sum()),
        what="calls",
    )


def _auc_quarters(labels: NDArray[np.bool_], values: Floats) -> Floats:
    """Return 4 c per image, whole numbers, shape (n,): see the notes of `auc_permutation_test`."""
    a, b = values[:, 0], values[:, 1]
    pooled_labels = np.concatenate([labels, labels])
    counts = placements(pooled_labels, np.concatenate([a, b])[:, None])
    positive, negative = counts.positive[:, 0], counts.negative[:, 0]
    m, n = int(labels.sum()), int((~labels).sum())
    quarters = np.empty(labels.size)
    quarters[labels] = 2.0 * (positive[:m] - positive[m:])
    quarters[~labels] = 2.0 * (negative[:n] - negative[n:])
    return np.rint(quarters)


def _result(
    metric: str,
    values: Floats,
    parts: Floats,
    unit: float,
    group: Sequence[Any] | None,
    alternative: str,
    n_resamples: int,
    rng: np.random.Generator,
    *,
    n_positive: int,
    what: str,
) -> PermutationResult:
    """Test sum(parts) / unit = 0; parts are whole numbers, one per image."""
    codes, n_groups = checked_groups(group, parts.size)
    sums = parts if codes is None else np.bincount(codes, weights=parts, minlength=n_groups or 0)
    kept = sums[sums != 0.0]
    sizes, total = np.abs(kept), float(kept.sum())
    exact = kept.size * float(sizes.sum()) <= EXACT_CELLS
    error = float(np.sqrt(np.square(kept).sum()) / unit)
    z = total / unit / error if error > 0 else 0.0
    tails = {"greater": float(ndtr(-z)), "less": float(ndtr(z)), "two-sided": 2.0 * float(ndtr(-abs(z)))}
    if kept.size == 0:
        p = 1.0
    elif exact:
        p = signed_sum_p(sizes.astype(np.int64), round(total), alternative)
    else:
        p = _random_p(kept, total, alternative, n_resamples, rng)
    within = "images" if codes is None else "groups"
    how = "all exchanges counted" if exact else f"{n_resamples} random exchanges, (b + 1) / (m + 1)"
    return PermutationResult(
        metric=metric,
        estimate_a=float(values[0]),
        estimate_b=float(values[1]),
        estimate=total / unit,
        null_std_error=error,
        statistic=z,
        p_asymptotic=tails[alternative] if kept.size else 1.0,
        p_value=p,
        alternative=alternative,
        exact=exact,
        n_resamples=0 if exact else n_resamples,
        n_units=kept.size,
        n=parts.size,
        n_positive=n_positive,
        n_groups=n_groups,
        method=f"paired permutation, {what} exchanged within {within}, {how}",
        note=SAME if kept.size == 0 else None,
    )


def signed_sum_p(sizes: NDArray[np.int64], total: int, alternative: str) -> float:
    """Return the p-value of a sum of whole numbers with random signs, all sign patterns counted.

    Parameters
    ----------
    sizes : int array, shape (u,), above 0
    total : the observed sum

    Notes
    -----
    One size after the other (Streitberg and Roehmel 1986): only halves and sums of positive numbers, so tails
    keep their relative accuracy; below 1e-300 they may be 0 and the smallest normal number is returned.
    """
    common = int(np.gcd.reduce(sizes))
    mass = np.zeros(int(sizes.sum()) // common + 1)
    mass[0], reach = 1.0, 0
    for size in np.sort(sizes // common).tolist():
        reach += size
        window = mass[: reach + 1]
        window *= 0.5
        window[size:] += window[: reach + 1 - size].copy()
    taken = (total // common + reach) // 2  # sum of the sizes that stand with a plus
    above, below = float(mass[taken:].sum()), float(mass[: taken + 1].sum())
    both = 2.0 * min(above, below)
    p = {"greater": above, "less": below, "two-sided": both}[alternative]
    return min(1.0, max(p, float(np.finfo(np.float64).tiny)))


def _random_p(
    parts: Floats, total: float, alternative: str, n_resamples: int, rng: np.random.Generator
) -> float:
    reached, done = 0, 0
    while done < n_resamples:
        rows = min(n_resamples - done, max(1, CHUNK // parts.size))
        chosen = rng.integers(0, 2, size=(rows, parts.size), dtype=np.int8).astype(np.float64)
        sums = 2.0 * (chosen @ parts) - total  # whole numbers, exact
        extreme = {"greater": sums >= total, "less": sums <= total, "two-sided": np.abs(sums) >= abs(total)}
        reached += int(extreme[alternative].sum())
        done += rows
    return (reached + 1) / (n_resamples + 1)


def _calls(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    calls = np.asarray(values).ravel()
    wrong = ~np.isin(calls, (0, 1))
    if wrong.any():
        raise ValueError(
            f"`{name}` has values other than 0 and 1 (row {int(np.flatnonzero(wrong)[0]) + 1}); give calls, "
            "1 = positive."
        )
    return calls == 1
