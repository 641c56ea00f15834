"""The one rule of bootstrap limits: rank (B + 1) level, over the first axis, without missing samples."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

import stats
from stats.resampling.limits import order_statistics, percentile_limits

CLOSED_FORM = 1e-12


def test_a_whole_rank_is_that_replicate() -> None:
    values = np.random.default_rng(1).permutation(np.arange(1.0, 200.0))
    assert percentile_limits(values, 0.95) == (5.0, 195.0)  # B = 199: ranks 5 and 195


def test_between_ranks_by_normal_quantiles() -> None:
    values = np.arange(1.0, 101.0)
    low, _ = percentile_limits(values, 0.95)  # rank 101 x 0.025 = 2.525
    z = ndtri([2 / 101, 0.025, 3 / 101])
    assert low == pytest.approx(2.0 + (z[1] - z[0]) / (z[2] - z[0]), abs=CLOSED_FORM)


def test_limits_of_many_columns_are_those_of_each_alone() -> None:
    values = np.random.default_rng(2).normal(size=(150, 3, 4))
    low, high = percentile_limits(values, 0.9)
    for i in range(3):
        for j in range(4):
            alone = order_statistics(values[:, i, j], np.array([0.05, 0.95]))
            assert np.allclose((low[i, j], high[i, j]), alone, rtol=0.0, atol=CLOSED_FORM)


def test_samples_without_a_value_leave_their_column_only() -> None:
    values = np.random.default_rng(3).normal(size=(150, 3))
    values[:40, 1] = np.nan
    values[:, 2] = np.nan
    low, high = percentile_limits(values, 0.95)
    assert (low[0], high[0]) == percentile_limits(values[:, 0], 0.95)
    assert (low[1], high[1]) == percentile_limits(values[40:, 1], 0.95)
    assert np.isnan([low[2], high[2]]).all()


def test_negated_replicates_swap_the_limits() -> None:
    values = np.random.default_rng(4).normal(size=333)
    low, high = percentile_limits(values, 0.95)
    assert np.allclose(percentile_limits(-values, 0.95), (-high, -low), rtol=0.0, atol=CLOSED_FORM)


def test_no_other_rule_of_limits_is_left_in_stats() -> None:
    """Quantiles of data (bins, residuals) are no bootstrap limits."""
    root = Path(inspect.getfile(stats)).parent
    found = {
        path.name
        for path in root.rglob("*.py")
        if any(call in path.read_text() for call in ("np.quantile(", "np.nanquantile("))
    }
    assert found == {"bins.py", "summary.py"}
