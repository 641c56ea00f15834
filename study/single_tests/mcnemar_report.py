"""What `study test mcnemar --json` prints, from a user's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stats.rates.mcnemar import mcnemar_test
from stats.rates.mcnemar_clustered import ClusteredMcnemarResult, clustered_mcnemar_test
from study.single_tests.user_table import check_columns, check_roles, check_spelling, level_column

CLUSTERED_BESIDE = "rows of one patient are not independent: use the clustered tests, not the others"


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
    ValueError : unknown column, missing labels, numbers that are no labels (probabilities)
    """
    check_columns(frame, [label, *predictions, *([group] if group else [])])
    check_roles({"label": [label], "prediction": predictions, "patient": [group]})
    correct, notes = right_answers(frame, label, predictions)
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


def right_answers(
    frame: pd.DataFrame, label: str, predictions: Sequence[str]
) -> tuple[list[list[bool]], list[str]]:
    """Return which rows each column of predicted labels got right, and notes on its levels.

    Raises
    ------
    ValueError : missing labels, numbers that are no labels (probabilities), words that differ by blanks or
        capitals only, no level in common
    """
    check_columns(frame, [label, *predictions])
    check_roles({"label": [label], "prediction": predictions})
    truth = level_column(frame, label)
    known = set(truth)
    check_spelling(f"`{label}` has", sorted(known))
    notes: list[str] = []
    correct: list[list[bool]] = []
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
    return correct, notes


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


def _is_fraction(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return not number.is_integer()
