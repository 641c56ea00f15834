"""Simulated papers: figures computed from simulated data, then rounded as printed.

A paper is the content of a claims file, as plain dicts. Class sizes, AUCs, correlation, ties, digits, the
form of McNemar's test and the alternative change from paper to paper.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from stats.claims.confusion import METRICS
from stats.ranks.wilcoxon import rank_sum_test
from stats.rates.mcnemar import mcnemar_test
from stats.roc.delong import delong

Paper = dict[str, Any]
Labels = NDArray[np.bool_]
Floats = NDArray[np.float64]

P_VALUES = {"chi2_corrected": "p_corrected", "chi2": "p_chi2", "exact": "p_exact", "mid_p": "p_mid"}


def honest_paper(rng: np.random.Generator) -> Paper:
    """Return a paper whose figures all come from the same data."""
    positive, negative = int(rng.integers(10, 150)), int(rng.integers(10, 300))
    labels = np.arange(positive + negative) < positive
    ties = bool(rng.random() < 0.5)
    scores = _scores(labels, ties, rng)
    digits = int(rng.integers(2, 6))
    sample = {"n": labels.size, "positive": positive, "negative": negative}
    if not ties:
        sample["ties"] = False
    models, comparison = _auc_figures(labels, scores, digits, rng)
    called = scores > np.quantile(scores, 1.0 - positive / labels.size, axis=0)
    for model, column in zip(models, called.T, strict=True):
        model |= _rates(labels, column, digits, rng)
    return {
        "title": "A simulated paper",
        "samples": {"test": sample},
        "models": models,
        "comparisons": [comparison] if comparison else [],
        "mcnemar": _mcnemar(labels, called, digits, rng),
        "wilcoxon": [_wilcoxon(digits, rng)],
        "coefficients": [_coefficient(digits, rng)],
        "variances": [_variance(digits, rng)],
        "totals": [_total(labels.size, rng)],
    }


def printed(value: float, digits: int) -> str:
    """Return a figure with fixed decimals."""
    return f"{value:.{digits}f}"


def printed_p(p: float, digits: int, rng: np.random.Generator) -> str:
    """Return a p-value in one of the ways in use: decimals, significant digits, "<0.001"."""
    if p < 0.001 and rng.random() < 0.7:
        return "<0.001"
    return printed(p, max(2, digits)) if rng.random() < 0.5 else f"{p:.{max(1, digits - 1)}g}"


def _scores(labels: Labels, ties: bool, rng: np.random.Generator) -> Floats:
    common = rng.standard_normal((labels.size, 1))
    share = rng.uniform(0.0, 0.9)
    noise = math.sqrt(share) * common + math.sqrt(1.0 - share) * rng.standard_normal((labels.size, 2))
    scores = noise + np.outer(labels, rng.uniform(0.2, 3.0, 2))
    return np.round(scores, 1) if ties else scores


def _auc_figures(
    labels: Labels, scores: Floats, digits: int, rng: np.random.Generator
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = delong(labels.astype(int), scores)
    models = []
    for i, name in enumerate(("a", "b")):
        models.append(
            {
                "name": name,
                "sample": "test",
                "method": "delong",
                "auc": printed(found.auc[i], digits),
                "auc_std_error": printed(found.std_error[i], digits),
                "auc_interval": [printed(found.conf_low[i], digits), printed(found.conf_high[i], digits)],
            }
        )
    pair = found.pairs
    if not pair.std_error[0] > 0.0:
        return models, {}
    return models, {
        "name": "a - b",
        "model_a": "a",
        "model_b": "b",
        "test": "delong",
        "estimate": printed(pair.difference[0], digits),
        "z": printed(pair.statistic[0], int(rng.integers(1, 5))),
        "p": printed_p(pair.p_value[0], digits, rng),
        "interval": [printed(pair.conf_low[0], digits), printed(pair.conf_high[0], digits)],
        **({"alternative": "two-sided"} if rng.random() < 0.5 else {}),
    }


def _rates(labels: Labels, called: Labels, digits: int, rng: np.random.Generator) -> dict[str, str]:
    cells = ((called & labels), (called & ~labels), (~called & labels), (~called & ~labels))
    counts = [np.array(float(cell.sum())) for cell in cells]
    names = ["accuracy", "sensitivity", "specificity", *rng.permutation(sorted(METRICS))[:3]]
    return {str(name): printed(float(METRICS[str(name)](*counts)), digits) for name in names}


def _mcnemar(labels: Labels, called: Labels, digits: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    right = called == labels[:, None]
    found = mcnemar_test(right[:, 0], right[:, 1])
    if found.only_a + found.only_b == 0:
        return []
    variant = str(rng.choice(list(P_VALUES)))
    claim: dict[str, Any] = {"name": "a and b", "model_a": "a", "model_b": "b"}
    claim["p"] = printed_p(getattr(found, P_VALUES[variant]), digits, rng)
    if rng.random() < 0.5:
        claim["variant"] = variant
    if variant.startswith("chi2"):
        value = found.statistic_corrected if variant == "chi2_corrected" else found.statistic
        claim["statistic"] = printed(value, int(rng.integers(1, 5)))
    return [claim]


def _wilcoxon(digits: int, rng: np.random.Generator) -> dict[str, Any]:
    n_a, n_b = (int(n) for n in rng.integers(6, 61, 2))
    x, y = rng.normal(0.8, 0.05, n_a), rng.normal(0.8 + rng.choice([0.0, 0.04]), 0.05, n_b)
    if rng.random() < 0.5:
        x, y = np.round(x, 2), np.round(y, 2)
    found = rank_sum_test(x, y)
    return {
        "name": "cells",
        "n_a": n_a,
        "n_b": n_b,
        "w": f"{found.statistic:g}",
        "p": printed_p(found.p_value, digits, rng),
    }


def _coefficient(digits: int, rng: np.random.Generator) -> dict[str, Any]:
    estimate, std_error, df = rng.normal(0.0, 0.03), rng.uniform(0.002, 0.03), rng.uniform(2.0, 170.0)
    ratio, width = estimate / std_error, float(distributions.t.isf(0.025, df)) * std_error
    claim: dict[str, Any] = {
        "name": "term",
        "estimate": printed(estimate, digits + 1),
        "std_error": printed(std_error, digits + 1),
        "t": printed(ratio, int(rng.integers(1, 5))),
        "df": printed(df, int(rng.integers(0, 3))),
        "p": printed_p(2.0 * float(distributions.t.sf(abs(ratio), df)), digits, rng),
    }
    if rng.random() < 0.5:
        claim["interval"] = [printed(estimate - width, digits + 1), printed(estimate + width, digits + 1)]
    return claim


def _variance(digits: int, rng: np.random.Generator) -> dict[str, Any]:
    std_dev = rng.uniform(0.005, 0.2)
    return {
        "name": "residual",
        "variance": f"{std_dev**2:.{digits}g}",
        "std_dev": f"{std_dev:.{digits}g}",
    }


def _total(n: int, rng: np.random.Generator) -> dict[str, Any]:
    parts = {"train": int(rng.integers(2, 9)) * n, "validation": int(rng.integers(1, 3)) * n, "test": n}
    return {"name": "parts of the split", "total": sum(parts.values()), "parts": parts}
