"""Plans of analyses that choose the best cell of every arm on validation images."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config.base import Frozen

SelectionMetric = Literal["val_auc", "val_f1", "val_accuracy"]
Adjustment = Literal["holm", "hochberg", "bonferroni", "sidak", "bh", "by", "none"]
AucAdjustment = Literal[Adjustment, "max-t"]
Rate = Annotated[float, Field(gt=0, lt=1)]


class SelectedPlan(Frozen):
    """The best cells of the arms of `contrast`, compared on the same test images, per task."""

    contrast: str
    """Factor whose levels are the arms."""
    select: SelectionMetric = "val_auc"
    """Validation metric that chooses the best cell of each arm."""
    group: Literal["patient"] | None = None
    """"patient": images of one patient count together; needs patient ids."""


class DelongPlan(SelectedPlan):
    """DeLong test between the selected cells, per task; clustered by Obuchowski 1997."""

    adjust: AucAdjustment = "holm"
    """Adjustment over the comparisons of a task; "max-t" uses their joint distribution."""
    reference: str | None = None
    """Level of the contrast that the other arms are compared with; all pairs without it."""


class McnemarPlan(SelectedPlan):
    """McNemar test between the same selected cells at threshold 0.5, per task; clustered by Obuchowski 1998.

    For three arms or more Cochran's Q of all of them stands beside (images independent).
    """

    adjust: Adjustment = "holm"
    """Adjustment over the pairs of a task."""


class RecipePlan(SelectedPlan):
    """Arms compared over seeds: per arm the settings with the best mean of `select`, all of their seeds.

    Tells the difference of the trained models from that of the recipes, whose seeds vary too.
    """


class MarginPlan(SelectedPlan):
    """Non-inferiority or equivalence of the selected cells against a reference arm."""

    reference: str
    """Level of the contrast that the other arms must not fall below."""
    margin: Annotated[float, Field(gt=0, lt=1)]
    """Loss of AUC that is still acceptable."""
    goal: Literal["non-inferiority", "equivalence"] = "non-inferiority"
    """One test (not worse), or two (neither worse nor better)."""
    method: Literal["delong", "mover-logit", "mover-newcombe"] = "delong"
    """"mover-logit" keeps its level for AUCs near 1, where DeLong's test does not."""


class RocPlan(SelectedPlan):
    """Parts of the ROC curves of the selected cells: operating points, partial area, simultaneous band."""

    specificity: tuple[Rate, ...] = (0.9,)
    """Sensitivity is read, and compared, at these specificities."""
    sensitivity: tuple[Rate, ...] = ()
    """Specificity is read, and compared, at these sensitivities."""
    partial_auc: tuple[float, float] | None = None
    """Lowest and highest rate of a partial area, for example [0.8, 1]."""
    focus: Literal["specificity", "sensitivity"] = "specificity"
    """The rate that `partial_auc` speaks of."""
    mcclish: bool = False
    """McClish's index of the partial area (0.5 chance, 1 perfect) instead of the area."""
    band: Literal["auto", "ks", "fixed-width", "none"] = "auto"
    """Simultaneous band of each curve; "auto" is "ks", for patients "fixed-width"."""
    adjust: Adjustment = "holm"
    """Adjustment over the pairs of a task and quantity."""

    @model_validator(mode="after")
    def _something_to_do(self) -> "RocPlan":
        if self.partial_auc is not None:
            low, high = self.partial_auc
            if not 0 <= low < high <= 1:
                raise ValueError(f"partial_auc is [{low}, {high}]; it needs 0 <= low < high <= 1")
        if not (self.specificity or self.sensitivity or self.partial_auc or self.band != "none"):
            raise ValueError("give a specificity, a sensitivity, a partial_auc or a band")
        return self


class ThresholdPlan(SelectedPlan):
    """Rates of the selected cells at thresholds chosen on their validation images, with McNemar per rate."""

    rule: Literal["fixed", "youden", "sensitivity", "specificity"] = "youden"
    """How each cell's threshold is chosen: Youden's index, or the target rate; "fixed" is not chosen."""
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    """Rate to reach on validation; for "fixed" the threshold itself (0.5 without it)."""
    interval: Literal["wilson", "clopper-pearson"] = "wilson"
    """Interval of the proportions of independent images."""
    adjust: Adjustment = "holm"
    """Adjustment over the pairs of a task and rate."""

    @model_validator(mode="after")
    def _target_fits_the_rule(self) -> "ThresholdPlan":
        if self.rule in ("sensitivity", "specificity") and self.target is None:
            raise ValueError(f'rule = "{self.rule}" needs a target, for example target = 0.9')
        if self.rule == "youden" and self.target is not None:
            raise ValueError('rule = "youden" takes no target')
        return self


class CalibrationPlan(SelectedPlan):
    """Calibration, Brier scores and decision curves of the selected cells."""

    adjust: Adjustment = "holm"
    """Adjustment over the pairs of Brier scores of a task."""
