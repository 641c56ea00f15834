"""What `study test wilcoxon --json` prints, from a user's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import level_name, levels
from stats.ranks.sign_flip import SignFlipResult, sign_flip_test
from stats.ranks.wilcoxon import WilcoxonResult, rank_sum_test, signed_rank_test
from study.single_tests.user_table import check_columns, check_roles, level_column, number_column


def wilcoxon_report(
    frame: pd.DataFrame,
    *,
    value: str,
    by: str,
    paired: bool = False,
    match: Sequence[str] = (),
    alternative: str = "two-sided",
    correction: bool = True,
    seed: int = 0,
    conf_level: float = 0.95,
) -> dict[str, Any]:
    """Compare a value between the two levels of a factor; W counts the first level, as R.

    With `paired` the report also holds `permutation`, the sign-flip test of the mean difference; `seed` is
    that of its random patterns, where there are too many pairs for all.

    Raises
    ------
    ValueError : unknown column, a factor without exactly two levels, missing values, unmatched pairs
    """
    check_columns(frame, [value, by, *match])
    check_roles({"value": [value], "factor": [by]})
    values = number_column(frame, value)
    if frame[by].isna().any():
        level_column(frame, by)
    coded = levels(frame[by])
    if len(coded.names) != 2:
        shown = ", ".join(map(repr, coded.names[:6]))
        raise ValueError(
            f"`{by}` has {len(coded.names)} level{'s' if len(coded.names) != 1 else ''} ({shown}); "
            "a Wilcoxon test compares exactly two. Keep the rows of two levels."
        )
    if match and not paired:
        raise ValueError("--match was given without --paired; add --paired for the signed-rank test.")
    options: dict[str, Any] = {"alternative": alternative, "conf_level": conf_level}
    if not paired:
        first, second = values[coded.codes == 0], values[coded.codes == 1]
        return _wilcoxon_dict(rank_sum_test(first, second, correction=correction, **options), coded.names)
    if not match:
        raise ValueError("--paired needs --match COLS: the columns that name a pair.")
    wrong = [name for name in match if name in (by, value)]
    if wrong:
        raise ValueError(
            f"--match names {wrong[0]!r}, which is the {'factor' if wrong[0] == by else 'value'} itself; "
            "name the other columns that tell the pairs apart."
        )
    first, second = matched_values(frame, values, coded.codes, coded.names, match)
    report = _wilcoxon_dict(signed_rank_test(first, second, correction=correction, **options), coded.names)
    flips = sign_flip_test(first, second, rng=np.random.default_rng(seed), **options)
    unnamed = int(frame[list(match)].isna().any(axis=1).sum())
    if unnamed:
        note = f"{unnamed} rows with an empty cell in {', '.join(match)} are matched with each other"
        report["notes"] = [*report["notes"], note]
    return report | {"permutation": _permutation_dict(flips, seed)}


def matched_values(
    frame: pd.DataFrame,
    values: np.ndarray,
    codes: np.ndarray,
    levels: Sequence[str],
    match: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of both levels in the same order of pairs; no pair is dropped.

    Raises
    ------
    ValueError : a pair that has no or several rows of a level (the first one is named)
    """
    keys = [
        tuple("(missing)" if pd.isna(v) else level_name(v) for v in row)
        for row in frame[list(match)].itertuples(index=False)
    ]
    sides: tuple[dict[tuple[str, ...], float], ...] = ({}, {})
    for key, code, value in zip(keys, codes, values, strict=True):
        if key in sides[code]:
            raise ValueError(
                f"{_pair_name(match, key)} has several rows of {levels[code]!r}; "
                "name more columns in --match, so that each pair has one row per level."
            )
        sides[code][key] = value
    for code in (0, 1):
        alone = [key for key in sides[code] if key not in sides[1 - code]]
        if alone:
            raise ValueError(
                f"{len(alone)} rows of {levels[code]!r} have no partner in {levels[1 - code]!r}, first "
                f"{_pair_name(match, alone[0])}; take them out or correct --match."
            )
    order = list(sides[0])
    return np.array([sides[0][key] for key in order]), np.array([sides[1][key] for key in order])


def _wilcoxon_dict(fit: WilcoxonResult, levels: Sequence[str]) -> dict[str, Any]:
    letter = "W" if fit.test == "rank-sum" else "V"
    return {
        "test": fit.test,
        "levels": list(levels),
        "n": list(fit.n),
        letter: fit.statistic,
        "p_value": fit.p_value,
        "z": fit.z,
        "correction": fit.correction,
        "exact": fit.exact,
        "alternative": fit.alternative,
        "hodges_lehmann": fit.hodges_lehmann,
        "conf_low": fit.conf_low,
        "conf_high": fit.conf_high,
        "conf_level": fit.conf_level,
        "conf_level_achieved": fit.conf_level_achieved,
        "medians": [fit.median_a, fit.median_b],
        "method": fit.method,
        "notes": [fit.note] if fit.note else [],
    }


def _permutation_dict(fit: SignFlipResult, seed: int) -> dict[str, Any]:
    return {
        "mean_difference": fit.mean_difference,
        "p_value": fit.p_value,
        "p_value_rank": fit.p_rank,
        "conf_low": fit.conf_low,
        "conf_high": fit.conf_high,
        "exact": fit.exact,
        "n_resamples": fit.n_resamples,
        "seed": seed,
        "method": fit.method,
        "notes": [fit.note] if fit.note else [],
    }


def _pair_name(match: Sequence[str], key: tuple[str, ...]) -> str:
    return "The pair " + ", ".join(f"{name}={value}" for name, value in zip(match, key, strict=True))
