"""What `study test cochran --json` prints, from a user's table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from stats.rates.cochran import cochran_test
from study.single_tests.mcnemar_report import right_answers


def cochran_report(
    frame: pd.DataFrame,
    *,
    label: str,
    predictions: Sequence[str],
    adjust: str = "holm",
    seed: int = 0,
    conf_level: float = 0.95,
) -> dict[str, Any]:
    """Compare K columns of predicted labels by which rows each got right.

    `seed` is that of random tables, where the exact distribution is too large.

    Raises
    ------
    ValueError : as `mcnemar_report`
    """
    correct, notes = right_answers(frame, label, predictions)
    fit = cochran_test(
        np.column_stack(correct),
        names=predictions,
        adjust=adjust,
        conf_level=conf_level,
        rng=np.random.default_rng(seed),
    )
    pairs = zip(combinations(predictions, 2), fit.pairs, fit.pair_p, fit.pair_p_adjusted, strict=True)
    return {
        "n": fit.n,
        "n_informative": fit.n_informative,
        "models": [
            {"name": name, "correct": int(count), "accuracy": count / fit.n}
            for name, count in zip(fit.names, fit.correct, strict=True)
        ],
        "Q": fit.statistic,
        "df": fit.df,
        "p_value": fit.p_chi2,
        "permutation": {"p_value": fit.p_permutation, "exact": fit.exact, "n_resamples": fit.n_resamples},
        "comparisons": [
            {
                "model_a": a,
                "model_b": b,
                "only_a": pair.only_a,
                "only_b": pair.only_b,
                "difference": pair.difference,
                "conf_low": pair.conf_low,
                "conf_high": pair.conf_high,
                "p_value": p,
                "p_adjusted": adjusted,
            }
            for (a, b), pair, p, adjusted in pairs
        ],
        "variant": fit.pair_variant,
        "adjust": adjust,
        "conf_level": conf_level,
        "method": fit.method,
        "notes": notes + ([fit.note] if fit.note else []),
    }
