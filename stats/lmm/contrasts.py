"""Estimated marginal means and contrasts of factors, as R's emmeans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.checks import check_choice, check_conf_level
from stats.lmm.contest import TTests, check_df_method, t_tests
from stats.lmm.distributions import t_quantile, t_two_sided
from stats.lmm.estimability import is_estimable
from stats.lmm.fit import LmmFit
from stats.lmm.marginal_means import MarginalMeans, marginal_means
from stats.lmm.tukey import SMALLEST_DF, studentized_range_quantile, studentized_range_tail
from stats.results import ComparisonResult, joined_notes, results_frame

FloatArray = NDArray[np.float64]
Custom = Mapping[str, Sequence[float] | Mapping[str, float]]

KINDS = ("pairwise", "treatment-vs-control")
ADJUSTMENTS = ("holm", "tukey", "sidak", "bonferroni", "none")
NOT_ESTIMABLE = "not estimable: it rests on combinations of factors without data"
NO_TUKEY = "no Tukey adjustment: the distribution needs at least 1 df"
DF_NAMES = {"satterthwaite": "Satterthwaite df", "kenward-roger": "Kenward-Roger", "none": "normal"}


def emmeans(
    fit: LmmFit, factor: str, *, by: str | None = None, df: str = "satterthwaite", conf_level: float = 0.95
) -> pd.DataFrame:
    """Estimated marginal means with intervals.

    Returns
    -------
    DataFrame : level, slice, estimate, std_error, df, conf_low, conf_high; NaN for a mean that the data do
        not determine (cells without data). The model's offset enters with its mean, as in emmeans.
    """
    frames = []
    for means in marginal_means(fit, factor, by=by):
        tests = _tests(fit, np.eye(len(means.levels)), means, df=df, conf_level=conf_level)
        frames.append(
            pd.DataFrame(
                {
                    "level": list(means.levels),
                    "slice": means.slice_level,
                    "estimate": tests.estimate,
                    "std_error": tests.std_error,
                    "df": tests.df,
                    "conf_low": tests.conf_low,
                    "conf_high": tests.conf_high,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def contrasts(
    fit: LmmFit,
    factor: str,
    *,
    kind: str | Custom = "pairwise",
    adjust: str = "holm",
    df: str = "satterthwaite",
    by: str | None = None,
    control: str | None = None,
    conf_level: float = 0.95,
    planned: bool = True,
) -> pd.DataFrame:
    """Contrasts of the marginal means of a factor.

    Parameters
    ----------
    factor : a factor among the fixed effects
    kind : "pairwise" (every `a - b`), "treatment-vs-control" (every level minus `control`, by default the
        first),
        or named coefficients: `{"late - early": {"c": 0.5, "d": 0.5, "a": -1}}` or sequences in the levels'
        order
    adjust : "holm", "tukey" (pairwise only), "sidak", "bonferroni" or "none"; within each slice
    df : "satterthwaite", "kenward-roger" or "none"
    by : slice by this factor: the contrasts are made within each of its levels

    Returns
    -------
    DataFrame : one row per contrast in RESULT_COLUMNS. `p_value` is not adjusted. The interval is, as in
        emmeans:
        Tukey and Sidak by their own critical value, Holm by Bonferroni's.

    Raises
    ------
    ValueError : unknown factor, method or level; no contrast; Tukey for other than pairwise contrasts

    Notes
    -----
    Checked against R emmeans (tests/golden/lmm_*.json).
    """
    check_choice("adjust", adjust, ADJUSTMENTS)
    check_df_method(df)
    check_conf_level(conf_level)
    if adjust == "tukey" and kind != "pairwise":
        raise ValueError("`adjust` 'tukey' holds for pairwise contrasts only; use 'holm' or 'sidak'.")
    results = []
    for means in marginal_means(fit, factor, by=by):
        names, C = _coefficients(means.levels, kind, control)
        tests = _tests(fit, C, means, df=df, conf_level=conf_level)
        adjusted, critical = _adjusted(tests, adjust, len(means.levels))
        estimates = np.where(is_estimable(means.L, means.gaps), means.L @ fit.beta + means.offset, np.nan)
        simple = [_arms(row, means.levels) for row in C]
        for i, name in enumerate(names):
            a, b = simple[i]
            results.append(
                ComparisonResult(
                    analysis="contrast",
                    family=f"{factor} | {fit.formula}"
                    if by is None
                    else f"{factor} | {by} = {means.slice_level}",
                    comparison=name,
                    task=means.slice_level if by == "task" else None,
                    arm_a=a,
                    arm_b=b,
                    metric=fit.design.formula.response,
                    estimate_a=_at(estimates, means.levels, a),
                    estimate_b=_at(estimates, means.levels, b),
                    estimate=float(tests.estimate[i]),
                    std_error=float(tests.std_error[i]),
                    statistic=float(tests.statistic[i]),
                    df=float(tests.df[i]),
                    p_value=float(tests.p_value[i]),
                    p_adjusted=float(adjusted[i]),
                    conf_low=float(tests.estimate[i] - critical[i] * tests.std_error[i]),
                    conf_high=float(tests.estimate[i] + critical[i] * tests.std_error[i]),
                    conf_level=conf_level,
                    method=f"mixed model contrast, {DF_NAMES[df]}, {_adjustment_name(adjust)}",
                    n=fit.n,
                    planned=planned,
                    note=joined_notes(
                        None if by is None else f"within {by} = {means.slice_level}",
                        NOT_ESTIMABLE if np.isnan(tests.estimate[i]) else None,
                        NO_TUKEY if adjust == "tukey" and tests.df[i] < SMALLEST_DF else None,
                    ),
                )
            )
    return results_frame(results)


def _tests(fit: LmmFit, C: FloatArray, means: MarginalMeans, *, df: str, conf_level: float) -> TTests:
    """t tests of the combinations C of the means; NaN where the data do not determine one."""
    L, gaps = C @ means.L, C @ means.gaps
    known = is_estimable(L, gaps)
    tests = t_tests(fit, np.where(known[:, None], L, np.eye(len(fit.names))[0]), df=df, conf_level=conf_level)
    constant = means.offset * C.sum(axis=1)
    estimate = tests.estimate + constant
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / tests.std_error
    p_value = tests.p_value if df == "none" else t_two_sided(statistic, tests.df)
    numbers = {
        "estimate": estimate,
        "std_error": tests.std_error,
        "df": tests.df,
        "statistic": statistic,
        "p_value": p_value,
        "conf_low": tests.conf_low + constant,
        "conf_high": tests.conf_high + constant,
    }
    filled: dict[str, Any] = {name: np.where(known, values, np.nan) for name, values in numbers.items()}
    return replace(tests, **filled)


def _coefficients(
    levels: tuple[str, ...], kind: str | Custom, control: str | None
) -> tuple[list[str], FloatArray]:
    eye = np.eye(len(levels))
    if isinstance(kind, Mapping):
        if not kind:
            raise ValueError("`kind` holds no contrast; give at least one name with its coefficients.")
        return list(kind), np.array([_custom(name, values, levels) for name, values in kind.items()])
    check_choice("kind", kind, KINDS)
    if kind == "pairwise":
        pairs = list(combinations(range(len(levels)), 2))
        return [f"{levels[a]} - {levels[b]}" for a, b in pairs], np.array([eye[a] - eye[b] for a, b in pairs])
    reference = levels[0] if control is None else control
    check_choice("control", reference, levels)
    r = levels.index(reference)
    others = [i for i in range(len(levels)) if i != r]
    return [f"{levels[i]} - {reference}" for i in others], np.array([eye[i] - eye[r] for i in others])


def _custom(name: str, values: Sequence[float] | Mapping[str, float], levels: tuple[str, ...]) -> FloatArray:
    if isinstance(values, Mapping):
        unknown = [level for level in values if level not in levels]
        if unknown:
            raise ValueError(
                f"Contrast '{name}' names the unknown level '{unknown[0]}'; levels are {levels}."
            )
        row = np.array([float(values.get(level, 0.0)) for level in levels])
    else:
        row = np.asarray(values, dtype=np.float64)
    if row.shape != (len(levels),) or not np.isfinite(row).all() or not row.any():
        raise ValueError(
            f"Contrast '{name}' needs one finite coefficient for each of the levels {levels}, not all 0."
        )
    return row


def _arms(row: FloatArray, levels: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The two levels of a simple difference; None for other contrasts."""
    if sorted(row[row != 0].tolist()) != [-1.0, 1.0]:
        return None, None
    return levels[int(np.argmax(row))], levels[int(np.argmin(row))]


