"""The tables of `study compare`, each in RESULT_COLUMNS or as plain columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stats.calibration.brier_tests import brier_difference_test, brier_score
from stats.calibration.calibration import calibration
from stats.calibration.decision import decision_curve
from stats.calibration.reliability import expected_calibration_error, reliability_bins
from stats.multiplicity.adjust import adjust_p
from stats.rates.cochran import cochran_test
from stats.rates.mcnemar import mcnemar_test
from stats.rates.mcnemar_clustered import clustered_mcnemar_test
from stats.rates.thresholded_metrics import thresholded_metrics
from stats.results import ComparisonResult, joined_notes, results_frame
from stats.roc.auc import auc_ci
from stats.roc.curve import roc_curve
from stats.roc.delong import delong
from stats.roc.equivalence import auc_margin_test
from study.compare.inputs import CompareInput


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How to compare.

    Attributes
    ----------
    adjust : over all pairs, see `stats.multiplicity.adjust.adjust_p`
    threshold : at and above it an image is called positive
    margin : of non-inferiority of AUCs, None for none;  reference : model that the others must not fall below
    n_resamples, seed : of bootstrap intervals
    """

    adjust: str = "holm"
    threshold: float = 0.5
    margin: float | None = None
    reference: str | None = None
    conf_level: float = 0.95
    n_resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything found, as tables by name, with notes that hold for all of it."""

    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...]


def compare_models(data: CompareInput, options: CompareOptions) -> Comparison:
    """Compare K models on the same images.

    Returns
    -------
    Comparison with the tables auc, auc_pairs, and where the scores are probabilities thresholded,
    accuracy_pairs, calibration, brier_pairs; noninferiority where a margin is given; and the curves roc,
    reliability and decision

    Raises
    ------
    ValueError : an option that does not apply
    """
    tables, notes = _auc_tables(data, options)
    if options.margin is not None:
        tables["noninferiority"] = _noninferiority(data, options)
    elif options.reference is not None:
        raise ValueError("--reference needs --margin: the loss of AUC that is still acceptable.")
    tables["roc"] = _roc(data)
    if data.probabilities is not None:
        tables |= {
            "thresholded": _thresholded(data, options),
            "accuracy_pairs": _accuracy_pairs(data, options),
            "calibration": _calibration(data, options),
            "brier_pairs": _brier_pairs(data, options),
            "reliability": _reliability(data, options),
            "decision": _decision(data, options),
        }
    return Comparison(tables=tables, notes=(*data.notes, *notes))


def _auc_tables(data: CompareInput, options: CompareOptions) -> tuple[dict[str, pd.DataFrame], list[str]]:
    fit = delong(
        data.labels,
        data.scores,
        names=data.names,
        group=data.group,
        adjust=options.adjust,
        conf_level=options.conf_level,
    )
    rows = []
    for k, name in enumerate(data.names):
        own = auc_ci(
            data.labels,
            data.scores[:, k],
            group=data.group,
            conf_level=options.conf_level,
            interval="logit",
        )
        rows.append(own.to_frame().assign(arm_a=name))
    family = f"all pairs, {options.adjust}"
    pairs = [replace(row, family=family, planned=False) for row in fit.pair_results()]
    if len(data.names) > 2:
        pairs.append(replace(fit.overall_result(), planned=False))
    return {"auc": pd.concat(rows, ignore_index=True), "auc_pairs": results_frame(pairs)}, list(fit.notes)


def _thresholded(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    frames = [
        thresholded_metrics(
            data.labels,
            _column(data, k),
            options.threshold,
            group=data.group,
            conf_level=options.conf_level,
            n_resamples=options.n_resamples,
            rng=np.random.default_rng(options.seed),
        )
        .to_frame()
        .assign(arm_a=name)
        for k, name in enumerate(data.names)
    ]
    return pd.concat(frames, ignore_index=True)


def _noninferiority(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    """Every other model against the reference, or both directions of every pair without one."""
    assert options.margin is not None
    if options.reference is not None and options.reference not in data.names:
        raise ValueError(
            f"--reference is {options.reference!r}; the models are {', '.join(map(repr, data.names))}."
        )
    wanted = [
        (new, old)
        for a, b in data.pairs
        for new, old in ((a, b), (b, a))
        if options.reference in (None, data.names[old])
    ]
    rows = []
    for new, old in wanted:
        fit = auc_margin_test(
            data.labels,
            data.scores[:, new],
            data.scores[:, old],
            margin=options.margin,
            group=data.group,
            alpha=(1.0 - options.conf_level) / 2.0,
        ).to_result()
        named: dict[str, Any] = {"arm_a": data.names[new], "arm_b": data.names[old], "planned": False}
        rows.append(replace(fit, comparison=f"{data.names[new]} - {data.names[old]}", **named))
    return results_frame(_adjusted(rows, options))


def _accuracy_pairs(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    """McNemar's mid-p of every pair, clustered by patient where there are patients; Cochran's Q of all."""
    assert data.probabilities is not None
    correct = (data.probabilities >= options.threshold) == data.labels[:, None]
    rows = []
    for a, b in data.pairs:
        named: dict[str, Any] = {"arm_a": data.names[a], "arm_b": data.names[b], "planned": False}
        named["comparison"] = f"{data.names[a]} - {data.names[b]}"
        rows.append(replace(_mcnemar(data, correct[:, a], correct[:, b], options), **named))
    rows = _adjusted(rows, options)
    if len(data.names) > 2 and data.group is None:
        rng = np.random.default_rng(options.seed)
        overall = cochran_test(correct, names=data.names, conf_level=options.conf_level, rng=rng)
        rows.append(replace(overall.to_results()[0], comparison="all accuracies equal", planned=False))
    return results_frame(rows)


def _mcnemar(
    data: CompareInput, correct_a: np.ndarray, correct_b: np.ndarray, options: CompareOptions
) -> ComparisonResult:
    if data.group is not None:
        return clustered_mcnemar_test(
            correct_a,
            correct_b,
            group=data.group,
            conf_level=options.conf_level,
            rng=np.random.default_rng(options.seed),
        ).to_result()
    fit = mcnemar_test(correct_a, correct_b, conf_level=options.conf_level)
    counts = f"only the first right on {fit.only_a} images, only the second on {fit.only_b}"
    return replace(fit.to_result(variant="mid_p"), note=joined_notes(counts, fit.note))


def _calibration(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    frames = []
    for k, name in enumerate(data.names):
        own = _column(data, k)
        rng = np.random.default_rng(options.seed)
        parts = [
            *calibration(data.labels, own, group=data.group, conf_level=options.conf_level).to_results(),
            *brier_score(data.labels, own, group=data.group, conf_level=options.conf_level).to_results(),
            expected_calibration_error(
                data.labels,
                own,
                group=data.group,
                conf_level=options.conf_level,
                n_resamples=options.n_resamples,
                rng=rng,
            ).to_result(),
        ]
        frames.append(results_frame(parts).assign(arm_a=name))
    return pd.concat(frames, ignore_index=True)


def _brier_pairs(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    rows = []
    for a, b in data.pairs:
        fit = brier_difference_test(
            data.labels, _column(data, a), _column(data, b), group=data.group, conf_level=options.conf_level
        )
        named: dict[str, Any] = {"arm_a": data.names[a], "arm_b": data.names[b], "planned": False}
        rows.append(replace(fit, comparison=f"{data.names[a]} - {data.names[b]}", **named))
    return results_frame(_adjusted(rows, options))


def _reliability(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    frames = [
        reliability_bins(data.labels, _column(data, k), group=data.group, conf_level=options.conf_level)
        .to_frame()
        .assign(model=name)
        for k, name in enumerate(data.names)
    ]
    return pd.concat(frames, ignore_index=True)


def _decision(data: CompareInput, options: CompareOptions) -> pd.DataFrame:
    assert data.probabilities is not None
    return decision_curve(
        data.labels,
        data.probabilities,
        names=data.names,
        group=data.group,
        n_resamples=options.n_resamples,
        rng=np.random.default_rng(options.seed),
    ).to_frame()


def _roc(data: CompareInput) -> pd.DataFrame:
    frames = [
        roc_curve(data.labels, data.scores[:, k]).assign(model=name) for k, name in enumerate(data.names)
    ]
    return pd.concat(frames, ignore_index=True)


def _column(data: CompareInput, k: int) -> np.ndarray:
    assert data.probabilities is not None
    return data.probabilities[:, k]


def _adjusted(rows: list[ComparisonResult], options: CompareOptions) -> list[ComparisonResult]:
    adjusted = adjust_p([row.p_value for row in rows], options.adjust)
    return [replace(row, p_adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True)]
