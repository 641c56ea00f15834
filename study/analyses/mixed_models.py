"""The mixed models of the plan, over the cells of the grid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from stats.levels import level_names
from stats.results import RESULT_COLUMNS, ComparisonResult, joined_notes
from study.analyses.grid_data import GridData, folds_note
from study.config import MixedPlan

if TYPE_CHECKING:
    from stats.lmm import LmmFit
    from stats.lmm.terms import TermMeaning

UNUSED = "not used"  # level of a grouping factor in cells whose head does not have it
FIXED_COLUMNS = [
    "model",
    "formula",
    "n",
    "df_method",
    "term",
    "estimate",
    "std_error",
    "df",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
]
# Rows times the square of the random levels, which statsmodels multiplies some hundred times: about a minute.
LARGEST_CHECK = 3e8
KINDS = {"pairwise": "pairwise", "treatment": "treatment-vs-control"}
RANDOM_COLUMNS = ["model", "formula", "group", "term", "variance", "std_dev", "correlation", "levels"]
TEST_COLUMNS = ["model", "formula", "part", "term", "statistic", "df1", "df2", "p_value", "method"]
SHARE_COLUMNS = ["model", "formula", "group", "variance", "share"]
MODEL_COLUMNS = [
    "model",
    "formula",
    "n",
    "reml",
    "criterion",
    "converged",
    "singular",
    "df_method",
    "scaled_min",
    "scaled_q1",
    "scaled_median",
    "scaled_q3",
    "scaled_max",
    "r2_marginal",
    "r2_conditional",
    "icc_adjusted",
    "note",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedResult:
    """Tables of one model and the rows of its contrasts; `reason` says why it could not be fitted.

    `meanings` says what each row of `fixed` compares.
    """

    fixed: pd.DataFrame
    meanings: list[TermMeaning]
    random: pd.DataFrame
    models: pd.DataFrame
    tests: pd.DataFrame
    shares: pd.DataFrame
    contrasts: pd.DataFrame
    response: str
    reason: str | None


def fit_mixed(
    data: GridData, plan: MixedPlan, *, model: int, conf_level: float, planned: bool
) -> MixedResult:
    """Fit one model of the plan; a model that cannot be fitted gives a row with a note.

    Cells that do not use a grouping factor (a linear head has no filters) form a level of their own, so
    that no cell leaves the model unseen.
    """
    from stats.lmm import fit_lmm, parse_formula
    from stats.lmm.checks import drop_note
    from stats.lmm.random_effects import variance_explained, variance_shares
    from stats.lmm.summary import mixed_tables
    from stats.lmm.term_tests import term_tests
    from stats.lmm.terms import term_meanings

    response = parse_formula(plan.formula).response
    notes = [data.missing_note(data.planned), _collapsed_note(data.metrics)]
    notes.append(folds_note(data.planned, names=re.findall(r"\w+", plan.formula)))
    try:
        frame, filled = with_unused_levels(data.metrics, plan.formula)
        notes = [filled, *notes]
        fit = fit_lmm(plan.formula, frame)
        fixed, random, models = mixed_tables(fit, plan.df, model=model, conf_level=conf_level)
    except ValueError as error:
        return _unfitted(plan, model, response, str(error), joined_notes(*notes))
    dropped = f"{fit.n_dropped} cells with missing values left out" if fit.n_dropped else None
    head = {"model": model, "formula": plan.formula}
    explained = variance_explained(fit)
    advice = str(models.loc[0, "note"] or "").replace(drop_note(fit) or "\0", "").strip()
    note = joined_notes(advice.rstrip("."), _second_engine(fit), dropped, *notes)
    models = models.assign(
        r2_marginal=explained.r2_marginal,
        r2_conditional=explained.r2_conditional,
        icc_adjusted=explained.icc_adjusted,
        note=note,
    )
    return MixedResult(
        fixed=fixed,
        meanings=term_meanings(fit),
        random=random,
        models=models,
        tests=term_tests(fit, df=plan.df).assign(**head)[TEST_COLUMNS],
        shares=variance_shares(fit).assign(**head)[SHARE_COLUMNS],
        contrasts=_contrasts(fit, plan, response, note, conf_level=conf_level, planned=planned),
        response=response,
        reason=None,
    )


def check_mixed(plan: MixedPlan, columns: set[str]) -> None:
    """Raise ValueError where a planned model or its contrasts cannot be meant for these columns."""
    from stats.lmm import parse_formula

    parsed = parse_formula(plan.formula)
    unknown = [name for name in parsed.variables() if name not in columns]
    if unknown:
        raise ValueError(
            f"analysis.mixed '{plan.formula}' names `{unknown[0]}`, which is no column of the cells; "
            f"columns are {', '.join(sorted(columns))}."
        )
    wanted = plan.contrasts
    fixed = dict.fromkeys(name for term in parsed.terms for name in term)
    for name in () if wanted is None else filter(None, (wanted.factor, wanted.by)):
        if name not in fixed:
            raise ValueError(
                f"analysis.mixed '{plan.formula}' compares levels of `{name}`, which is not among its fixed "
                f"effects ({', '.join(fixed) or 'none'})."
            )


def _second_engine(fit: LmmFit) -> str | None:
    """Where statsmodels comes to another result, or was not asked; nothing where it agrees or cannot fit."""
    from stats.lmm.crosscheck_statsmodels import crosscheck

    n, levels = fit.design.n, sum(len(term.group.levels) for term in fit.design.random)
    if n * levels**2 > LARGEST_CHECK:
        return f"not compared with statsmodels, which takes too long for {n} rows and {levels} random levels"
    try:
        check = crosscheck(fit)
    except ValueError:
        return None
    return None if check.agrees else check.note.rstrip(".")


def _contrasts(
    fit: LmmFit, plan: MixedPlan, response: str, note: str | None, *, conf_level: float, planned: bool
) -> pd.DataFrame:
    wanted = plan.contrasts
    if wanted is None:
        return pd.DataFrame(columns=list(RESULT_COLUMNS))
    from stats.lmm.contrasts import contrasts

    options: dict[str, Any] = {} if wanted.by is None else {"by": wanted.by}
    try:
        rows = contrasts(
            fit,
            wanted.factor,
            kind=KINDS[wanted.kind],
            adjust=wanted.adjust,
            df=plan.df,
            conf_level=conf_level,
            **options,
        )
    except ValueError as error:
        return ComparisonResult(
            analysis="contrast",
            method=f"contrasts of {wanted.factor} in {plan.formula}",
            comparison=wanted.factor,
            metric=response,
            conf_level=conf_level,
            planned=planned,
            note=f"not run: {str(error).rstrip('.')}",
        ).to_frame()
    joined = [joined_notes(_none_if_missing(own), _loud_part(note)) for own in rows["note"]]
    return rows.assign(planned=planned, note=pd.Series(joined, index=rows.index, dtype=object))[
        list(RESULT_COLUMNS)
    ]


def _unfitted(plan: MixedPlan, model: int, response: str, reason: str, note: str | None) -> MixedResult:
    row = {"model": model, "formula": plan.formula, "n": 0, "reml": True, "df_method": plan.df}
    row["note"] = joined_notes(f"not fitted: {reason.rstrip('.')}", note)
    models = pd.DataFrame([row], columns=MODEL_COLUMNS)
    numbers = ["criterion", "icc_adjusted", *(c for c in MODEL_COLUMNS if c.startswith(("scaled_", "r2_")))]
    models = models.astype(dict.fromkeys(numbers, float)).assign(converged=False, singular=False)
    return MixedResult(
        fixed=pd.DataFrame(columns=FIXED_COLUMNS),
        meanings=[],
        tests=pd.DataFrame(columns=TEST_COLUMNS),
        shares=pd.DataFrame(columns=SHARE_COLUMNS),
        random=pd.DataFrame(columns=RANDOM_COLUMNS),
        models=models,
        contrasts=pd.DataFrame(columns=list(RESULT_COLUMNS)),
        response=response,
        reason=reason,
    )


def with_unused_levels(metrics: pd.DataFrame, formula: str) -> tuple[pd.DataFrame, str | None]:
    """Fill missing levels of grouping factors with a level of their own.

    Raises
    ------
    ValueError : such a factor stands among the fixed effects or slopes too, where it has no such level
    """
    from stats.lmm import parse_formula

    parsed = parse_formula(formula)
    groups = {name for part in parsed.random for name in part.group}
    both = groups & {
        v for term in (*parsed.terms, *(t for p in parsed.random for t in p.terms)) for v in term
    }
    frame, notes = metrics.copy(), []
    for name in [name for name in metrics.columns if name in groups]:
        unused = int(metrics[name].isna().sum())
        if 0 < unused < len(metrics):
            if name in both:
                raise ValueError(
                    f"`{name}` is fixed and random in '{formula}', and {unused} cells do not use it; "
                    "keep one of the two."
                )
            frame[name] = level_names(metrics[name]).fillna(UNUSED)
            notes.append(f"{unused} cells without {name} form the level '{UNUSED}'")
    return frame, joined_notes(*notes)


def _collapsed_note(metrics: pd.DataFrame) -> str | None:
    collapsed = int(metrics["collapsed"].astype(bool).sum())
    if not collapsed:
        return None
    return f"{collapsed} of {len(metrics)} cells predict one class for every test image"


def _loud_part(note: str | None) -> str | None:
    """Failed and collapsed cells, which every contrast repeats; the advice stays with the model."""
    parts = [p for p in (note or "").split("; ") if "failed cells" in p or "predict one class" in p]
    return "; ".join(parts) or None


def _none_if_missing(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value).rstrip(".")
