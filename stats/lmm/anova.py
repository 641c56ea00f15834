"""F tests of whole terms: the type III table of lmerTest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.lmm.coding import fixed_columns, full_rank
from stats.lmm.contest import check_df_method, f_test
from stats.lmm.factors import Factor
from stats.lmm.fit import LmmFit

FloatArray = NDArray[np.float64]


def anova(fit: LmmFit, *, df: str = "satterthwaite") -> pd.DataFrame:
    """Type III table: one row per fixed term, in the order of the model.

    Parameters
    ----------
    df : "satterthwaite", "kenward-roger" or "none" (then df2 is infinite and the p-value missing)

    Returns
    -------
    DataFrame : term, sum_sq, mean_sq, df1, df2, statistic, p_value; df1 0 and NaN for a term that other terms
        determine

    Notes
    -----
    The hypotheses are those of lmerTest (and of SAS): each term is tested adjusted for all terms that do not
    contain it, in a coding that does not depend on the baseline. (lmerTest 3.1-3 overlooks containment where
    a factor is coded in full, as in `a + a:b`; its table then depends on the baseline, this one does not.)
    Checked against R (tests/golden/lmm_fits.json).
    """
    check_df_method(df)
    rows = []
    for term, L in zip(fit.design.formula.terms, type_three_contrasts(fit), strict=True):
        if not len(L):  # every column of the term was left out: earlier terms determine it
            rows.append({"term": ":".join(term), "df1": 0})
            continue
        test = f_test(fit, L, df=df)
        mean_square = test.statistic / test.scale * fit.sigma2
        rows.append(
            {
                "term": ":".join(term),
                "sum_sq": mean_square * test.df1,
                "mean_sq": mean_square,
                "df1": test.df1,
                "df2": test.df2,
                "statistic": test.statistic,
                "p_value": test.p_value,
            }
        )
    columns = ["term", "sum_sq", "mean_sq", "df1", "df2", "statistic", "p_value"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(set(columns) - {"term", "df1"}, float))


def type_three_contrasts(fit: LmmFit) -> list[FloatArray]:
    """Contrast matrix of every fixed term, rows as lmerTest takes them (the df depend on the basis)."""
    design = fit.design
    terms, columns, n = design.formula.terms, design.columns, design.n
    X = design.X
    if len(terms) == 1 or X.shape[1] == 1:
        rows = _sequential(X)
        return [rows[design.assign == i] for i in range(len(terms))]
    if design.coding != "treatment":
        treated, names, assign = fixed_columns(design.formula.intercept, terms, columns, n, "treatment")
        treated, kept = full_rank(treated)
        names, assign = [names[i] for i in kept], assign[kept]
        back = _zap(np.linalg.pinv(treated) @ X)
        return [L @ back for L in _estimable(treated, names, assign, fit)]
    return _estimable(X, list(design.names), design.assign, fit)


def _sequential(X: FloatArray) -> FloatArray:
    """Rows of the type I hypotheses: unit upper triangle of X'X = U'DU."""
    R = np.asarray(np.linalg.qr(X, mode="r"))
    return R / np.diagonal(R)[:, None]


def _estimable(X: FloatArray, names: list[str], assign: NDArray[np.intp], fit: LmmFit) -> list[FloatArray]:
    """Rows of the general form of estimable functions, each term orthogonal to the terms that contain it."""
    terms = fit.design.formula.terms
    full, full_names = _overparametrised(fit)
    general = _zap(np.linalg.pinv(X) @ full).T  # (columns of the full coding, columns of X)
    for i in sorted(range(len(terms)), key=lambda i: -len(terms[i])):
        containing = [j for j in range(len(terms)) if _contains(terms[j], terms[i], fit)]
        if containing:
            other = general[:, np.isin(assign, containing)]
            own = general[:, assign == i]
            general[:, assign == i] = _zap(own - other @ np.linalg.lstsq(other, own, rcond=None)[0])
    position = {name: row for row, name in enumerate(full_names)}
    rows = general[[position[name] for name in names]]
    out = []
    for i in range(len(terms)):
        L = rows[:, assign == i].T
        out.append(L[np.abs(L).sum(axis=1) > 1e-8])
    return out


def _overparametrised(fit: LmmFit) -> tuple[FloatArray, list[str]]:
    """Model matrix with every factor coded in full in every term."""
    design = fit.design
    n = design.n
    blocks = [np.ones((n, 1))] if design.formula.intercept else []
    names = ["Intercept"] if design.formula.intercept else []
    for term in design.formula.terms:
        block, labels = np.ones((n, 1)), [""]
        for variable in term:
            column = design.columns[variable]
            if isinstance(column, Factor):
                values, parts = (
                    np.eye(len(column.levels))[column.codes],
                    [f"{variable}[{v}]" for v in column.levels],
                )
            else:
                values, parts = column[:, None], [variable]
            block = (block[:, None, :] * values[:, :, None]).reshape(n, -1)
            labels = [f"{a}:{b}" if a else b for b in parts for a in labels]
        blocks.append(block)
        names += labels
    return np.concatenate(blocks, axis=1), names


def _contains(larger: tuple[str, ...], smaller: tuple[str, ...], fit: LmmFit) -> bool:
    """Whether `larger` has all of `smaller` and beyond it factors only."""
    extra = set(larger) - set(smaller)
    return (
        bool(extra)
        and set(smaller) < set(larger)
        and all(isinstance(fit.design.columns[v], Factor) for v in extra)
    )


def _zap(values: FloatArray) -> FloatArray:
    """Rounding errors set to zero (lmerTest rounds all to seven digits, which moves F in the sixth)."""
    return np.where(np.abs(values) < 1e-9 * max(1.0, float(np.abs(values).max(initial=0.0))), 0.0, values)
