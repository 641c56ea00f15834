"""The claims file: what a paper states, with the digits as printed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stats.claims.printed import Printed, parse_printed
from study.config.base import Frozen

MOST_IMAGES = 10**12


def _printed(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError(f'write the figure in quotes, with its digits as printed: "{value}"')
    return parse_printed(str(value)) if isinstance(value, str | int) else value


Figure = Annotated[Printed, BeforeValidator(_printed)]
Interval = tuple[Figure, Figure]
Count = Annotated[int, Field(ge=0, le=MOST_IMAGES)]
Level = Annotated[float, Field(gt=0, lt=1)]
Alternative = Literal["two-sided", "less", "greater"]


class SampleClaim(Frozen):
    """Images on which models were tested."""

    n: Count | None = None
    """Images."""
    positive: Count | None = None
    """Images of the positive class."""
    negative: Count | None = None
    """Images of the other class."""
    ties: bool | None = None
    """False: the paper says that no two images have the same score."""
    clustered: bool = False
    """True: several images per patient, and standard errors that allow for it."""
    where: str = ""
    """Place in the paper."""

    @property
    def sizes(self) -> tuple[int | None, int | None, int | None]:
        """All, positive, negative; what is not given follows from the other two where that is possible."""
        n, positive, negative = self.n, self.positive, self.negative
        if n is not None and max(positive or 0, negative or 0) > n:
            return n, positive, negative
        if n is None and positive is not None and negative is not None:
            n = positive + negative
        if positive is None and n is not None and negative is not None:
            positive = n - negative
        if negative is None and n is not None and positive is not None:
            negative = n - positive
        return n, positive, negative


class TableClaim(Frozen):
    """A printed confusion table."""

    tp: Count
    fp: Count
    fn: Count
    tn: Count


class ModelClaim(Frozen):
    """The printed figures of one model on one sample."""

    name: str
    """Name that comparisons use."""
    sample: str | None = None
    """Key of [samples]."""
    where: str = ""
    """Place in the paper."""
    averaged: bool = False
    """True: figures are means over folds or seeds, so that they need be no fractions of whole numbers."""
    auc: Figure | None = None
    auc_std_error: Figure | None = None
    auc_interval: Interval | None = None
    conf_level: Level = 0.95
    """Of the interval."""
    method: Literal["delong", "hanley-mcneil", "logit", "bootstrap", "other"] | None = None
    """Of standard error and interval of the AUC; not given: not stated."""
    accuracy: Figure | None = None
    sensitivity: Figure | None = None
    specificity: Figure | None = None
    precision: Figure | None = None
    npv: Figure | None = None
    f1: Figure | None = None
    """Of the positive class."""
    f1_macro: Figure | None = None
    f1_weighted: Figure | None = None
    balanced_accuracy: Figure | None = None
    mcc: Figure | None = None
    confusion: TableClaim | None = None


class _Test(Frozen):
    """What printed tests have in common."""

    name: str
    """What is compared, in words."""
    where: str = ""
    """Place in the paper."""
    p: Figure | None = None
    alternative: Alternative | None = None
    """Not given: not stated; two-sided is tried first."""
    family: str | None = None
    """Tests that count together for multiplicity; not given: those of the same kind."""


class _WaldTest(_Test):
    estimate: Figure | None = None
    std_error: Figure | None = None
    z: Figure | None = None
    t: Figure | None = None
    df: Figure | None = None
    """Of t."""
    interval: Interval | None = None
    conf_level: Level = 0.95
    """Of the interval."""

    @model_validator(mode="after")
    def _one_statistic(self) -> _WaldTest:
        if self.z is not None and self.t is not None:
            raise ValueError("`z` and `t` are both given; a test has one statistic")
        return self


class ComparisonClaim(_WaldTest):
    """A difference of two models."""

    model_a: str | None = None
    model_b: str | None = None
    metric: str = "auc"
    """What is compared: auc or a metric of [[models]]; the estimate is that of a minus that of b."""
    test: Literal["delong", "z", "t", "bootstrap", "permutation", "other"] | None = None
    """Where p comes from; not given: not stated."""
    interval_method: Literal["same", "bootstrap", "other"] | None = None
    """Not given: same as the test where that is delong, z or t; else not stated."""


class CoefficientClaim(_WaldTest):
    """A row of a (mixed) regression model."""

    interval_method: Literal["same", "profile", "bootstrap", "other"] | None = None
    """Not given: estimate plus and minus standard errors."""


class VarianceClaim(Frozen):
    """A variance component."""

    name: str
    where: str = ""
    variance: Figure
    std_dev: Figure


class McnemarClaim(_Test):
    """McNemar's test of two models."""

    model_a: str | None = None
    model_b: str | None = None
    statistic: Figure | None = None
    variant: Literal["chi2_corrected", "chi2", "exact", "mid_p"] | None = None
    """Form of the test; not given: not stated, all are tried."""
    only_a: Count | None = None
    """Images that a alone classifies correctly."""
    only_b: Count | None = None


class WilcoxonClaim(_Test):
    """Wilcoxon's test."""

    test: Literal["rank-sum", "signed-rank"] = "rank-sum"
    n_a: Annotated[int, Field(ge=1, le=MOST_IMAGES)]
    """Values of the first group; signed-rank: pairs."""
    n_b: Annotated[int, Field(ge=1, le=MOST_IMAGES)] | None = None
    w: Figure
    ties: bool | None = None
    exact: bool | None = None
    correction: bool | None = None

    @model_validator(mode="after")
    def _groups(self) -> WilcoxonClaim:
        if (self.test == "rank-sum") == (self.n_b is None):
            raise ValueError("rank-sum needs `n_a` and `n_b`, signed-rank `n_a` alone (pairs)")
        return self


class TotalClaim(Frozen):
    """A number and the parts that should make it up."""

    name: str
    where: str = ""
    total: Count
    parts: dict[str, Count]


class ClaimsFile(Frozen):
    """All that is checked of one paper."""

    title: str
    """The paper."""
    source: str = ""
    """Where it can be found."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Level at which the paper calls a result significant."""
    adjusted: bool | None = None
    """Are the p-values adjusted for multiplicity? Not given: not stated."""
    samples: dict[str, SampleClaim] = Field(default_factory=dict)
    models: tuple[ModelClaim, ...] = ()
    comparisons: tuple[ComparisonClaim, ...] = ()
    coefficients: tuple[CoefficientClaim, ...] = ()
    variances: tuple[VarianceClaim, ...] = ()
    mcnemar: tuple[McnemarClaim, ...] = ()
    wilcoxon: tuple[WilcoxonClaim, ...] = ()
    totals: tuple[TotalClaim, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> ClaimsFile:
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two models are called {twice[0]!r}; give each its own name")
        for model in self.models:
            _known("sample", model.sample, self.samples, model.name)
        pairs: tuple[ComparisonClaim | McnemarClaim, ...] = (*self.comparisons, *self.mcnemar)
        for test in pairs:
            _known("model_a", test.model_a, names, test.name)
            _known("model_b", test.model_b, names, test.name)
        return self

    def model(self, name: str | None) -> ModelClaim | None:
        """Return the model of this name."""
        return next((model for model in self.models if model.name == name), None)

    def sample_of(self, model: ModelClaim) -> SampleClaim:
        """Return the sample of a model, an empty one where none is named."""
        return self.samples[model.sample] if model.sample is not None else SampleClaim()


def _known(key: str, name: str | None, known: Any, owner: str) -> None:
    if name is not None and name not in known:
        raise ValueError(f"`{key}` of {owner!r} is {name!r}; the file has {', '.join(known) or 'none'}")