def _at(estimates: FloatArray, levels: tuple[str, ...], level: str | None) -> float:
    return float("nan") if level is None else float(estimates[levels.index(level)])


def _adjustment_name(adjust: str) -> str:
    return "not adjusted" if adjust == "none" else f"{adjust.capitalize()} adjusted"


def _adjusted(tests: TTests, adjust: str, n_means: int) -> tuple[FloatArray, FloatArray]:
    """Adjusted p-values and critical values of the intervals."""
    from stats.multiplicity.adjust import adjust_p

    p, m, level = tests.p_value, len(tests.p_value), tests.conf_level
    plain = t_quantile(0.5 + level / 2.0, tests.df)
    bonferroni = t_quantile(1.0 - (1.0 - level) / (2.0 * m), tests.df)
    if adjust == "none":
        return p, plain
    if adjust == "bonferroni":
        return np.minimum(1.0, m * p), bonferroni
    if adjust == "sidak":
        with np.errstate(divide="ignore"):
            return -np.expm1(m * np.log1p(-p)), t_quantile(0.5 + level ** (1.0 / m) / 2.0, tests.df)
    if adjust == "holm":
        return adjust_p(p, "holm"), bonferroni
    return _tukey(tests, n_means)


def _tukey(tests: TTests, n_means: int) -> tuple[FloatArray, FloatArray]:
    critical = [
        studentized_range_quantile(tests.conf_level, n_means, float(v)) / np.sqrt(2.0) for v in tests.df
    ]
    if tests.df_method == "none":
        return tests.p_value, np.array(critical)
    pairs = zip(np.sqrt(2.0) * np.abs(tests.statistic), tests.df, strict=True)
    return np.array([studentized_range_tail(float(q), n_means, float(v)) for q, v in pairs]), np.array(
        critical
    )
