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
from study.analyses.grid_data import GridData
from study.analyses.selection import Selection

OVERALL = "all arms equal"


def delong_rows(
    data: GridData, selection: Selection, *, conf_level: float, planned: bool, group: str | None = None
) -> list[ComparisonResult]:
    """Return one row per pair of arms (Holm within the task), and the global test for three or more.

    With `group = "patient"` the covariance is that of clustered images (Obuchowski 1997).
    """
    shared = _shared(
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
        return [_empty_row(selection, shared, method, reason)]
    names = list(selection.cells)
    patients = None if group is None or test.groups is None else test.groups.tolist()
    try:
        fit = delong(
            test.labels, test.ranking, names=names, group=patients, adjust="holm", conf_level=conf_level
        )
    except ValueError as error:
        return [_empty_row(selection, shared, method, str(error).rstrip("."))]
    clustered = {} if patients else _design_effects(test, conf_level)
    common = joined_notes(shared.pop("note"), *selection.notes)
    shared["n_groups"] = _n_groups(test)
    rows = []
    for i, row in enumerate(fit.pair_results()):
        a, b = str(row.arm_a), str(row.arm_b)
        own = joined_notes(*(note for note in fit.notes if _concerns(note, a, b)), clustered.get(i), common)
        rows.append(replace(row, **shared, comparison=_comparison(selection, a, b), note=own))
    if len(names) > 2:
        overall = fit.overall_result()
        where = f"{selection.contrast}: {OVERALL}{_chosen_by(selection)}"
        own = joined_notes(overall.note, common)
        rows.append(replace(overall, **shared, comparison=where, note=own))
    return rows + _missing_arms(selection, shared, method)


def mcnemar_rows(
    data: GridData, selection: Selection, *, conf_level: float, planned: bool, group: str | None = None
) -> list[ComparisonResult]:
    """Return one row per pair of arms (Holm within the task): corrected chi-square, other p in the note.

    With `group = "patient"` the statistic is Obuchowski's (1998) for several images per patient.
    """
    method = VARIANTS["chi2_corrected"] if group is None else CLUSTERED_VARIANTS["obuchowski"]
    shared = _shared(
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
        return [_empty_row(selection, shared, method, reason)]
    if group is not None:
        try:
            rows = _clustered_mcnemar_rows(selection, test, shared, conf_level)
        except ValueError as error:
            return [_empty_row(selection, shared, method, str(error).rstrip("."))]
        return rows + _missing_arms(selection, shared, method)
    correct = (test.scores >= THRESHOLD) == test.labels[:, None]
    pairs = list(combinations(range(len(test.names)), 2))
    fits = [mcnemar_test(correct[:, a], correct[:, b], conf_level=conf_level) for a, b in pairs]
    adjusted = adjust_p([fit.p_corrected for fit in fits], "holm")
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
                comparison=_comparison(selection, names[a], names[b]),
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
                n_groups=_n_groups(test),
                note=joined_notes(discordant, fit.note, _grouped_note(test), common),
            )
        )
    return rows + _missing_arms(selection, shared, method)


