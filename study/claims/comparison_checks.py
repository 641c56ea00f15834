"""Checks of printed tests: differences, coefficients, McNemar, Wilcoxon, families of p-values."""

from __future__ import annotations

from dataclasses import replace

from stats.claims.auc_variance import auc_spread
from stats.claims.check import Check, not_run
from stats.claims.confusion import METRICS
from stats.claims.granularity import possible_counts
from stats.claims.many_tests import multiplicity_check
from stats.claims.mcnemar_tables import CorrectPair, mcnemar_check, pairs_from_counts, pairs_from_tables
from stats.claims.printed import Printed, Range
from stats.claims.rank_tests import RankFigures, rank_p_check, w_check
from stats.claims.wald import WaldFigures, wald_check
from study.claims.model_checks import possible_tables
from study.claims.schema import (
    ClaimsFile,
    CoefficientClaim,
    ComparisonClaim,
    McnemarClaim,
    ModelClaim,
    WilcoxonClaim,
)

_OWN_INTERVAL = ("delong", "z", "t")
_MOST_PAIRS = 200_000


def comparison_checks(claims: ClaimsFile, claim: ComparisonClaim) -> list[Check]:
    """Return the checks of a difference of two models."""
    a, b = claims.model(claim.model_a), claims.model(claim.model_b)
    if claim.metric != "auc" and claim.metric not in METRICS:
        known = ", ".join(("auc", *METRICS))
        raise ValueError(f"`metric` of {claim.name!r} is {claim.metric!r}; allowed: {known}.")
    same = claim.interval_method or ("same" if claim.test in _OWN_INTERVAL else "other")
    normal_p = claim.test not in ("permutation", "other", "bootstrap")
    figures = _wald(claim, p=claim.p if normal_p or same == "other" else None, same=same == "same")
    if not normal_p:  # p has no statistic of its own: interval and p can be held against each other alone
        figures = _wald(claim, p=claim.p, same=False, statistic=False)
    figures = _with_models(claims, claim, figures, a, b)
    return [_placed(claim.name, claim.where, wald_check(figures))]


def coefficient_checks(claim: CoefficientClaim) -> list[Check]:
    """Return the checks of a row of a regression model."""
    same = claim.interval_method in (None, "same")
    return [_placed(claim.name, claim.where, wald_check(_wald(claim, p=claim.p, same=same)))]


def _wald(
    claim: ComparisonClaim | CoefficientClaim, *, p: Printed | None, same: bool, statistic: bool = True
) -> WaldFigures:
    low, high = claim.interval or (None, None)
    has_t = claim.t is not None or claim.df is not None
    return WaldFigures(
        estimate=claim.estimate,
        std_error=claim.std_error,
        statistic=(claim.t if claim.t is not None else claim.z) if statistic else None,
        p=p,
        low=low,
        high=high,
        distribution="t" if has_t else "z",
        df=claim.df,
        level=claim.conf_level,
        alternative=claim.alternative,
        same_method=same,
    )


def _with_models(
    claims: ClaimsFile,
    claim: ComparisonClaim,
    figures: WaldFigures,
    a: ModelClaim | None,
    b: ModelClaim | None,
) -> WaldFigures:
    """Return the figures with what the two models' own figures say of the difference."""
    if a is None or b is None:
        return figures
    figure_a, figure_b = getattr(a, claim.metric), getattr(b, claim.metric)
    if figure_a is None or figure_b is None:
        return figures
    words = f"{'AUC' if claim.metric == 'auc' else claim.metric} {figure_a.text} - {figure_b.text}"
    figures = replace(figures, known_estimate=(words, figure_a.range() - figure_b.range()))
    spread = _difference_spread(claims, a, b) if claim.metric == "auc" and claim.test == "delong" else None
    if spread is None:
        return figures
    return replace(figures, known_spread=("the standard error that the class sizes allow", spread))


