"""Cochran's Q: are K classifiers right equally often on the same images? With exact p and post-hoc pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from stats.checks import check_choice
from stats.multiplicity.adjust import adjust_p
from stats.rates.mcnemar import VARIANTS, McnemarResult, mcnemar_counts
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

MOST_STEPS = 100_000_000  # additions up to which the exact distribution is worked out
MOST_PATTERNS = 5_000  # ways to place the right answers of one image that are listed
FEW_ROWS = 24  # n_informative * K below this: Cochran's chi-square approximation is rough
_WORD = 62  # bits of a whole number that are used
_DRAWS_PER_BINOMIAL = 20  # drawing and adding so many patterns costs what one binomial number does
_CHUNK = 4_000_000  # numbers of a random table held at once
NONE_DIFFER = "all classifiers are right on the same images: no chi-square, permutation p 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CochranResult:
    """Cochran's test of K classifiers with its post-hoc comparisons, unrounded.

    Attributes
    ----------
    correct : int array, shape (K,)   images that each classifier got right
    n : images;  n_informative : images on which the classifiers differ, the only ones that matter
    statistic, df, p_chi2 : Q and its chi-square p, df = K - 1; NaN where all agree
    p_permutation : share of the tables with as extreme a Q, the right answers of each image placed at random
    exact : whether `p_permutation` counts all tables;  n_resamples : random tables used otherwise, else 0
    pairs : McNemar's test of every pair (a before b), `pair_p` of the chosen variant, `pair_p_adjusted`
    """

    names: tuple[str, ...]
    correct: NDArray[np.int64]
    n: int
    n_informative: int
    statistic: float
    df: int
    p_chi2: float
    p_permutation: float
    exact: bool
    n_resamples: int
    pairs: tuple[McnemarResult, ...]
    pair_variant: str
    pair_p: NDArray[np.float64]
    pair_p_adjusted: NDArray[np.float64]
    adjust: str
    note: str | None

    @property
    def method(self) -> str:
        """How `p_permutation` was found."""
        how = "exact" if self.exact else f"{self.n_resamples} random tables, (b + 1) / (m + 1)"
        return f"Cochran Q, permutation within images, {how}"

    def to_results(self) -> list[ComparisonResult]:
        """Return the row of Q (chi-square), the row of its permutation p, and one row per pair."""
        shared: dict[str, Any] = {"analysis": "cochran", "metric": "accuracy", "n": self.n, "note": self.note}
        rows = [
            ComparisonResult(
                **shared,
                comparison="all equal",
                statistic=self.statistic,
                df=float(self.df),
                p_value=self.p_chi2,
                p_adjusted=self.p_chi2,
                method="Cochran Q, chi-square",
            ),
            ComparisonResult(
                **shared,
                comparison="all equal",
                statistic=self.statistic,
                p_value=self.p_permutation,
                p_adjusted=self.p_permutation,
                method=self.method,
            ),
        ]
        for (a, b), fit, adjusted in zip(
            combinations(self.names, 2), self.pairs, self.pair_p_adjusted, strict=True
        ):
            row = fit.to_result(variant=self.pair_variant)
            fields = {name: getattr(row, name) for name in row.__dataclass_fields__}
            fields |= {"family": "all pairs", "arm_a": a, "arm_b": b, "p_adjusted": float(adjusted)}
            rows.append(ComparisonResult(**fields))
        return rows

    def to_frame(self) -> pd.DataFrame:
        """Return the rows of `to_results` in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def cochran_test(
    correct: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    variant: str = "mid_p",
    adjust: str = "holm",
    conf_level: float = 0.95,
    n_resamples: int = 99_999,
    rng: np.random.Generator,
) -> CochranResult:
    """Test whether K classifiers are right equally often on the same images.

    Parameters
    ----------
    correct : bool array, shape (n, K)   True where the classifier is right
    variant : of McNemar's test of the pairs: "mid_p", "exact", "chi2" or "chi2_corrected"
    adjust : over all pairs, see `adjust_p`
    conf_level : of the intervals of the pairs, each alone
    n_resamples, rng : random tables, used where the exact distribution is too large

    Raises
    ------
    ValueError : no image, fewer than 2 classifiers, an unknown variant, fewer than 99 resamples
    TypeError : values other than true and false; `rng` is no numpy Generator

    Notes
    -----
    Takes images as independent. Images on which all classifiers agree change nothing. For K = 2, Q is
    McNemar's chi-square without correction, and the permutation p the exact McNemar p. Holm's adjustment
    of the pairs holds by itself; Q need not be significant first.
    Sources: Cochran 1950 (Biometrika 37:256); permutation: Patil 1975 (J Am Stat Assoc 70:186).
    Checked against R (tests/golden/comparisons_more.json).
    """
    check_choice("variant", variant, tuple(VARIANTS))
    table = _checked(correct)
    n, k = table.shape
    names = tuple(names) if names is not None else tuple(f"model {i + 1}" for i in range(k))
    if len(names) != k:
        raise ValueError(f"{k} columns came with {len(names)} names.")
    if n_resamples < 99:
        raise ValueError(f"`n_resamples` is {n_resamples}; give at least 99, 99999 are usual.")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"`rng` must be a numpy Generator (np.random.default_rng(seed)), got {type(rng).__name__}."
        )
    right = table.sum(axis=1)
    rows = right[(right > 0) & (right < k)]
    totals = table.sum(axis=0)
    statistic, p_permutation, exact = NAN, 1.0, True
    if rows.size:
        statistic = float((k - 1) * (k * (totals**2).sum() - totals.sum() ** 2) / (rows * (k - rows)).sum())
        p_permutation, exact = _permutation_p(totals - (right == k).sum(), rows, n_resamples, rng)
    pairs = tuple(_pair(table[:, a], table[:, b], conf_level) for a, b in combinations(range(k), 2))
    pair_p = np.array([pair.to_result(variant=variant).p_value for pair in pairs])
    few = f"only {rows.size} images tell the classifiers apart: prefer the permutation p"
    return CochranResult(
        names=names,
        correct=totals,
        n=n,
        n_informative=rows.size,
        statistic=statistic,
        df=k - 1,
        p_chi2=float(chdtrc(k - 1, statistic)),
        p_permutation=p_permutation,
        exact=exact,
        n_resamples=0 if exact else n_resamples,
        pairs=pairs,
        pair_variant=variant,
        pair_p=pair_p,
        pair_p_adjusted=adjust_p(pair_p, adjust),
        adjust=adjust,
        note=joined_notes(None if rows.size else NONE_DIFFER, few if 0 < rows.size * k < FEW_ROWS else None),
    )