def _clustered_mcnemar_rows(
    selection: Selection, test: PairedPredictions, shared: dict, conf_level: float
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
    adjusted = adjust_p([fit.p_obuchowski for fit in fits], "holm")
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
        fields |= {"comparison": _comparison(selection, names[a], names[b]), "p_adjusted": float(p_adjusted)}
        fields |= {"arm_a": names[a], "arm_b": names[b], "n_positive": int(test.labels.sum())}
        note = joined_notes(discordant, fit.note, shared["note"], *selection.notes)
        rows.append(replace(fit.to_result(), **fields, note=note))
    return rows


def _shared(
    data: GridData,
    selection: Selection,
    *,
    analysis: str,
    metric: str,
    conf_level: float,
    planned: bool,
    group: str | None = None,
) -> dict:
    clustering = f", by {group}" if group else ""
    cells = data.planned[data.planned["task"] == selection.task]
    return {
        "analysis": analysis,
        "family": f"{analysis} {selection.contrast} by {selection.select}{clustering}, {selection.task}",
        "task": selection.task,
        "metric": metric,
        "conf_level": conf_level,
        "planned": planned,
        "note": data.missing_note(cells),
    }


def cannot_run(selection: Selection, *, need_classes: bool) -> str | None:
    if not selection.arms:
        return f"no cell uses {selection.contrast}"
    if len(selection.arms) == 1:
        return f"{selection.contrast} has one level only ({selection.arms[0]}): nothing to compare"
    if len(selection.cells) < 2:
        return f"no done cell of {', '.join(arm for arm in selection.arms if arm not in selection.cells)}"
    test = selection.test
    if need_classes and test is not None:
        n_positive = int(test.labels.sum())
        if min(n_positive, test.labels.size - n_positive) < 2:
            return (
                f"{n_positive} of {test.labels.size} test images are positive: DeLong needs 2 of each class"
            )
    return None


def no_patients(test: PairedPredictions | None, group: str | None) -> str | None:
    """Why the images cannot be clustered by patient."""
    if group is None or test is None:
        return None
    if test.groups is None or any(patient is None for patient in test.groups):
        return "the plan clusters by patient, but the data set has no patient ids"
    return None


def _empty_row(selection: Selection, shared: dict, method: str, reason: str | None) -> ComparisonResult:
    arms = [*selection.arms, None, None][:2]
    comparison = _comparison(selection, *arms) if all(arms) else selection.contrast
    note = joined_notes(f"not run: {reason}", shared["note"])
    row = {**shared, "note": note, "method": method, "comparison": comparison}
    return ComparisonResult(**row, arm_a=arms[0], arm_b=arms[1])


def _missing_arms(selection: Selection, shared: dict, method: str) -> list[ComparisonResult]:
    """A row that says so for every arm without a done cell, beside the pairs that could run."""
    shared = {key: value for key, value in shared.items() if key != "note"}
    gone = [arm for arm in selection.arms if arm not in selection.cells]
    return [
        ComparisonResult(
            **shared,
            method=method,
            comparison=f"{selection.contrast}: {arm}{_chosen_by(selection)}",
            arm_a=arm,
            note=f"not run: no done cell of {arm}",
        )
        for arm in gone
    ]


def _comparison(selection: Selection, a: str | None, b: str | None) -> str:
    return f"{selection.contrast}: {a} - {b}{_chosen_by(selection)}"


def _chosen_by(selection: Selection) -> str:
    """Keeps two plans apart that choose the cells of one contrast by different metrics."""
    return "" if selection.select == "val_auc" else f" (chosen by {selection.select})"


def _concerns(note: str, a: str, b: str) -> bool:
    """Whether a note of the DeLong fit speaks of this pair: of both arms, of one alone, or of all."""
    if note.startswith(("AUC of ", "all scores of ")):
        return note.startswith(
            tuple(f"{start} {name} " for start in ("AUC of", "all scores of") for name in (a, b))
        )
    return note.startswith(f"{a} - {b}: ")


def _n_groups(test: PairedPredictions) -> int | None:
    return None if test.groups is None else len(set(test.groups.tolist()))


def _grouped_note(test: PairedPredictions) -> str | None:
    groups = _n_groups(test)
    if groups is None or groups == test.labels.size:
        return None
    return f"{test.labels.size} images of {groups} patients count as independent"


def _design_effects(test: PairedPredictions, conf_level: float) -> dict[int, str]:
    """Per pair of arms, what clustering by patient does to the variance; empty without shared patients."""
    note = _grouped_note(test)
    if note is None or test.groups is None or any(group is None for group in test.groups):
        return {}
    k = len(test.names)
    try:
        clustered = delong(test.labels, test.ranking, group=test.groups.tolist(), conf_level=conf_level)
    except ValueError:
        return dict.fromkeys(range(k * (k - 1) // 2), note)
    plain = delong(test.labels, test.ranking, conf_level=conf_level)
    notes = {}
    for i in range(plain.pairs.a.size):
        ratio = np.nan
        if plain.pairs.std_error[i] > 0:
            ratio = (clustered.pairs.std_error[i] / plain.pairs.std_error[i]) ** 2
        effect = f" (clustered by patient: variance x {ratio:.2f}, p {clustered.pairs.p_value[i]:.4g})"
        notes[i] = note + (effect if np.isfinite(ratio) else "")
    return notes
