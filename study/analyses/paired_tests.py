"""DeLong and McNemar between the best cells of the arms, on the same test images."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from stats.metrics import THRESHOLD
from stats.multiplicity.adjust import adjust_p
from stats.pairing import PairedPredictions
from stats.rates.mcnemar import VARIANTS, mcnemar_test
from stats.rates.mcnemar_clustered import VARIANTS as CLUSTERED_VARIANTS
from stats.rates.mcnemar_clustered import clustered_mcnemar_test
from stats.results import ComparisonResult, joined_notes
from stats.roc.delong import CLUSTERED, PAIRED, delong
from stats.roc.family import auc_family
from study.analyses.arm_rows import (
    cannot_run,
    chosen_by,
    comparison_name,
    missing_arms,
    n_patients,
    no_patients,
    not_run,
    shared_fields,
    shared_patients_note,
)
from study.analyses.grid_data import GridData
from study.analyses.predictions import scored_models
from study.analyses.selection import Selection
from study.config.selected_plans import DelongPlan, McnemarPlan
from study.models.rates import cochran_row
from study.models.scored import ModelOptions

OVERALL = "all arms equal"


def delong_rows(
    data: GridData, selection: Selection, plan: DelongPlan, *, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return one row per pair of arms, or per arm against the reference, adjusted within the task.

    Three arms or more have the global test too. With `group = "patient"` the covariance is that of clustered
    images (Obuchowski 1997).
    """
    group = plan.group
    shared = shared_fields(
        data,
        selection,
        analysis="delong",
        metric="auc",
        conf_level=conf_level,
        planned=planned,
        group=group,
    )
    method = PAIRED if group is None else CLUSTERED
    test = selection.test
    reason = cannot_run(selection, need_classes=True) or no_patients(test, group)
    if reason or test is None:
        return [not_run(selection, shared, method, reason)]
    names = list(selection.cells)
    patients = None if group is None or test.groups is None else test.groups.tolist()
    if plan.reference is not None and plan.reference not in names:
        reason = f"the reference {plan.reference} is no arm with a done cell ({', '.join(names)})"
        return [not_run(selection, shared, method, reason)]
    try:
        family = auc_family(
            test.labels,
            test.ranking,
            names=names,
            group=patients,
            adjust=plan.adjust,
            reference=plan.reference,
            conf_level=conf_level,
        )
    except ValueError as error:
        return [not_run(selection, shared, method, str(error).rstrip("."))]
    clustered = {} if patients else _design_effects(test, names, conf_level)
    common = joined_notes(shared.pop("note"), *selection.notes)
    shared["n_groups"] = n_patients(test)
    rows = []
    fit = family.fit
    for row in family.results:
        a, b = str(row.arm_a), str(row.arm_b)
        effect = clustered.get(frozenset((a, b)))
        concerned = [note for note in fit.notes if _concerns(note, a, b) or _concerns(note, b, a)]
        own = joined_notes(*concerned, row.note, effect, common)
        rows.append(replace(row, **shared, comparison=comparison_name(selection, a, b), note=own))
    if len(names) > 2:
        overall = fit.overall_result()
        where = f"{selection.contrast}: {OVERALL}{chosen_by(selection)}"
        own = joined_notes(overall.note, common)
        rows.append(replace(overall, **shared, comparison=where, note=own))
    return rows + missing_arms(selection, shared, method)


def mcnemar_rows(
    data: GridData, selection: Selection, plan: McnemarPlan, *, conf_level: float, planned: bool
) -> list[ComparisonResult]:
    """Return one row per pair of arms, adjusted within the task: corrected chi-square, other p in the note.

    Three arms or more have Cochran's Q too. With `group = "patient"` the statistic of the pairs is
    Obuchowski's (1998) for several images per patient, and there is no Q.
    """
    group = plan.group
    method = VARIANTS["chi2_corrected"] if group is None else CLUSTERED_VARIANTS["obuchowski"]
    shared = shared_fields(
        data,
        selection,
        analysis="mcnemar",
        metric="accuracy",
        conf_level=conf_level,
        planned=planned,
        group=group,
    )
    test = selection.test
    reason = cannot_run(selection, need_classes=False) or no_patients(test, group)
    if reason or test is None:
        return [not_run(selection, shared, method, reason)]
    if group is not None:
        try:
            rows = _clustered_mcnemar_rows(selection, test, shared, plan.adjust, conf_level)
        except ValueError as error:
            return [not_run(selection, shared, method, str(error).rstrip("."))]
        return rows + missing_arms(selection, shared, method)
    correct = (test.scores >= THRESHOLD) == test.labels[:, None]
    pairs = list(combinations(range(len(test.names)), 2))
    fits = [mcnemar_test(correct[:, a], correct[:, b], conf_level=conf_level) for a, b in pairs]
    adjusted = adjust_p([fit.p_corrected for fit in fits], plan.adjust)
    names = list(selection.cells)
    common = joined_notes(shared.pop("note"), *selection.notes)
    rows = []
    for (a, b), fit, p_adjusted in zip(pairs, fits, adjusted, strict=True):
        result = fit.to_result()
        discordant = (
            f"only {names[a]} right on {fit.only_a} images, only {names[b]} on {fit.only_b}; "
            f"exact p {fit.p_exact:.4g}, mid-p {fit.p_mid:.4g}"
        )
        rows.append(
            ComparisonResult(
                **shared,
                method=result.method,
                comparison=comparison_name(selection, names[a], names[b]),
                arm_a=names[a],
                arm_b=names[b],
                estimate_a=result.estimate_a,
                estimate_b=result.estimate_b,
                estimate=result.estimate,
                statistic=result.statistic,
                df=result.df,
                p_value=result.p_value,
                p_adjusted=float(p_adjusted),
                conf_low=result.conf_low,
                conf_high=result.conf_high,
                n=fit.n,
                n_positive=int(test.labels.sum()),
                n_groups=n_patients(test),
                note=joined_notes(
                    discordant, fit.note, _mcnemar_effect(test, correct[:, a], correct[:, b]), common
                ),
            )
        )
    if len(names) > 2:
        rows.append(_cochran(selection, test, shared, common, conf_level))
    return rows + missing_arms(selection, shared, method)


