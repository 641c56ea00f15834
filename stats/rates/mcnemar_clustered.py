"""McNemar's test with several images per patient: Obuchowski, Durkalski and an exact permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri

from stats.checks import check_choice, check_conf_level
from stats.ranks.sign_flip import sign_flip_test
from stats.rates.mcnemar import NO_DISCORDANT, _checked
from stats.results import NAN, ComparisonResult, joined_notes
from stats.roc.components import _group_codes

VARIANTS = {
    "obuchowski": "clustered McNemar, Obuchowski 1998",
    "durkalski": "clustered McNemar, Durkalski 2003",
    "permutation": "clustered McNemar, sign-flip permutation of patients",
}
FEW_GROUPS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredMcnemarResult:
    """Two classifiers on the same images, several per patient, unrounded.

    Attributes
    ----------
    only_a, only_b : images that one alone got right;  n : images;  n_groups : patients
    n_discordant_groups : patients whose images favour one of the two, the only ones that matter for p
    estimate_a, estimate_b, difference : accuracies over images and their difference a - b
    std_error : of the difference, patients independent;  design_effect : its square over the variance that
        independent images would have
    statistic_obuchowski, p_obuchowski, statistic_durkalski, p_durkalski : chi-square, 1 df; NaN without
        discordant patients
    p_permutation : both classifiers exchanged within patients;  permutation_method : exact or how many
    """

    only_a: int
    only_b: int
    n: int
    n_groups: int
    n_discordant_groups: int
    estimate_a: float
    estimate_b: float
    difference: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float
    design_effect: float
    statistic_obuchowski: float
    p_obuchowski: float
    statistic_durkalski: float
    p_durkalski: float
    p_permutation: float
    permutation_method: str
    note: str | None

    def to_result(self, *, variant: str = "obuchowski") -> ComparisonResult:
        """Return the row of one of VARIANTS; metric "accuracy"."""
        check_choice("variant", variant, tuple(VARIANTS))
        statistic, p_value = {
            "obuchowski": (self.statistic_obuchowski, self.p_obuchowski),
            "durkalski": (self.statistic_durkalski, self.p_durkalski),
            "permutation": (NAN, self.p_permutation),
        }[variant]
        method = self.permutation_method if variant == "permutation" else VARIANTS[variant]
        return ComparisonResult(
            analysis="mcnemar",
            metric="accuracy",
            estimate_a=self.estimate_a,
            estimate_b=self.estimate_b,
            estimate=self.difference,
            std_error=self.std_error,
            statistic=statistic,
            df=NAN if variant == "permutation" else 1.0,
            p_value=p_value,
            p_adjusted=p_value,
            conf_low=self.conf_low,
            conf_high=self.conf_high,
            conf_level=self.conf_level,
            method=f"{method}; interval Wald with the clustered variance",
            n=self.n,
            n_groups=self.n_groups,
            note=self.note,
        )

    def to_frame(self, *, variant: str = "obuchowski") -> pd.DataFrame:
        """Return one row in RESULT_COLUMNS."""
        return self.to_result(variant=variant).to_frame()


def clustered_mcnemar_test(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    group: Sequence[Any],
    *,
    conf_level: float = 0.95,
    n_resamples: int = 99_999,
    rng: np.random.Generator,
) -> ClusteredMcnemarResult:
    """Compare two classifiers by which images each got right, several images per patient.

    Parameters
    ----------
    correct_a, correct_b : bool array, shape (n,)   True where the classifier is right, same image order
    group : patient of every image, length n
    n_resamples, rng : random sign patterns where more than 1000 patients are discordant

    Raises
    ------
    ValueError : lengths differ or are 0; fewer than 2 patients; a missing patient
    TypeError : values other than true and false; `rng` is no numpy Generator

    Notes
    -----
    With d_i = images of patient i that only a got right minus those that only b did, S patients and n_i
    images: Obuchowski's chi-square is (S - 1)/S (sum d)^2 / sum d^2, Durkalski's the same with d_i / n_i and
    without the factor: it weights patients alike, so with unequal n_i it tests another mean. With one image
    per patient Durkalski's is McNemar's chi-square without correction, Obuchowski's (S - 1)/S of it, and the
    permutation p the exact McNemar p. The interval of the difference over images is Wald's, patients
    independent, unclipped as the test.
    Sources: Obuchowski 1998 (Stat Med 17:1495); Durkalski et al. 2003 (Stat Med 22:2417); simple form: Yang,
    Sun and Hardin 2010 (Biom J 52:638). Checked against the formulas in R
    (tests/golden/comparisons_more.json).
    """
    check_conf_level(conf_level)
    a, b = _checked("correct_a", correct_a), _checked("correct_b", correct_b)
    if not a.size == b.size == len(group) or a.size == 0:
        raise ValueError(
            f"`correct_a` has {a.size}, `correct_b` {b.size} and `group` {len(group)} values; "
            "give one per image, at least one."
        )
    codes, n_groups = _group_codes(group)
    if n_groups < 2:
        raise ValueError("`group` has 1 patient; a clustered test needs at least 2. Check the group column.")
    images = np.bincount(codes)
    d = np.bincount(codes, (a & ~b).astype(float)) - np.bincount(codes, (b & ~a).astype(float))
    n, difference = int(a.size), float(d.sum()) / a.size
    factor = n_groups / (n_groups - 1.0)
    centred = (d * n - images * d.sum()) / n  # whole numbers first: equal shares give exactly 0
    variance = factor * float(np.square(centred).sum()) / float(n) ** 2
    discordant = int((a ^ b).sum())
    alone = (discordant / n - difference**2) / (n - 1.0)
    half = float(ndtri(0.5 + conf_level / 2.0)) * np.sqrt(variance)
    flipped = sign_flip_test(d, np.zeros(n_groups), rng=rng, n_resamples=n_resamples)
    squared = float(np.square(d).sum())
    obuchowski = float(d.sum()) ** 2 / squared / factor if squared else NAN
    durkalski = float((d / images).sum()) ** 2 / float(np.square(d / images).sum()) if squared else NAN
    return ClusteredMcnemarResult(
        only_a=int((a & ~b).sum()),
        only_b=int((b & ~a).sum()),
        n=n,
        n_groups=n_groups,
        n_discordant_groups=int(np.count_nonzero(d)),
        estimate_a=float(a.mean()),
        estimate_b=float(b.mean()),
        difference=difference,
        std_error=float(np.sqrt(variance)),
        conf_low=difference - float(half),
        conf_high=difference + float(half),
        conf_level=conf_level,
        design_effect=variance / alone if alone > 0.0 else NAN,
        statistic_obuchowski=obuchowski,
        p_obuchowski=float(chdtrc(1, obuchowski)),
        statistic_durkalski=durkalski,
        p_durkalski=float(chdtrc(1, durkalski)),
        p_permutation=flipped.p_value,
        permutation_method=f"{VARIANTS['permutation']}, {flipped.method.split(', ', 1)[1]}",
        note=_note(n_groups, discordant, squared, variance),
    )


def _note(n_groups: int, discordant: int, squared: float, variance: float) -> str | None:
    return joined_notes(
        NO_DISCORDANT if not discordant else None,
        "no patient favours one of the two: no chi-square, permutation p 1"
        if discordant and not squared
        else None,
        "the estimated variance of the difference is 0: its interval has no width" if not variance else None,
        f"only {n_groups} patients: prefer the permutation p" if n_groups < FEW_GROUPS else None,
    )