def _checked(correct: ArrayLike) -> NDArray[np.int64]:
    table = np.asarray(correct)
    if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] < 2:
        raise ValueError(
            f"`correct` has shape {table.shape}; give one row per image and one column per "
            "classifier, at least 2."
        )
    if table.dtype != bool and not np.isin(table, (0, 1)).all():
        raise TypeError("`correct` must be true or false per image; compare predictions with labels first.")
    return table.astype(np.int64)


def _pair(a: NDArray[np.int64], b: NDArray[np.int64], conf_level: float) -> McnemarResult:
    both, only_a, only_b = int((a & b).sum()), int((a > b).sum()), int((a < b).sum())
    return mcnemar_counts(both, only_a, only_b, a.size - both - only_a - only_b, conf_level=conf_level)


def _permutation_p(
    totals: NDArray[np.int64], rows: NDArray[np.int64], n_resamples: int, rng: np.random.Generator
) -> tuple[float, bool]:
    """P(sum of squared column totals at least as large), and whether it is exact.

    Q is an increasing function of that sum, a whole number, so that ties are exact. `rows` = right answers
    of each informative image.
    """
    k, least = totals.size, int((totals**2).sum())
    patterns = sum(comb(k, int(u)) for u in rows)
    if patterns * float(rows.size + 1) ** (k - 1) <= MOST_STEPS:
        return _exact_p(k, rows, least), True
    reached = 0
    for squares in _random_squares(k, rows, n_resamples, rng):
        reached += int((squares >= least).sum())
    return (reached + 1) / (n_resamples + 1), False


def _exact_p(k: int, rows: NDArray[np.int64], least: int) -> float:
    """Work out the distribution of the totals of the first k - 1 columns, image by image."""
    size = rows.size + 1
    chance = np.zeros((size,) * (k - 1))
    chance[(0,) * (k - 1)] = 1.0
    for done, u in enumerate(rows.tolist()):
        reached = slice(0, done + 1)  # totals so far
        old = chance[(reached,) * (k - 1)].copy()
        chance[(slice(0, done + 2),) * (k - 1)] = 0.0
        for chosen in combinations(range(k), u):
            place = tuple(slice(1, done + 2) if j in chosen else reached for j in range(k - 1))
            chance[place] += old
        chance /= comb(k, u)
    grid = np.indices(chance.shape)
    last = int(rows.sum()) - grid.sum(axis=0)
    return min(1.0, float(chance[(grid**2).sum(axis=0) + last**2 >= least].sum()))


def _random_squares(k: int, rows: NDArray[np.int64], n_resamples: int, rng: np.random.Generator):
    """Yield sums of squared column totals of random tables, in chunks that fit the memory."""
    counts = {u: int((rows == u).sum()) for u in np.unique(rows).tolist()}
    listed = {u: comb(k, u) <= MOST_PATTERNS for u in counts}
    widest = max(max(comb(k, u), n) if listed[u] else n * k for u, n in counts.items())
    step = max(1, _CHUNK // widest)
    for start in range(0, n_resamples, step):
        m = min(step, n_resamples - start)
        totals = np.zeros((m, k), dtype=np.int64)
        for u, count in counts.items():
            if listed[u]:
                totals += _random_totals(_patterns(k, u), count, m, rng)
            else:
                place = np.argsort(rng.random((m, count, k)), axis=2) < u
                totals += place.sum(axis=1)
        yield (totals**2).sum(axis=1)


def _patterns(k: int, u: int) -> NDArray[np.int64]:
    """All ways to place u right answers among k classifiers, shape (comb(k, u), k)."""
    patterns = np.zeros((comb(k, u), k), dtype=np.int64)
    for i, chosen in enumerate(combinations(range(k), u)):
        patterns[i, list(chosen)] = 1
    return patterns


def _random_totals(
    patterns: NDArray[np.int64], count: int, m: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Column totals of `count` images with a random pattern each, in m tables: shape (m, k).

    Few patterns: how often each is drawn. Many: the patterns themselves are drawn and added up with several
    totals in one word.
    """
    if count > _DRAWS_PER_BINOMIAL * len(patterns):
        return rng.multinomial(count, np.full(len(patterns), 1.0 / len(patterns)), size=m) @ patterns
    drawn = rng.integers(len(patterns), size=(m, count))
    bits = count.bit_length()
    together = _WORD // bits
    totals = np.empty((m, patterns.shape[1]), dtype=np.int64)
    for first in range(0, patterns.shape[1], together):
        part = patterns[:, first : first + together]
        shifts = bits * np.arange(part.shape[1])
        words = (part << shifts).sum(axis=1)[drawn].sum(axis=1)
        totals[:, first : first + together] = (words[:, None] >> shifts) & ((1 << bits) - 1)
    return totals
