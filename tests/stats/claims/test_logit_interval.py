"""Intervals on the logit scale: those of the library are consistent, others are not."""

import numpy as np
import pytest

from stats.claims.auc_variance import auc_spread
from stats.claims.logit_interval import logit_interval_check
from stats.claims.printed import Range, parse_printed
from stats.roc.auc import auc_ci


@pytest.mark.parametrize("digits", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_intervals_of_the_library_are_consistent(digits, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(70) < rng.integers(8, 50)
    scores = np.round(rng.normal(size=70) + rng.uniform(0.2, 2.0) * labels, 1)
    found = auc_ci(labels.astype(int), scores, interval="logit", conf_level=0.9)
    auc, low, high = (
        parse_printed(f"{value:.{digits}f}") for value in (found.auc, found.conf_low, found.conf_high)
    )
    spread = auc_spread(
        auc.range(), n_positive=found.n_positive, n_negative=found.n_negative, method="bootstrap", ties=None
    )
    assert logit_interval_check(auc, low, high, level=0.9, allowed=spread).verdict == "consistent"


def test_other_intervals_are_contradicted():
    def verdict(low: str, high: str, most: float = 0.05) -> str:
        texts = (parse_printed(text) for text in ("0.900", low, high))
        return logit_interval_check(*texts, level=0.95, allowed=Range(0.0, most)).verdict

    assert verdict("0.821", "0.946") == "consistent"  # standard error 0.030
    assert verdict("0.841", "0.959") == "contradiction"  # 0.900 in the middle, as without logit
    assert verdict("0.821", "0.946", most=0.02) == "contradiction"


def test_a_limit_of_1_leaves_the_middle_open():
    for auc in ("0.99", "1.00"):
        texts = (parse_printed(text) for text in (auc, "0.95", "1.00"))
        assert logit_interval_check(*texts, level=0.95, allowed=Range(0.0, 0.02)).verdict == "consistent"
