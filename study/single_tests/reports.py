"""The dictionaries that `study test ... --json` prints: one function per test, on a user's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stats.levels import level_name, levels
from stats.ranks.sign_flip import SignFlipResult, sign_flip_test
from stats.ranks.wilcoxon import WilcoxonResult, rank_sum_test, signed_rank_test
from stats.rates.mcnemar import mcnemar_test
from stats.rates.mcnemar_clustered import ClusteredMcnemarResult, clustered_mcnemar_test
from stats.roc.delong import DelongResult, delong
from stats.roc.delong_unpaired import delong_unpaired
from study.single_tests.user_table import (
    binary_labels,
    check_classes,
    check_columns,
    check_roles,
    check_spelling,
    level_column,
    number_column,
    rounded_together,
)

SHARED_ROWS = (
    "rows with several scores count as different images in each sample, because --unpaired was asked for"
)
CLUSTERED_BESIDE = "rows of one patient are not independent: use the clustered tests, not the others"


def delong_report(
    frame: pd.DataFrame,
    *,
    label: str,
    scores: Sequence[str],
    positive: str | None = None,
    group: str | None = None,
    adjust: str = "holm",
    unpaired: bool = False,
    conf_level: float = 0.95,
) -> dict[str, Any]:
    """Compare the AUCs of score columns; keys as in the documentation of `study test delong`.

    With `unpaired` each column is a sample of its own: the rows where it has a value.

    Raises
    ------
    ValueError : unknown column, one class, missing or non-numeric scores, `group` with `unpaired`
    """
    check_columns(frame, [label, *scores, *([group] if group else [])])
    check_roles({"label": [label], "score": scores, "patient": [group]})
    labels = binary_labels(frame, label, positive)
    columns = [number_column(frame, name, allow_missing=unpaired) for name in scores]
    check_classes(labels, label, {name: ~np.isnan(c) for name, c in zip(scores, columns, strict=True)})
    notes = rounded_together(frame, scores)
    if len(labels.others) > 1:
        notes.append(f"{labels.level} against {', '.join(labels.others)}")
    if unpaired:
        if group is not None:
            raise ValueError("--group cannot be joined with --unpaired; leave one of them out.")
        samples = [(labels.positive[~np.isnan(c)], c[~np.isnan(c)]) for c in columns]
        if len(columns) > 1 and (np.sum([~np.isnan(c) for c in columns], axis=0) > 1).any():
            notes.append(SHARED_ROWS)
        fit = delong_unpaired(samples, names=scores, adjust=adjust, conf_level=conf_level)
    else:
        groups = level_column(frame, group) if group else None
        table = np.column_stack(columns)
        fit = delong(labels.positive, table, names=scores, group=groups, adjust=adjust, conf_level=conf_level)
    return _delong_dict(fit, adjust, [*fit.notes, *notes], labels.level)


def _delong_dict(fit: DelongResult, adjust: str, notes: list[str], positive: str) -> dict[str, Any]:
    pairs = fit.pairs
    return {
        "n_positive": fit.n_positive,
        "n_negative": fit.n_negative,
        "n_groups": fit.n_groups,
        "positive": positive,
        "models": [
            {"name": name, "auc": auc, "std_error": error, "conf_low": low, "conf_high": high}
            for name, auc, error, low, high in zip(
                fit.names, fit.auc, fit.std_error, fit.conf_low, fit.conf_high, strict=True
            )
        ],
        "comparisons": [
            {
                "model_a": fit.names[pairs.a[i]],
                "model_b": fit.names[pairs.b[i]],
                "difference": pairs.difference[i],
                "std_error": pairs.std_error[i],
                "statistic": pairs.statistic[i],
                "df": pairs.df[i],
                "p_value": pairs.p_value[i],
                "p_adjusted": pairs.p_adjusted[i],
                "conf_low": pairs.conf_low[i],
                "conf_high": pairs.conf_high[i],
            }
            for i in range(pairs.a.size)
        ],
        "covariance": fit.covariance,
        "global": {
            "statistic": fit.overall.statistic,
            "df": fit.overall.df,
            "p_value": fit.overall.p_value,
        },
        "adjust": adjust,
        "conf_level": fit.conf_level,
        "method": fit.method,
        "notes": notes,
    }


def mcnemar_report(
    frame: pd.DataFrame,
    *,
    label: str,
    predictions: Sequence[str],
    group: str | None = None,
    seed: int = 0,
    conf_level: float = 0.95,
) -> dict[str, Any]:
    """Compare two columns of predicted labels by which rows each got right.

    With `group` the report also holds `clustered`, the tests that take patients as independent; `seed` is
    that of random sign patterns, where too many patients are discordant for all.

    Raises
    ------
    ValueError : unknown column, missing labels, numbers that are no labels (probabilities), words that differ
        by blanks or capitals only
    """
    check_columns(frame, [label, *predictions, *([group] if group else [])])
    check_roles({"label": [label], "prediction": predictions, "patient": [group]})
    truth = level_column(frame, label)
    known = set(truth)
    check_spelling(f"`{label}` has", sorted(known))
    notes, correct = [], []
    for name in predictions:
        predicted = level_column(frame, name)
        check_spelling(f"`{label}` and `{name}` have", sorted({*known, *predicted}))
        strange = sorted(set(predicted) - known)
        if strange and any(_is_fraction(value) for value in strange):
            raise ValueError(
                f"`{name}` holds values that are no label ({', '.join(strange[:3])}); "
                f"give predicted labels, as in `{label}` ({', '.join(sorted(known)[:8])})."
            )
        if not known & set(predicted):
            raise ValueError(
                f"`{name}` and `{label}` have no level in common ({', '.join(strange[:3])} against "
                f"{', '.join(sorted(known)[:3])}); write predictions with the words of the labels."
            )
        if strange:
            notes.append(f"{name} predicts {', '.join(strange[:3])}, which no row of {label} has")
        correct.append([a == b for a, b in zip(truth, predicted, strict=True)])
    fit = mcnemar_test(correct[0], correct[1], conf_level=conf_level)
    report: dict[str, Any] = {
        "model_a": predictions[0],
        "model_b": predictions[1],
        "n": fit.n,
        "both_correct": fit.both_correct,
        "only_a": fit.only_a,
        "only_b": fit.only_b,
        "both_wrong": fit.both_wrong,
        "chi2_corrected": {"statistic": fit.statistic_corrected, "df": 1, "p_value": fit.p_corrected},
        "chi2": {"statistic": fit.statistic, "df": 1, "p_value": fit.p_chi2},
        "exact": {"p_value": fit.p_exact},
        "mid_p": {"p_value": fit.p_mid},
        "difference": fit.difference,
        "conf_low": fit.conf_low,
        "conf_high": fit.conf_high,
        "conf_level": fit.conf_level,
        "conf_method": fit.conf_method,
        "odds_ratio": fit.odds_ratio,
        "odds_ratio_conf_low": fit.odds_ratio_low,
        "odds_ratio_conf_high": fit.odds_ratio_high,
        "notes": notes + ([fit.note] if fit.note else []),
    }
    if group:
        patients = level_column(frame, group)
        clustered = clustered_mcnemar_test(
            correct[0], correct[1], patients, conf_level=conf_level, rng=np.random.default_rng(seed)
        )
        report["clustered"] = _clustered_dict(clustered)
        report["notes"].append(CLUSTERED_BESIDE)
    return report


def _clustered_dict(fit: ClusteredMcnemarResult) -> dict[str, Any]:
    return {
        "n_groups": fit.n_groups,
        "n_discordant_groups": fit.n_discordant_groups,
        "obuchowski": {"statistic": fit.statistic_obuchowski, "df": 1, "p_value": fit.p_obuchowski},
        "durkalski": {"statistic": fit.statistic_durkalski, "df": 1, "p_value": fit.p_durkalski},
        "permutation": {"p_value": fit.p_permutation},
        "permutation_method": fit.permutation_method,
        "difference": fit.difference,
        "std_error": fit.std_error,
        "conf_low": fit.conf_low,
        "conf_high": fit.conf_high,
        "design_effect": fit.design_effect,
        "notes": [fit.note] if fit.note else [],
    }


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


def _is_fraction(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return not number.is_integer()
