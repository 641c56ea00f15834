"""Predictions for new rows, with or without the random effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stats.checks import check_conf_level
from stats.levels import level_name
from stats.lmm.coding import Column, fixed_columns
from stats.lmm.contest import t_tests
from stats.lmm.estimability import is_estimable, model_rows
from stats.lmm.factors import Factor, factor, is_numeric, numeric_values
from stats.lmm.fit import LmmFit
from stats.lmm.random_effects import random_effect_values

FloatArray = NDArray[np.float64]


def predict(
    fit: LmmFit,
    frame: pd.DataFrame,
    *,
    random: bool = True,
    new_levels: bool = False,
    df: str = "satterthwaite",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Predicted response for every row of `frame` (without an offset).

    Parameters
    ----------
    frame : the columns of the fixed terms and, with `random`, of the grouping factors
    random : add the predicted random effects
    new_levels : let unseen levels of a grouping factor have the effect 0 (otherwise an error)
    df, conf_level : of the interval of the fixed part

    Returns
    -------
    DataFrame : estimate; NaN for a combination of factors that had no data and that the model does not
        determine; and for the fixed part alone (the mean at random effects of zero) std_error, df,
        conf_low, conf_high

    Raises
    ------
    ValueError : missing column or value, unseen level
    """
    check_conf_level(conf_level)
    design = fit.design
    in_fixed = {name for term in design.formula.terms for name in term}
    wanted = [name for name in design.columns if random or name in in_fixed]
    columns = {name: _like(design.columns[name], name, frame) for name in wanted}
    X, gaps = model_rows(design, columns, len(frame))
    known = is_estimable(X, gaps)
    tests = t_tests(fit, X, df=df, conf_level=conf_level)
    estimate = tests.estimate.copy()
    if random:
        estimate += _random_part(fit, frame, columns, new_levels)
    table = {
        "estimate": estimate,
        "std_error": tests.std_error,
        "df": tests.df,
        "conf_low": tests.conf_low,
        "conf_high": tests.conf_high,
    }
    return pd.DataFrame({k: np.where(known, v, np.nan) for k, v in table.items()}, index=frame.index)


def _series(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        raise ValueError(f"Column '{name}' of the model is not in the new data; add it.")
    column = frame[name]
    if column.isna().any():
        raise ValueError(
            f"Column '{name}' of the new data misses {int(column.isna().sum())} values; fill them."
        )
    return column


def _like(known: Column, name: str, frame: pd.DataFrame) -> Column:
    """The new column coded as in the fit."""
    series = _series(frame, name)
    if not isinstance(known, Factor):
        if not is_numeric(series):
            raise ValueError(
                f"Column '{name}' of the new data must hold numbers, it holds {series.dtype} values."
            )
        return numeric_values(series)
    codes = _codes(series, known)
    if (codes < 0).any():
        wrong = level_name(series.iloc[int(np.argmax(codes < 0))])
        raise ValueError(
            f"Level '{wrong}' of '{name}' was not in the fit; its levels are {', '.join(known.levels)}."
        )
    return Factor(codes=codes, levels=known.levels)


def _codes(series: pd.Series, known: Factor) -> NDArray[np.intp]:
    whole = factor(series)
    position = {level: i for i, level in enumerate(known.levels)}
    return np.array([position.get(level, -1) for level in whole.levels], dtype=np.intp)[whole.codes]


def _random_part(
    fit: LmmFit, frame: pd.DataFrame, columns: dict[str, Column], new_levels: bool
) -> FloatArray:
    total = np.zeros(len(frame))
    values = random_effect_values(fit)
    for part, data, effects in zip(fit.design.formula.random, fit.design.random, values, strict=True):
        names = [factor(_series(frame, v)) for v in part.group]
        labels = [tuple(f.levels[f.codes[i]] for f in names) for i in range(len(frame))]
        levels = data.group.parts or tuple((level,) for level in data.group.levels)
        position = {level: i for i, level in enumerate(levels)}
        codes = np.array([position.get(label, -1) for label in labels], dtype=np.intp)
        unseen = codes < 0
        if unseen.any() and not new_levels:
            first = ":".join(labels[int(np.argmax(unseen))])
            raise ValueError(
                f"Level '{first}' of '{data.label}' was not in the fit, so its random effect is unknown; "
                "pass new_levels=True to take it as zero."
            )
        if part.terms:
            Z, _, _ = fixed_columns(part.intercept, part.terms, columns, len(frame), "treatment")
        else:
            Z = np.ones((len(frame), 1))
        total += np.where(unseen, 0.0, (effects[codes] * Z).sum(axis=1))
    return total
