"""What K models get right at one threshold each: metrics, McNemar for every pair, Cochran's Q for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stats.rates.cochran import cochran_test
from stats.rates.mcnemar import mcnemar_test
from stats.rates.mcnemar_clustered import clustered_mcnemar_test
from stats.rates.thresholded_metrics import thresholded_metrics
from stats.rates.thresholds import ChosenThreshold, choose_threshold
from stats.results import ComparisonResult, joined_notes
from study.models.scored import ModelOptions, ScoredModels, adjusted, pair_names

Cuts = Sequence[float | ChosenThreshold]
Correct = NDArray[np.bool_]

RULE_NAMES = {"youden": "Youden's index"}
RATES = ("accuracy", "sensitivity", "specificity")


def choose_thresholds(
    validation: ScoredModels, *, rule: str, target: float | None = None
) -> list[ChosenThreshold]:
    """Return the threshold of every model, chosen on its validation images; see `choose_threshold`."""
    return [
        choose_threshold(validation.labels, validation.probability(k), rule=rule, target=target)
        for k in range(len(validation.names))
    ]


def threshold_words(cut: float | ChosenThreshold) -> str | None:
    """How a threshold was chosen and what it reached there, None for a number given beforehand."""
    if not isinstance(cut, ChosenThreshold) or cut.rule == "fixed":
        return None
    target = "" if cut.target is None else f" {cut.target:g}"
    n = cut.n_positive + cut.n_negative
    rule = RULE_NAMES.get(cut.rule, cut.rule)
    words = (
        f"threshold {cut.threshold:.6g} chosen on {n} validation images by {rule}{target}, where it "
        f"reached sensitivity {cut.sensitivity:.3f} and specificity {cut.specificity:.3f}"
    )
    return joined_notes(words, cut.note)


def metric_rows(
    models: ScoredModels, cuts: Cuts, options: ModelOptions, *, interval: str = "wilson"
) -> list[ComparisonResult]:
    """Return accuracy to Matthews' correlation of every model at its threshold, with intervals."""
    rows = []
    for k, (name, cut) in enumerate(zip(models.names, cuts, strict=True)):
        found = thresholded_metrics(
            models.labels,
            models.probability(k),
            cut,
            group=models.group,
            interval=interval,
            conf_level=options.conf_level,
            n_resamples=options.n_resamples,
            rng=options.rng(),
        )
        words = threshold_words(cut)
        rows += [replace(row, arm_a=name, note=joined_notes(words, row.note)) for row in found.to_results()]
    return rows


def right_answers(models: ScoredModels, cuts: Cuts) -> Correct:
    """Return which images each model gets right at its threshold, shape (n, K)."""
    at = [cut.threshold if isinstance(cut, ChosenThreshold) else cut for cut in cuts]
    called = np.column_stack([models.probability(k) >= level for k, level in enumerate(at)])
    return np.equal(called, models.labels[:, None])


def rate_pairs(
    models: ScoredModels, cuts: Cuts, options: ModelOptions, *, rates: Sequence[str] = ("accuracy",)
) -> list[ComparisonResult]:
    """Return McNemar's mid-p of every pair and rate; clustered by patient where there are patients.

    Sensitivities are compared on the positive images, specificities on the negative ones. Each rate is a
    family of its own.
    """
    correct = right_answers(models, cuts)
    rows: list[ComparisonResult] = []
    for rate in rates:
        kept = _images_of(rate, models.labels)
        own = [
            replace(
                _mcnemar(correct[kept, a], correct[kept, b], _kept(models.group, kept), options),
                **pair_names(models, a, b),
                metric=rate,
                n_positive=int(models.labels[kept].sum()),
            )
            for a, b in models.pairs
        ]
        rows += adjusted(own, options.adjust)
    return rows


def cochran_row(models: ScoredModels, cuts: Cuts, options: ModelOptions) -> ComparisonResult:
    """Return Cochran's Q that all models are right equally often (permutation p in its note).

    Raises
    ------
    ValueError : fewer than 2 models; patients, for which the test is not made
    """
    if models.group is not None:
        raise ValueError("Cochran's Q takes images as independent; leave out the patients or compare pairs.")
    fit = cochran_test(
        right_answers(models, cuts), names=models.names, conf_level=options.conf_level, rng=options.rng()
    )
    row = fit.to_results()[0]
    exact = f"{fit.method}: p {fit.p_permutation:.4g}"
    return replace(
        row,
        comparison="all accuracies equal",
        n_positive=int(models.labels.sum()),
        note=joined_notes(exact, row.note),
    )


def _images_of(rate: str, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return {"accuracy": np.ones_like(labels), "sensitivity": labels, "specificity": ~labels}[rate]


def _kept(group: tuple | None, kept: NDArray[np.bool_]) -> list | None:
    return None if group is None else [g for g, keep in zip(group, kept, strict=True) if keep]


def _mcnemar(a: Correct, b: Correct, group: list | None, options: ModelOptions) -> ComparisonResult:
    if group is not None:
        clustered = clustered_mcnemar_test(
            a, b, group=group, conf_level=options.conf_level, rng=options.rng()
        )
        return clustered.to_result()
    fit = mcnemar_test(a, b, conf_level=options.conf_level)
    counts = f"only the first right on {fit.only_a} images, only the second on {fit.only_b}"
    return replace(fit.to_result(variant="mid_p"), note=joined_notes(counts, fit.note))
