"""Calibration, Brier scores, reliability and decision curves of K models."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from stats.calibration.brier_tests import brier_difference_test, brier_score
from stats.calibration.calibration import calibration
from stats.calibration.decision import decision_curve
from stats.calibration.reliability import expected_calibration_error, reliability_bins
from stats.results import ComparisonResult
from study.models.scored import ModelOptions, ScoredModels, adjusted, pair_names


def calibration_rows(models: ScoredModels, options: ModelOptions) -> list[ComparisonResult]:
    """Return calibration in the large, intercept, slope, Brier score and calibration error of every model."""
    rows: list[ComparisonResult] = []
    for k, name in enumerate(models.names):
        own = models.probability(k)
        level = options.conf_level
        error = expected_calibration_error(
            models.labels,
            own,
            group=models.group,
            conf_level=level,
            n_resamples=options.n_resamples,
            rng=options.rng(),
        )
        found = [
            *calibration(models.labels, own, group=models.group, conf_level=level).to_results(),
            *brier_score(models.labels, own, group=models.group, conf_level=level).to_results(),
            error.to_result(),
        ]
        rows += [replace(row, arm_a=name) for row in found]
    return rows


def brier_pairs(models: ScoredModels, options: ModelOptions) -> list[ComparisonResult]:
    """Return the difference of the Brier scores of every pair, adjusted as one family; lower is better."""
    rows = [
        replace(
            brier_difference_test(
                models.labels,
                models.probability(a),
                models.probability(b),
                group=models.group,
                conf_level=options.conf_level,
            ),
            **pair_names(models, a, b),
        )
        for a, b in models.pairs
    ]
    return adjusted(rows, options.adjust)


def reliability_curves(models: ScoredModels, options: ModelOptions) -> pd.DataFrame:
    """Return the binned reliability of every model, with its name in `model`."""
    frames = [
        reliability_bins(
            models.labels, models.probability(k), group=models.group, conf_level=options.conf_level
        )
        .to_frame()
        .assign(model=name)
        for k, name in enumerate(models.names)
    ]
    return pd.concat(frames, ignore_index=True)


def decision_curves(models: ScoredModels, options: ModelOptions) -> pd.DataFrame:
    """Return net benefit over the threshold probability for every model, with bands.

    Raises
    ------
    ValueError : the scores are no probabilities
    """
    models.probability(0)
    assert models.probabilities is not None
    return decision_curve(
        models.labels,
        models.probabilities,
        names=models.names,
        group=models.group,
        conf_level=options.conf_level,
        n_resamples=options.n_resamples,
        rng=options.rng(),
    ).to_frame()