def _mcnemar_effect(test: PairedPredictions, correct_a: np.ndarray, correct_b: np.ndarray) -> str | None:
    """What clustering by patient does to the variance of this difference; None without shared patients."""
    note = shared_patients_note(test)
    if note is None or test.groups is None or any(group is None for group in test.groups):
        return note
    try:  # the permutation is not looked at, so few patterns do
        fit = clustered_mcnemar_test(
            correct_a, correct_b, test.groups.tolist(), n_resamples=99, rng=np.random.default_rng(0)
        )
    except ValueError:  # a single patient: nothing to cluster by
        return note
    if not np.isfinite(fit.design_effect) or np.isnan(fit.p_obuchowski):
        return note
    return f"{note} (clustered by patient: variance x {fit.design_effect:.2f}, p {fit.p_obuchowski:.4g})"


def _cochran(
    selection: Selection, test: PairedPredictions, shared: dict, common: str | None, conf_level: float
) -> ComparisonResult:
    """Cochran's Q of all arms; its pairs are the rows above."""
    models = scored_models(test, list(selection.cells), patients=False)
    row = cochran_row(models, [THRESHOLD] * len(models.names), ModelOptions(conf_level=conf_level))
    where = f"{selection.contrast}: {OVERALL}{chosen_by(selection)}"
    return replace(
        row, **shared, comparison=where, note=joined_notes(row.note, shared_patients_note(test), common)
    )


def _clustered_mcnemar_rows(
    selection: Selection, test: PairedPredictions, shared: dict, adjust: str, conf_level: float
) -> list[ComparisonResult]:
    correct = (test.scores >= THRESHOLD) == test.labels[:, None]
    pairs = list(combinations(range(len(test.names)), 2))
    patients = [] if test.groups is None else test.groups.tolist()
    fits = [
        clustered_mcnemar_test(
            correct[:, a], correct[:, b], patients, conf_level=conf_level, rng=np.random.default_rng(0)
        )
        for a, b in pairs
    ]
    adjusted = adjust_p([fit.p_obuchowski for fit in fits], adjust)
    names = list(selection.cells)
    rows = []
    for (a, b), fit, p_adjusted in zip(pairs, fits, adjusted, strict=True):
        exact = fit.permutation_method.rpartition("permutation of patients, ")[2]
        discordant = (
            f"only {names[a]} right on {fit.only_a} images, only {names[b]} on {fit.only_b}, "
            f"{fit.n_discordant_groups} discordant patients; Durkalski p {fit.p_durkalski:.4g}, "
            f"permutation of patients p {fit.p_permutation:.4g} ({exact}); "
            f"design effect {fit.design_effect:.3g}"
        )
        fields = {key: value for key, value in shared.items() if key != "note"}
        fields |= {
            "comparison": comparison_name(selection, names[a], names[b]),
            "p_adjusted": float(p_adjusted),
        }
        fields |= {"arm_a": names[a], "arm_b": names[b], "n_positive": int(test.labels.sum())}
        note = joined_notes(discordant, fit.note, shared["note"], *selection.notes)
        rows.append(replace(fit.to_result(), **fields, note=note))
    return rows


def _concerns(note: str, a: str, b: str) -> bool:
    """Whether a note of the DeLong fit speaks of this pair: of both arms, of one alone, or of all."""
    if note.startswith(("AUC of ", "all scores of ")):
        return note.startswith(
            tuple(f"{start} {name} " for start in ("AUC of", "all scores of") for name in (a, b))
        )
    return note.startswith(f"{a} - {b}: ")


def _design_effects(
    test: PairedPredictions, names: list[str], conf_level: float
) -> dict[frozenset[str], str]:
    """Per pair of arms, what clustering by patient does to the variance; empty without shared patients."""
    note = shared_patients_note(test)
    if note is None or test.groups is None or any(group is None for group in test.groups):
        return {}
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    try:
        clustered = delong(test.labels, test.ranking, group=test.groups.tolist(), conf_level=conf_level)
    except ValueError:
        return dict.fromkeys(pairs, note)
    plain = delong(test.labels, test.ranking, conf_level=conf_level)
    notes = {}
    for i, pair in enumerate(pairs):
        ratio = np.nan
        if plain.pairs.std_error[i] > 0:
            ratio = (clustered.pairs.std_error[i] / plain.pairs.std_error[i]) ** 2
        effect = f" (clustered by patient: variance x {ratio:.2f}, p {clustered.pairs.p_value[i]:.4g})"
        notes[pair] = note + (effect if np.isfinite(ratio) else "")
    return notes