def _difference_spread(claims: ClaimsFile, a: ModelClaim, b: ModelClaim) -> Range | None:
    """Return what DeLong's standard error of a difference can be: at most the sum of both."""
    largest = 0.0
    for model in (a, b):
        sample = claims.sample_of(model)
        _, positive, negative = sample.sizes
        if model.averaged or sample.clustered or model.auc is None:
            return None
        if positive is None or negative is None or min(positive, negative) < 2:
            return None
        largest += auc_spread(
            model.auc.range("rounded or cut off"),
            n_positive=positive,
            n_negative=negative,
            method="delong",
            ties=sample.ties,
        ).high
    return Range(0.0, largest * (1.0 + 1e-9))


def mcnemar_checks(claims: ClaimsFile, claim: McnemarClaim) -> list[Check]:
    """Return the check of a McNemar test against the figures of its two models."""
    found = _correct_pairs(claims, claim)
    if isinstance(found, str):
        return [_placed(claim.name, claim.where, not_run("mcnemar", found))]
    printed = (claim.only_a, claim.only_b)
    check = mcnemar_check(
        found,
        statistic=claim.statistic,
        p=claim.p,
        variant=claim.variant,
        discordant=None if None in printed else (int(printed[0] or 0), int(printed[1] or 0)),
    )
    return [_placed(claim.name, claim.where, check)]


def _correct_pairs(claims: ClaimsFile, claim: McnemarClaim) -> list[CorrectPair] | str:
    """Return what the models' figures say of correct and discordant images, or why nothing is known."""
    a, b = claims.model(claim.model_a), claims.model(claim.model_b)
    if a is None or b is None:
        if claim.only_a is None or claim.only_b is None:
            return "Neither the two models nor the discordant counts are given."
        total = claim.only_a + claim.only_b
        return [CorrectPair(correct_a=claim.only_a, correct_b=claim.only_b, fewest=total, most=total)]
    if a.sample is None or a.sample != b.sample:
        return "The two models are not on the same sample, as McNemar's test needs."
    if a.averaged or b.averaged:
        return "The figures of a model are means over folds or seeds."
    sample = claims.sample_of(a)
    n, positive, negative = sample.sizes
    if positive is not None and negative is not None:
        tables = possible_tables(a, sample), possible_tables(b, sample)
        if 0 < len(tables[0]) * len(tables[1]) <= _MOST_PAIRS:
            return pairs_from_tables(*tables, n_positive=positive, n_negative=negative)
    if n is None or a.accuracy is None or b.accuracy is None:
        return "n and the accuracies of both models are needed, or figures that leave few confusion tables."
    counts = [possible_counts(accuracy.range(), n) for accuracy in (a.accuracy, b.accuracy)]
    if not counts[0] or not counts[1]:
        return "An accuracy is impossible on its own."
    if len(counts[0]) * len(counts[1]) > _MOST_PAIRS:
        return f"The accuracies leave more than {_MOST_PAIRS:,} pairs of correct counts."
    return pairs_from_counts(counts[0], counts[1], n)


def wilcoxon_checks(claim: WilcoxonClaim) -> list[Check]:
    """Return the checks of a Wilcoxon test."""
    figures = RankFigures(
        test=claim.test,
        n_a=claim.n_a,
        n_b=claim.n_b or 0,
        w=claim.w,
        p=claim.p,
        ties=claim.ties,
        exact=claim.exact,
        correction=claim.correction,
        alternative=claim.alternative,
    )
    return [_placed(claim.name, claim.where, check) for check in (w_check(figures), rank_p_check(figures))]


def family_checks(claims: ClaimsFile) -> list[Check]:
    """Return a check of multiplicity for every family of p-values."""
    families: dict[str, dict[str, Printed]] = {}
    for kind in ("comparisons", "mcnemar", "wilcoxon", "coefficients"):
        for claim in getattr(claims, kind):
            # An intercept is no comparison: rows of models count only where the file says so.
            family = claim.family or (None if kind == "coefficients" else kind)
            if claim.p is not None and family is not None:
                families.setdefault(family, {})[claim.name] = claim.p
    return [
        _placed(
            f"family {name}", "", multiplicity_check(p_values, alpha=claims.alpha, adjusted=claims.adjusted)
        )
        for name, p_values in families.items()
    ]


def _placed(name: str, where: str, check: Check) -> Check:
    return check.at(f"{name} ({where})" if where else name)
