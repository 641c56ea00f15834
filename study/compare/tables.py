"""The tables of `study compare`, each in RESULT_COLUMNS or as plain columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from stats.rates.thresholds import ChosenThreshold
from stats.results import ComparisonResult, results_frame
from stats.roc.auc import auc_ci
from stats.roc.curve import roc_curve
from stats.roc.equivalence import auc_margin_test
from stats.roc.family import auc_family
from study.compare.inputs import CompareInput
from study.models.calibration import brier_pairs, calibration_rows, decision_curves, reliability_curves
from study.models.rates import RATES, choose_thresholds, cochran_row, metric_rows, rate_pairs
from study.models.roc import RocParts, roc_bands, roc_part_pairs, roc_part_rows
from study.models.scored import ModelOptions, ScoredModels, adjusted, pair_names
from study.models.winner import winner_rows

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions(ModelOptions):
    """How to compare.

    Attributes
    ----------
    auc_adjust : of the AUCs; as `adjust`, or "max-t"
    threshold : at and above it an image is called positive
    rule, target : chooses each model's threshold on its validation images instead, see `choose_threshold`
    reference : model that all others are compared with in AUC, None for all pairs
    margin : of non-inferiority of AUCs, None for none;  margin_method : see `auc_margin_test`
    parts : operating points, partial area and band
    """

    auc_adjust: str = "holm"
    threshold: float = 0.5
    rule: str | None = None
    target: float | None = None
    margin: float | None = None
    margin_method: str = "delong"
    reference: str | None = None
    parts: RocParts = field(default_factory=RocParts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything found, as tables by name, with notes that hold for all of it."""

    tables: Tables
    notes: tuple[str, ...]


def compare_models(data: CompareInput, options: CompareOptions) -> Comparison:
    """Compare K models on the same images.

    Returns
    -------
    Comparison with the tables auc, auc_pairs, roc, roc_bands; roc_parts and roc_part_pairs where points or a
    partial area are asked for; noninferiority where a margin is given; winner for two models or more; and
    where the scores are probabilities thresholded, rate_pairs, calibration, brier_pairs, reliability and
    decision

    Raises
    ------
    ValueError : an option that does not apply
    """
    models = data.models
    tables, notes = _auc_tables(models, options)
    if options.margin is not None:
        tables["noninferiority"] = _noninferiority(models, options)
    tables |= _roc_tables(models, options)
    if len(models.names) > 1:
        chosen_on, measured = (models, None) if data.validation is None else (data.validation, models)
        tables["winner"] = results_frame(_unplanned(winner_rows(chosen_on, measured, options)))
    if models.probabilities is not None:
        tables |= _rate_tables(data, options) | {
            "calibration": results_frame(_unplanned(calibration_rows(models, options))),
            "brier_pairs": results_frame(_unplanned(brier_pairs(models, options))),
            "reliability": reliability_curves(models, options),
            "decision": decision_curves(models, options),
        }
    elif options.rule is not None:
        raise ValueError("--rule chooses a threshold of probabilities, which these scores are not.")
    return Comparison(tables=tables, notes=(*data.notes, *notes))


def _auc_tables(models: ScoredModels, options: CompareOptions) -> tuple[Tables, list[str]]:
    if options.reference is not None and options.reference not in models.names:
        raise ValueError(
            f"--reference is {options.reference!r}; the models are {', '.join(map(repr, models.names))}."
        )
    found = auc_family(
        models.labels,
        models.scores,
        names=models.names,
        group=models.group,
        adjust=options.auc_adjust,
        reference=options.reference,
        conf_level=options.conf_level,
    )
    rows = [
        replace(
            auc_ci(
                models.labels,
                models.scores[:, k],
                group=models.group,
                conf_level=options.conf_level,
                interval="logit",
            ).to_result(),
            arm_a=name,
        )
        for k, name in enumerate(models.names)
    ]
    which = "all pairs" if options.reference is None else f"against {options.reference}"
    pairs = [replace(row, family=f"{which}, {options.auc_adjust}") for row in found.results]
    if len(models.names) > 2:
        pairs.append(found.fit.overall_result())
    tables = {"auc": results_frame(_unplanned(rows)), "auc_pairs": results_frame(_unplanned(pairs))}
    return tables, list(found.fit.notes)


def _noninferiority(models: ScoredModels, options: CompareOptions) -> pd.DataFrame:
    """Every other model against the reference, or both directions of every pair without one."""
    assert options.margin is not None
    wanted = [
        (new, old)
        for a, b in models.pairs
        for new, old in ((a, b), (b, a))
        if options.reference in (None, models.names[old])
    ]
    rows = [
        replace(
            auc_margin_test(
                models.labels,
                models.scores[:, new],
                models.scores[:, old],
                margin=options.margin,
                method=options.margin_method,
                group=models.group,
                alpha=(1.0 - options.conf_level) / 2.0,
            ).to_result(),
            **pair_names(models, new, old),
        )
        for new, old in wanted
    ]
    return results_frame(_unplanned(adjusted(rows, options.adjust)))


def _roc_tables(models: ScoredModels, options: CompareOptions) -> Tables:
    curves = [
        roc_curve(models.labels, models.scores[:, k]).assign(model=name)
        for k, name in enumerate(models.names)
    ]
    tables = {
        "roc": pd.concat(curves, ignore_index=True),
        "roc_bands": roc_bands(models, options.parts, options),
    }
    if options.parts.points or options.parts.area:
        tables["roc_parts"] = results_frame(_unplanned(roc_part_rows(models, options.parts, options)))
        pairs = roc_part_pairs(models, options.parts, options)
        tables["roc_part_pairs"] = results_frame(_unplanned(pairs))
    return tables


def _rate_tables(data: CompareInput, options: CompareOptions) -> Tables:
    """Metrics at the thresholds, McNemar for every pair and rate, Cochran's Q of the accuracies."""
    models = data.models
    cuts: list[float | ChosenThreshold] = [options.threshold] * len(models.names)
    if options.rule is not None:
        if data.validation is None:
            raise ValueError(
                "--rule chooses thresholds on validation images; name the column that says which rows these "
                "are (--split COLUMN with val and test)."
            )
        cuts = [*choose_thresholds(data.validation, rule=options.rule, target=options.target)]
    pairs = rate_pairs(models, cuts, options, rates=RATES)
    if len(models.names) > 2 and models.group is None:
        pairs.append(cochran_row(models, cuts, options))
    return {
        "thresholded": results_frame(_unplanned(metric_rows(models, cuts, options))),
        "rate_pairs": results_frame(_unplanned(pairs)),
    }


def _unplanned(rows: list[ComparisonResult]) -> list[ComparisonResult]:
    return [replace(row, planned=False) for row in rows]
