"""The best of K models, chosen on some images: how much better it looks than it is."""

from __future__ import annotations

from dataclasses import replace

from stats.resampling.selection_bias import SelectionBias, selection_bias
from stats.results import ComparisonResult
from stats.roc.auc import auc_ci
from study.models.scored import ModelOptions, ScoredModels

SELECT_METRICS = {"val_auc": "auc", "val_f1": "f1", "val_accuracy": "accuracy"}


def choice_bias(models: ScoredModels, options: ModelOptions, *, metric: str = "auc") -> SelectionBias:
    """Return the naive and the corrected value of the best model on the images that chose it.

    Raises
    ------
    ValueError : fewer than 2 models; as `selection_bias`
    """
    scores = models.scores
    if metric != "auc":
        models.probability(0)
        assert models.probabilities is not None
        scores = models.probabilities
    return selection_bias(
        models.labels,
        scores,
        names=models.names,
        metric=metric,
        group=models.group,
        conf_level=options.conf_level,
        n_resamples=options.n_resamples,
        rng=options.rng(),
    )


def winner_rows(
    validation: ScoredModels, test: ScoredModels | None, options: ModelOptions, *, metric: str = "auc"
) -> list[ComparisonResult]:
    """Return the winner's value on the images that chose it, corrected, and its AUC on test images.

    Parameters
    ----------
    validation : all models among which was chosen
    test : the same models on other images, None where there are none
    metric : that chose; the test row is an AUC with its logit interval in any case
    """
    found = choice_bias(validation, options, metric=metric)
    rows = found.to_results()
    if test is None:
        return rows
    k = test.names.index(found.winner)
    fit = auc_ci(
        test.labels, test.scores[:, k], group=test.group, conf_level=options.conf_level, interval="logit"
    )
    measured = replace(
        fit.to_result(),
        analysis="selection bias",
        comparison=f"test, best of {len(validation.names)}",
        arm_a=found.winner,
    )
    return [*rows, measured]
