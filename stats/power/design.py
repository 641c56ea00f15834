"""What a plan for AUCs compares: design, margin, level and the variances that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stats.checks import check_choice
from stats.power.variance import VARIANCES, BinormalPair, PilotComponents, auc_variance, check_auc

DESIGNS = ("one", "paired", "unpaired")
SIDES = ("two-sided", "one-sided")
NULL_VARIANCES = ("reference", "alternative")


@dataclass(frozen=True, slots=True, kw_only=True)
class AucDesign:
    """What is compared with what, and how.

    Attributes
    ----------
    design : "one" (an AUC against a fixed `reference`), "paired" (two models, same images) or "unpaired"
    reference : AUC under the null hypothesis, or of the reference model
    correlation : of the two estimated AUCs; "paired" only, None with `components`
    ratio : negatives per positive
    variance : see `auc_variance`; without effect where `components` are given
    components : pilot or binormal parameters instead of a formula; their variances do not change with the AUC
    alpha : level;  alternative : "two-sided" or "one-sided"
    margin : 0 for a difference; above 0: non-inferiority, H0: new - reference <= -margin, one-sided
    null_variance : variance under H0: "reference" (both AUCs as the reference, Obuchowski 1998; the default)
        or "alternative" (as under the alternative, what a Wald test such as DeLong's uses; the default with
        a pilot or a margin)
    design_effect : factor of all variances for several images per patient, 1 = independent images
    """

    reference: float
    design: str = "paired"
    correlation: float | None = None
    ratio: float = 1.0
    variance: str = "obuchowski"
    components: PilotComponents | BinormalPair | None = None
    alpha: float = 0.05
    alternative: str = "two-sided"
    margin: float = 0.0
    null_variance: str | None = None
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        """Check the values against one another."""
        check_choice("design", self.design, DESIGNS)
        check_choice("alternative", self.alternative, SIDES)
        check_choice("variance", self.variance, tuple(VARIANCES))
        if self.null_variance is not None:
            check_choice("null_variance", self.null_variance, NULL_VARIANCES)
        if self.components is None:
            check_auc("reference", self.reference)
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"`alpha` is {self.alpha}; it must lie between 0 and 0.5, for example 0.05.")
        for name in ("ratio", "design_effect"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be a number above 0.")
        self._check_correlation()
        self._check_margin()

    def _check_correlation(self) -> None:
        wanted = self.design == "paired" and self.components is None
        if wanted and self.correlation is None:
            raise ValueError(
                "A paired design needs `correlation`, that of the two estimated AUCs for example 0.5; "
                "take it from a pilot where there is one."
            )
        if not wanted and self.correlation is not None:
            raise ValueError("`correlation` belongs to a paired design planned with a formula; leave it out.")
        if self.correlation is not None and not -1.0 < self.correlation < 1.0:
            raise ValueError(f"`correlation` is {self.correlation}; it must lie between -1 and 1.")

    def _check_margin(self) -> None:
        if not 0.0 <= self.margin < 1.0:
            raise ValueError(f"`margin` is {self.margin}; it must lie from 0 (no margin) to below 1.")
        if self.margin and (self.alternative != "one-sided" or self.null_variance == "reference"):
            raise ValueError(
                "Non-inferiority (`margin` above 0) is one-sided with the variance of the alternative; give "
                'alternative="one-sided", for example with alpha 0.025, and no null_variance="reference".'
            )

    @property
    def null_variance_used(self) -> str:
        """The variance under the null hypothesis that is really used."""
        if self.null_variance is not None:
            return self.null_variance
        wald = self.margin > 0.0 or isinstance(self.components, PilotComponents)
        return "alternative" if wald else "reference"

    @property
    def method(self) -> str:
        """The variances that are really used, in words."""
        if isinstance(self.components, PilotComponents):
            source = "DeLong" if self.components.n_groups is None else "Obuchowski clustered"
            source = f"{source} components of the pilot"
        elif self.components is not None:
            source = "binormal parameters, Obuchowski and McClish 1997"
        else:
            source = VARIANCES[self.variance]
        return f"normal approximation, variance: {source}; under H0: {self.null_variance_used}"

    def variances(self, auc: float, n_positive: float, n_negative: float) -> tuple[float, float]:
        """Return the variance of the estimated difference under H0 and under the alternative."""
        if self.components is not None:
            matrix = self.components.covariance(n_positive, n_negative)
            reference, new = float(matrix[0, 0]), float(matrix[-1, -1])
            shared = float(matrix[0, -1])
        else:
            reference, new = (
                auc_variance(value, n_positive, n_negative, variance=self.variance)
                for value in (self.reference, auc)
            )
            shared = (self.correlation or 0.0) * math.sqrt(reference * new)
        if self.design == "one":
            null, alternative = reference, new
        else:
            if self.components is None:
                null = 2.0 * reference * (1.0 - (self.correlation or 0.0))
            else:
                null = 2.0 * (reference - shared)
            alternative = reference + new - 2.0 * shared
        if self.null_variance_used == "alternative":
            null = alternative
        if not (null > 0.0 and alternative > 0.0):
            raise ValueError(
                "The variance of the difference under the null hypothesis is not above 0 with these "
                'components; give null_variance="alternative".'
            )
        return null * self.design_effect, alternative * self.design_effect
