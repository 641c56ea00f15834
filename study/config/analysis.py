"""The analysis plan: comparisons, families and alpha, fixed before results."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.base import Frozen
from study.config.selected_plans import (
    AucAdjustment,
    CalibrationPlan,
    DelongPlan,
    MarginPlan,
    McnemarPlan,
    RecipePlan,
    RocPlan,
    SelectionMetric,
    ThresholdPlan,
)

CellMetric = Literal["val_auc", "test_auc", "val_f1", "test_f1", "val_accuracy", "test_accuracy"]


# Kinds whose entries name a contrast.
CONTRAST_KINDS = (
    *("delong", "mcnemar", "margin", "recipe", "roc", "threshold", "calibration"),
    *("winner", "wilcoxon", "permutation"),
)
SELECTED_KINDS = ("delong", "mcnemar", "margin", "roc", "threshold", "calibration")


FOLD_IS_NO_ARM = (
    "folds test different images and are no arms; compare a factor, or take `fold` into a mixed model"
)


class WinnerPlan(Frozen):
    """The best of all cells of a task, chosen on validation: how much better it looks than it is."""

    select: SelectionMetric = "val_auc"
    """Validation metric that chooses the winner."""
    contrast: str | None = None
    """Factor: the winner of each of its arms too."""
    group: Literal["patient"] | None = None
    """"patient": patients are resampled as a whole; needs patient ids."""


class PairsPlan(Frozen):
    """DeLong test of every pair of done cells, per task."""

    adjust: AucAdjustment = "holm"
    """Adjustment over all pairs of a task."""
    group: Literal["patient"] | None = None
    """"patient": images of one patient count together (Obuchowski 1997); needs patient ids."""


class WilcoxonPlan(Frozen):
    """Wilcoxon test of a metric between the two levels of `contrast` over the cells of the grid."""

    value: CellMetric = "test_auc"
    """Metric of a cell."""
    contrast: str
    """Factor with the two levels to compare."""
    by: tuple[str, ...] = ("task",)
    """One test for each combination of these factors."""
    paired: bool = False
    """True: signed-rank on cells that differ in the contrast only. False: rank-sum as in the paper."""


class PermutationPlan(Frozen):
    """Exact permutation test of the mean difference over cells that differ in the contrast only."""

    value: CellMetric = "test_auc"
    """Metric of a cell."""
    contrast: str
    """Factor with the two levels to compare."""
    by: tuple[str, ...] = ("task",)
    """One test for each combination of these factors."""


class ContrastPlan(Frozen):
    """Comparisons of estimated marginal means after a mixed model.

    Written `{ head = "pairwise", adjust = "holm" }`: the factor, how its levels are compared, the adjustment.
    """

    factor: str
    """Fixed factor whose levels are compared."""
    kind: Literal["pairwise", "treatment"] = "pairwise"
    """All pairs, or each level against the first."""
    adjust: Literal["holm", "tukey", "sidak", "none"] = "holm"
    """Adjustment within the family."""
    by: str | None = None
    """Compare within each level of this factor."""

    @model_validator(mode="before")
    @classmethod
    def _factor_as_key(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "factor" in value:
            return value
        named = {k: v for k, v in value.items() if k not in ("adjust", "by")}
        if len(named) != 1:
            raise ValueError(
                'write one factor, as { head = "pairwise", adjust = "holm" }; '
                f"got {', '.join(f'`{k}`' for k in named) or 'none'}"
            )
        ((factor, kind),) = named.items()
        return {k: v for k, v in value.items() if k in ("adjust", "by")} | {"factor": factor, "kind": kind}


class MixedPlan(Frozen):
    """A linear mixed model over the cells of the grid."""

    formula: str
    """lme4 formula; columns are factors of the grid and metrics of the cells."""
    df: Literal["satterthwaite", "kenward-roger", "none"] = "satterthwaite"
    """Denominator degrees of freedom."""
    contrasts: ContrastPlan | None = None
    """Optional comparisons of marginal means."""


class AnalysisPlan(Frozen):
    """The planned analyses of a study."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Two-sided level; intervals cover 1 - alpha."""
    primary_metric: Literal["auc"] = "auc"
    """Metric that the comparisons speak of; AUC is the only one in this version."""
    delong: tuple[DelongPlan, ...] = ()
    """DeLong comparisons."""
    mcnemar: tuple[McnemarPlan, ...] = ()
    """McNemar comparisons."""
    margin: tuple[MarginPlan, ...] = ()
    """Non-inferiority and equivalence of AUCs."""
    recipe: tuple[RecipePlan, ...] = ()
    """Comparisons of recipes over seeds."""
    roc: tuple[RocPlan, ...] = ()
    """Operating points, partial areas and bands."""
    threshold: tuple[ThresholdPlan, ...] = ()
    """Rates at thresholds chosen on validation."""
    calibration: tuple[CalibrationPlan, ...] = ()
    """Calibration, Brier scores, decision curves."""
    winner: tuple[WinnerPlan, ...] = ()
    """Optimism of the best cell."""
    pairs: tuple[PairsPlan, ...] = ()
    """All pairs of cells."""
    wilcoxon: tuple[WilcoxonPlan, ...] = ()
    """Wilcoxon comparisons."""
    permutation: tuple[PermutationPlan, ...] = ()
    """Permutation tests of matched cells."""
    mixed: tuple[MixedPlan, ...] = ()
    """Mixed models."""

    @property
    def conf_level(self) -> float:
        return 1.0 - self.alpha
