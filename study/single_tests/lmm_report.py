"""The report of `study test lmm`: the fit, and on request everything else that the engine knows about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stats.checks import check_choice
from stats.lmm import LmmFit, fit_lmm
from stats.lmm.summary import lmm_summary
from study.single_tests.user_table import check_columns

INTERVALS = ("profile", "bootstrap")
CONTRAST_COLUMNS = (
    *("comparison", "estimate", "std_error", "df", "statistic", "p_value", "p_adjusted"),
    *("conf_low", "conf_high", "method", "note"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmExtras:
    """What to report beside the fit.

    Attributes
    ----------
    details : type III table, test of each random term, variance shares, R2, ICC, predicted random effects,
        residuals, optimiser
    contrasts : factor whose marginal means are compared;  by : within the levels of this factor
    kind : "pairwise" or "treatment-vs-control";  adjust : over the contrasts of one slice
    intervals : "profile" or "bootstrap", or None for the intervals of the t tests alone
    n_resamples, seed : of the bootstrap
    """

    details: bool = False
    contrasts: str | None = None
    by: str | None = None
    kind: str = "pairwise"
    adjust: str = "holm"
    intervals: str | None = None
    n_resamples: int = 1000
    seed: int = 0


def lmm_report(
    frame: pd.DataFrame,
    formula: str,
    *,
    df: str = "satterthwaite",
    reml: bool = True,
    weights: str | None = None,
    offset: str | None = None,
    coding: str = "treatment",
    engine: str = "newton",
    conf_level: float = 0.95,
    extras: LmmExtras | None = None,
) -> dict[str, Any]:
    """Fit a mixed model to a user's table; keys as in the documentation of `study test lmm`.

    Raises
    ------
    ValueError : formula, columns or data that give no model; an option that does not apply
    """
    wanted = extras or LmmExtras()
    if wanted.by is not None and wanted.contrasts is None:
        raise ValueError("--by needs --contrasts FACTOR: the factor whose levels are compared.")
    if wanted.intervals is not None:
        check_choice("intervals", wanted.intervals, INTERVALS)
    check_columns(frame, [name for name in (weights, offset) if name is not None])
    fit = fit_lmm(
        formula,
        frame,
        reml=reml,
        weights=weights,
        offset=offset,
        coding=coding,  # type: ignore[arg-type]  # fit_lmm names what is allowed
        engine=engine,  # type: ignore[arg-type]
    )
    report = lmm_summary(fit, df=df, conf_level=conf_level)
    if engine == "statsmodels":
        report["warnings"] = [*report["warnings"], _second_opinion(formula, frame, fit, offset)]
    if wanted.details:
        report |= _details(fit, df)
    if wanted.contrasts is not None:
        report |= _contrasts(fit, wanted, df, conf_level)
    if wanted.intervals is not None:
        report |= {"interval_method": wanted.intervals, "intervals": _intervals(fit, wanted, conf_level)}
    return report


def _second_opinion(formula: str, frame: pd.DataFrame, fit: LmmFit, offset: str | None) -> str:
    from stats.lmm.crosscheck_statsmodels import crosscheck

    own = fit_lmm(formula, frame, reml=fit.reml, offset=offset, coding=fit.design.coding)
    return f"The variances are those of statsmodels. Beside our own fit: {crosscheck(own).note}"


def _details(fit: LmmFit, df: str) -> dict[str, Any]:
    from stats.lmm.anova import anova
    from stats.lmm.checks import convergence_check
    from stats.lmm.diagnostics import residual_diagnostics
    from stats.lmm.lrt import ranova
    from stats.lmm.random_effects import random_effects_frame, variance_explained, variance_shares

    return {
        "anova": anova(fit, df=df),
        "random_tests": ranova(fit),
        "variance_shares": variance_shares(fit),
        "variance_explained": asdict(variance_explained(fit)),
        "random_effects": random_effects_frame(fit),
        "residuals": asdict(residual_diagnostics(fit)),
        "optimiser": asdict(fit.optimiser),
        "convergence": asdict(convergence_check(fit)),
    }


def _contrasts(fit: LmmFit, wanted: LmmExtras, df: str, conf_level: float) -> dict[str, Any]:
    from stats.lmm.contrasts import contrasts, emmeans

    factor = str(wanted.contrasts)
    rows = contrasts(
        fit,
        factor,
        kind=wanted.kind,
        adjust=wanted.adjust,
        df=df,
        by=wanted.by,
        conf_level=conf_level,
    )
    return {
        "means": emmeans(fit, factor, by=wanted.by, df=df, conf_level=conf_level),
        "contrasts": rows[list(CONTRAST_COLUMNS)],
    }


def _intervals(fit: LmmFit, wanted: LmmExtras, conf_level: float) -> pd.DataFrame:
    if wanted.intervals == "profile":
        from stats.lmm.profile import profile_intervals

        return profile_intervals(fit, conf_level=conf_level)
    from stats.lmm.intervals import bootstrap

    resamples = bootstrap(fit, n_resamples=wanted.n_resamples, rng=np.random.default_rng(wanted.seed))
    table = resamples.intervals(conf_level=conf_level)
    failed = resamples.n_failed
    return table.assign(note=f"{failed} of {wanted.n_resamples} fits did not converge" if failed else None)
