"""Results of a comparison of recipes: arms and pairs with their variances, tested under two readings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from stats.calibration.probabilities import FloatArray, few_groups_note
from stats.multiplicity.adjust import adjust_p
from stats.results import NAN, ComparisonResult, joined_notes, results_frame
from stats.roc.pairs import ZERO_VARIANCE

MODELS = "these trained models, new images"
RECIPES = "these recipes, new seeds and new images"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeEstimate:
    """One mean AUC, or one difference of two, under both readings.

    Attributes
    ----------
    arm_a, arm_b : `arm_b` is None for the mean AUC of one arm
    estimate_a, estimate_b, estimate : mean AUCs over seeds, and their difference
    variance_images : (a) of the estimate, new images, the trained models kept
    variance_observed : between seeds (of the differences, where seeds are paired) over their number
    variance_shared : mean covariance between different seeds, what the images do to all seeds alike
    variance_seeds : of seeds alone over their number, unbiased, hence at times below 0
    variance_total : (b) max(variance_observed + max(variance_shared, 0), variance_images)
    df : Satterthwaite's, of (b)
    """

    arm_a: str
    arm_b: str | None
    estimate_a: float
    estimate_b: float
    estimate: float
    variance_images: float
    variance_observed: float
    variance_shared: float
    variance_seeds: float
    variance_total: float
    df: float
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeComparison:
    """Arms and pairs of arms; `to_results` tests every pair under both readings.

    Attributes
    ----------
    arms : one estimate per arm;  pairs : one per pair, in the given order
    seed_auc : AUC of every trained model, one array (S,) per arm
    seed_std_dev : of the AUC over seeds without the part of the images, per arm; 0 where the variance is
        estimated below 0, NaN with one seed
    """

    names: tuple[str, ...]
    arms: tuple[RecipeEstimate, ...]
    pairs: tuple[RecipeEstimate, ...]
    seed_auc: tuple[FloatArray, ...]
    seed_std_dev: FloatArray
    paired_seeds: bool
    adjust: str
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None

    def to_results(self) -> list[ComparisonResult]:
        """Return two rows per pair, one per reading (named in `comparison`), each reading a family."""
        rows = []
        for recipes in (False, True):
            tests = [_test(pair, recipes=recipes, conf_level=self.conf_level) for pair in self.pairs]
            adjusted = adjust_p([test["p_value"] for test in tests], self.adjust)
            for pair, test, p in zip(self.pairs, tests, adjusted, strict=True):
                rows.append(self._row(pair, test, recipes=recipes, p_adjusted=float(p)))
        return rows

    def arm_results(self) -> list[ComparisonResult]:
        """Return two rows per arm with the mean AUC over seeds and its interval under each reading."""
        rows = []
        for recipes in (False, True):
            for arm in self.arms:
                test = _test(arm, recipes=recipes, conf_level=self.conf_level)
                test |= {
                    "statistic": NAN,
                    "p_value": NAN,
                    "conf_low": float(np.clip(test["conf_low"], 0.0, 1.0)),
                    "conf_high": float(np.clip(test["conf_high"], 0.0, 1.0)),
                }
                rows.append(self._row(arm, test, recipes=recipes, p_adjusted=NAN))
        return rows

    def to_frame(self) -> pd.DataFrame:
        """Return `to_results` as rows in RESULT_COLUMNS."""
        return results_frame(self.to_results())

    def _row(
        self, item: RecipeEstimate, test: dict[str, float], *, recipes: bool, p_adjusted: float
    ) -> ComparisonResult:
        base = "DeLong" if self.n_groups is None else "Obuchowski clustered"
        design = "seeds paired across arms" if self.paired_seeds else "independent seeds"
        if item.arm_b is None:
            design = "seeds"
        return ComparisonResult(
            analysis="recipe",
            family=RECIPES if recipes else MODELS,
            comparison=RECIPES if recipes else MODELS,
            arm_a=item.arm_a,
            arm_b=item.arm_b,
            metric="auc",
            estimate_a=item.estimate_a,
            estimate_b=item.estimate_b,
            estimate=item.estimate,
            std_error=test["std_error"],
            statistic=test["statistic"],
            df=test["df"],
            p_value=test["p_value"],
            p_adjusted=p_adjusted,
            conf_low=test["conf_low"],
            conf_high=test["conf_high"],
            conf_level=self.conf_level,
            method=f"mean AUC over seeds, {base} covariance"
            + (f" and {design} as in Obuchowski-Rockette, Satterthwaite df" if recipes else ""),
            n=self.n_positive + self.n_negative,
            n_positive=self.n_positive,
            n_groups=self.n_groups,
            note=joined_notes(
                item.note if recipes else few_groups_note(self.n_groups),
                ZERO_VARIANCE if test["std_error"] == 0.0 and np.isnan(test["conf_low"]) else None,
            ),
        )


def _test(item: RecipeEstimate, *, recipes: bool, conf_level: float) -> dict[str, float]:
    """Standard error, statistic, df, p and limits of one reading: normal for (a), t for (b)."""
    variance, df = (item.variance_total, item.df) if recipes else (item.variance_images, NAN)
    error = float(np.sqrt(max(variance, 0.0))) if not np.isnan(variance) else NAN
    level = 0.5 + conf_level / 2.0
    normal = not recipes or np.isinf(df)
    quantile = float(ndtri(level) if normal else stdtrit(df, level))
    statistic = item.estimate / error if error > 0.0 else NAN
    p_value = 2.0 * float(ndtr(-abs(statistic)) if normal else stdtr(df, -abs(statistic)))
    if error == 0.0 and item.estimate == 0.0:
        statistic, p_value = 0.0, 1.0
    half = NAN if error == 0.0 and item.estimate != 0.0 else quantile * error
    return {
        "std_error": error,
        "statistic": statistic,
        "df": NAN if normal else df,
        "p_value": p_value,
        "conf_low": item.estimate - half,
        "conf_high": item.estimate + half,
    }
