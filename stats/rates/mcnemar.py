"""McNemar's tests of two classifiers on the same images, in all four usual forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betainc, chdtrc

from stats.rates.proportions import NEWCOMBE_PAIRED, clopper_pearson_ci, newcombe_paired_ci
from stats.results import NAN, ComparisonResult

NO_DISCORDANT = "both are right on the same images: no discordant pair, exact and mid-p are 1, no chi-square"
VARIANTS = {
    "chi2_corrected": "McNemar chi-square with continuity correction",
    "chi2": "McNemar chi-square",
    "exact": "McNemar exact binomial",
    "mid_p": "McNemar mid-p",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class McnemarResult:
    """Paired 2 x 2 table of correct answers and every variant of the test.

    `difference` = proportion a - proportion b = (only_a - only_b) / n, with Newcombe's paired interval;
    `odds_ratio` = only_a / only_b with the exact conditional interval (infinite where only_b is 0).
    The chi-square statistics (1 df) are NaN without discordant pairs.
    """

    both_correct: int
    only_a: int
    only_b: int
    both_wrong: int
    statistic_corrected: float
    p_corrected: float
    statistic: float
    p_chi2: float
    p_exact: float
    p_mid: float
    difference: float
    conf_low: float
    conf_high: float
    conf_level: float
    conf_method: str
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    note: str | None

    @property
    def n(self) -> int:
        """Images compared."""
        return self.both_correct + self.only_a + self.only_b + self.both_wrong

    def to_frame(self, *, variant: str = "chi2_corrected") -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS for one of VARIANTS; metric "accuracy"."""
        return self.to_result(variant=variant).to_frame()

    def to_result(self, *, variant: str = "chi2_corrected") -> ComparisonResult:
        """Return the row of one variant as a ComparisonResult."""
        statistic, df, p_value = {
            "chi2_corrected": (self.statistic_corrected, 1.0, self.p_corrected),
            "chi2": (self.statistic, 1.0, self.p_chi2),
            "exact": (NAN, NAN, self.p_exact),
            "mid_p": (NAN, NAN, self.p_mid),
        }[variant]
        return ComparisonResult(
            analysis="mcnemar",
            metric="accuracy",
            estimate_a=(self.both_correct + self.only_a) / self.n,
            estimate_b=(self.both_correct + self.only_b) / self.n,
            estimate=self.difference,
            statistic=statistic,
            df=df,
            p_value=p_value,
            p_adjusted=p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            method=f"{VARIANTS[variant]}; interval {self.conf_method}",
            n=self.n,
            note=self.note,
        )


def mcnemar_test(correct_a: ArrayLike, correct_b: ArrayLike, *, conf_level: float = 0.95) -> McnemarResult:
    """Compare two classifiers by which images each got right.

    Parameters
    ----------
    correct_a, correct_b : bool array, shape (n,)   True where the classifier is right, same image order

    Raises
    ------
    ValueError : lengths differ or are 0
    TypeError : values other than true and false

    Notes
    -----
    Only discordant images carry information on p. Mid-p is recommended by Fagerland, Lydersen and Laake
    2013 (BMC Med Res Methodol 13:91); the corrected chi-square is R's `mcnemar.test` default.
    Checked against R (tests/golden/mcnemar.json).
    """
    a, b = _checked("correct_a", correct_a), _checked("correct_b", correct_b)
    if a.size != b.size or a.size == 0:
        raise ValueError(
            f"`correct_a` has {a.size} and `correct_b` {b.size} values; "
            "give one per image for both, at least one."
        )
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    return mcnemar_counts(both, only_a, only_b, a.size - both - only_a - only_b, conf_level=conf_level)


def mcnemar_counts(
    both_correct: int, only_a: int, only_b: int, both_wrong: int, *, conf_level: float = 0.95
) -> McnemarResult:
    """Return McNemar's tests from the four counts; see `mcnemar_test`.

    Raises
    ------
    ValueError : a negative count, or all four 0
    """
    counts = (both_correct, only_a, only_b, both_wrong)
    if min(counts) < 0 or sum(counts) == 0:
        raise ValueError(f"Counts are {counts}; they must be 0 or more, with at least one image.")
    discordant = only_a + only_b
    gap = abs(only_a - only_b)
    corrected = max(gap - 1, 0) ** 2 / discordant if discordant else NAN
    plain = gap**2 / discordant if discordant else NAN
    exact, mid = _exact_p(only_a, only_b)
    low, high = newcombe_paired_ci(*counts, conf_level=conf_level)
    odds = only_a / only_b if only_b else (float("inf") if only_a else NAN)
    share_low, share_high = clopper_pearson_ci(only_a, discordant, conf_level=conf_level)
    return McnemarResult(
        both_correct=both_correct,
        only_a=only_a,
        only_b=only_b,
        both_wrong=both_wrong,
        statistic_corrected=corrected,
        p_corrected=float(chdtrc(1, corrected)),
        statistic=plain,
        p_chi2=float(chdtrc(1, plain)),
        p_exact=exact,
        p_mid=mid,
        difference=(only_a - only_b) / sum(counts),
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        conf_method=NEWCOMBE_PAIRED,
        odds_ratio=odds,
        odds_ratio_low=_odds(share_low),
        odds_ratio_high=_odds(share_high),
        note=None if discordant else NO_DISCORDANT,
    )


def _exact_p(only_a: int, only_b: int) -> tuple[float, float]:
    """Exact and mid-p of a fair coin over the discordant images; both 1 without any."""
    n, low = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return 1.0, 1.0
    tail = float(betainc(n - low, low + 1, 0.5))  # P(X <= low); bdtr and gammaln lose digits for large n
    point = tail - float(betainc(n - low + 1, low, 0.5)) if low else tail
    if only_a == only_b:
        return 1.0, 1.0 - point / 2.0
    exact = 1.0 if abs(only_a - only_b) == 1 else min(2.0 * tail, 1.0)
    return exact, 2.0 * tail - point


def _odds(share: float) -> float:
    return float("inf") if share >= 1.0 else share / (1.0 - share)


def _checked(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype != bool:
        if not np.isin(array, (0, 1)).all():
            raise TypeError(
                f"`{name}` must be true or false per image; compare predictions with labels first."
            )
        array = array == 1
    return array.ravel()
