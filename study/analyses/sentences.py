"""What was found, in plain words: one text per comparison, with estimate, interval, p and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from manuscript.text import metric_label

if TYPE_CHECKING:
    from stats.lmm.terms import TermMeaning

# Parts of a note that change how a finding is read, so they stand in its text.
_LOUD = (
    "have not run",
    "predict one class",
    "predicts one class",
    "no partner",
    "cells have no",
    "left out",
    "split leaks",
    "variance is 0",
    "identical",
)
_DELONG_LIMIT = (
    "This compares two trained models on these images; how much a second training would differ is not in it."
)
_PAIRS_LIMIT = (
    "Each pair is two trained models on these images; how much a second training would differ is not in it."
)
_MCNEMAR_LIMIT = "This holds at threshold 0.5 and for these two trained models only."
_RANK_SUM_LIMIT = (
    "The test takes cells as independent, though they share images and settings: its p is no strong evidence."
)
_SHARED_TEST_SET = "All cells of a task share one test set, whose sampling error is not in the interval."


def comparison_sentence(row: Mapping[str, Any], *, alpha: float) -> str:
    """Return the text for one row of `comparisons` (a mapping with RESULT_COLUMNS)."""
    if _missing(row["p_value"]):
        what = row["comparison"]
        reason = str(row["note"] or "no p-value exists").removeprefix("not run: ")
        return f"{_place(row)}{what} could not be tested ({row['method']}): {reason}."
    if _missing(row["arm_b"]):
        verdict = "differ" if row["p_value"] < alpha else "show no difference"
        return (
            f"{_place(row)}the arms of {str(row['comparison']).partition(':')[0]} taken together {verdict} "
            f"(chi-square {row['statistic']:.2f}, df {row['df']:.0f}, {p_words(row['p_value'])})."
            + _loud(row["note"])
        )
    body = {
        "delong": _delong,
        "mcnemar": _mcnemar,
        "non-inferiority": _margin,
        "equivalence": _margin,
        "recipe": _recipe,
        "roc": _metric,
        "threshold": _metric,
        "calibration": _metric,
        "wilcoxon": _wilcoxon,
        "permutation": _permutation,
        "contrast": _contrast,
    }[row["analysis"]](row, _shown(row, alpha))
    return f"{_place(row)}{body}{_loud(row['note'])}"


def mixed_sentence(
    row: Mapping[str, Any],
    *,
    response: str,
    alpha: float,
    note: str | None,
    meaning: TermMeaning | None = None,
) -> str:
    """Return the text for one fixed effect: a row of `mixed_fixed` other than the intercept.

    `meaning` says what the coefficient compares; without it the term is named as it is.
    """
    inside = f"{_percent(1 - alpha)} interval {_span(row)}"
    by = "" if row["df_method"] == "none" else f", {row['df']:.1f} df by {str(row['df_method']).title()}"
    if meaning is not None and meaning.kind == "mean":
        return (
            f"Over {row['n']} cells the mean of {response} with {meaning.factor} {meaning.level} is "
            f"{row['estimate']:.3f} ({inside}{by}). {_SHARED_TEST_SET}{_loud(note)}"
        )
    where = _compared(str(row["term"]), meaning)
    if _missing(row["p_value"]):
        return (
            f"Over {row['n']} cells {response} is estimated {_signed(row['estimate'])} {where} ({inside}; "
            f"no test was asked for). {_SHARED_TEST_SET}{_loud(note)}"
        )
    if row["p_value"] < alpha:
        found = f"is {abs(row['estimate']):.3f} {'higher' if row['estimate'] > 0 else 'lower'} {where}"
    else:
        found = f"shows no difference {where.replace(' than with ', ' against ')}: {_signed(row['estimate'])}"
    return (
        f"Over {row['n']} cells {response} {found} ({inside}; {p_words(row['p_value'])}{by}). "
        f"{_SHARED_TEST_SET}{_loud(note)}"
    )


def _compared(term: str, meaning: TermMeaning | None) -> str:
    """ "with head Conv than with Linear, where pretrain is ImageNet", or "for the term lr"."""
    if meaning is None or meaning.kind not in ("difference", "slope"):
        return f"for the term {term}"
    held = " and ".join(f"{name} is {value}" for name, value in meaning.conditions)
    where = f", where {held}" if held else ""
    if meaning.kind == "slope":
        return f"per unit of {meaning.factor}{where}"
    return f"with {meaning.factor} {meaning.level} than with {meaning.baseline}{where}"


def p_words(p: float) -> str:
    """Return "p = 0.0123" or "p < 0.0001"."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.4f}" if p < 0.01 else f"p = {p:.3f}"


def _delong(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    values = f"test AUC {row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    if shown:
        better, other = (a, b) if row["estimate"] > 0 else (b, a)
        found = f"the best {better} cell ranks the test images better than the best {other} cell"
    else:
        found = f"no difference was found between the best {a} cell and the best {b} cell"
    return f"{found}: {values}, {_effect(row)}. {_DELONG_LIMIT}"


def _mcnemar(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    values = f"accuracy {row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    if shown:
        better, other = (a, b) if row["estimate"] > 0 else (b, a)
        found = f"the best {better} cell is right on more test images than the best {other} cell"
    else:
        found = f"no difference was found in the images that the best {a} and the best {b} cell get right"
    return f"{found}: {values}, {_effect(row)}. {_MCNEMAR_LIMIT}"


def _metric(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    name = "the Brier score (lower is better)" if row["metric"] == "brier" else f"the {row['metric']}"
    detail = str(row["comparison"]).partition(", ")[2]
    at = f" at the {detail}" if detail else ""
    values = f"{row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    if shown:
        direction = "higher" if row["estimate"] > 0 else "lower"
        found = f"{name} of the best {a} cell is {direction} than that of the best {b} cell{at}"
    else:
        found = f"no difference in {name} was found between the best {a} and the best {b} cell{at}"
    return f"{found}: {values}, {_effect(row)}. {_DELONG_LIMIT}"


def winner_sentence(rows: Sequence[Mapping[str, Any]], *, chosen_from: str) -> str:
    """Return the text for the winner of one set of cells: its rows of `estimates`."""
    first = rows[0]
    if _missing(first["estimate"]):
        reason = str(first["note"] or "no value exists").removeprefix("not run: ")
        return f"{_place(first)}the optimism of the best of {chosen_from} could not be estimated: {reason}."
    named = {str(row["comparison"]).rpartition(": ")[2].partition(",")[0]: row for row in rows}
    count = str(first["comparison"]).rpartition("best of ")[2]
    corrected, test = named["corrected"], named["test"]
    added = first["estimate"] - corrected["estimate"]
    verdict = (
        f"the choice among {count} is worth {_signed(added)} of it" if added > 0 else "no optimism was found"
    )
    label = metric_label(first["metric"])
    metric = label if label.isupper() else label.lower()
    inside = f"{_percent(corrected['conf_level'])} interval {_span(corrected)}"
    return (
        f"{_place(first)}the best of {count} cells ({chosen_from}), {first['arm_a']}, has a validation "
        f"{metric} of {first['estimate']:.3f}; {verdict} (bias-corrected "
        f"{corrected['estimate']:.3f}, {inside}). On the test images its AUC is {test['estimate']:.3f} "
        f"({_span(test)})."
    )


def pairs_sentence(rows: Sequence[Mapping[str, Any]], *, alpha: float) -> str:
    """Return the text for all pairs of cells of a task: their rows of `pairs`."""
    first = rows[0]
    if _missing(first["cell_a"]):
        return f"{_place(first)}the pairs of cells could not be tested: {str(first['note'])[9:]}."
    cells = {row["cell_a"] for row in rows} | {row["cell_b"] for row in rows}
    differ = sum(bool(row["p_adjusted"] < alpha) for row in rows)
    untested = sum(_missing(row["p_value"]) for row in rows)
    without = f"; {untested} pairs have no test (variance 0)" if untested else ""
    return (
        f"{_place(first)}of the {len(rows)} pairs of {len(cells)} cells {differ} differ in test AUC "
        f"({first['method']}, p adjusted by {first['adjust']} below {alpha:g}){without}. {_PAIRS_LIMIT}"
    )


def _margin(row: Mapping[str, Any], shown: bool) -> str:
    """The conclusion of the test itself, which stands first in its note."""
    a, b = _arms(row)
    conclusion = str(row["note"]).partition("; ")[0].rstrip(".")
    values = f"test AUC {row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    return f"{a} against {b} ({row['method']}): {conclusion}; {values}, {_effect(row)}. {_DELONG_LIMIT}"


def _recipe(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    reading = str(row["comparison"]).partition(", ")[2]
    over = "folds" if "other training sets" in reading else "seeds"
    values = f"mean test AUC over {over} {row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    if shown:
        better, other = (a, b) if row["estimate"] > 0 else (b, a)
        found = f"{better} ranks the test images better than {other}"
    else:
        found = f"no difference was found between {a} and {b}"
    return f"for {reading}, {found}: {values}, {_effect(row)}."


def _wilcoxon(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    paired = "signed-rank" in str(row["method"])
    cells = f"{row['n']} pairs of cells that differ in nothing else" if paired else f"{row['n']} cells"
    if shown:
        direction = "higher" if row["estimate"] > 0 else "lower"
        found = f"{row['metric']} is {direction} with {a} than with {b}"
    else:
        found = f"no difference in {row['metric']} was found between {a} and {b}"
    medians = f"medians {row['estimate_a']:.3f} against {row['estimate_b']:.3f}"
    limit = _SHARED_TEST_SET if paired else _RANK_SUM_LIMIT
    return f"{found} over {cells}: {medians}, {_effect(row, 'shift')}. {limit}"


def _permutation(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    if shown:
        direction = "higher" if row["estimate"] > 0 else "lower"
        found = f"the mean of {row['metric']} is {direction} with {a} than with {b}"
    else:
        found = f"no difference in the mean of {row['metric']} was found between {a} and {b}"
    return (
        f"{found} over {row['n']} pairs of cells that differ in nothing else: "
        f"{_effect(row)}. {_SHARED_TEST_SET}"
    )


def _contrast(row: Mapping[str, Any], shown: bool) -> str:
    a, b = _arms(row)
    if shown:
        direction = "higher" if row["estimate"] > 0 else "lower"
        found = f"the mean of {row['metric']} is {direction} with {a} than with {b}"
    else:
        found = f"no difference in the mean of {row['metric']} was found between {a} and {b}"
    where = within(row)
    return f"{found}{f', {where}' if where else ''}: {_effect(row)}. {_SHARED_TEST_SET}"


def within(row: Mapping[str, Any]) -> str:
    """The slice of a contrast, "within backbone = ResNet50"; empty without slices."""
    parts = [] if _missing(row["note"]) else str(row["note"]).split("; ")
    return next((part for part in parts if part.startswith("within ")), "")


def _effect(row: Mapping[str, Any], name: str = "difference") -> str:
    adjusted = row["p_adjusted"]
    p = p_words(row["p_value"])
    if not _missing(adjusted) and adjusted != row["p_value"]:
        p += f", adjusted {p_words(adjusted)}"
    inside = ""
    if not _missing(row["conf_low"]) and not _missing(row["conf_high"]):
        inside = f"{_percent(row['conf_level'])} interval {_span(row)}; "
    return f"{name} {_signed(row['estimate'])} ({inside}{p})"


def _shown(row: Mapping[str, Any], alpha: float) -> bool:
    p = row["p_value"] if _missing(row["p_adjusted"]) else row["p_adjusted"]
    return bool(p < alpha)


def _place(row: Mapping[str, Any]) -> str:
    return "Over all tasks: " if _missing(row["task"]) else f"{row['task']}: "


def _arms(row: Mapping[str, Any]) -> tuple[str, str]:
    """Arms with the factor's name: `pretrain ImageNet`, or the arm alone where it tells enough."""
    contrast = str(row["comparison"]).partition(":")[0]
    if row["analysis"] == "contrast":
        contrast = str(row["family"]).partition(" | ")[0]
    if any(str(row[arm]).replace(".", "").isdigit() for arm in ("arm_a", "arm_b")):
        return f"{contrast} {row['arm_a']}", f"{contrast} {row['arm_b']}"
    return str(row["arm_a"]), str(row["arm_b"])


def _loud(note: Any) -> str:
    if _missing(note):
        return ""
    parts = [part for part in str(note).split("; ") if any(mark in part for mark in _LOUD)]
    return f" Note: {'; '.join(parts)}." if parts else ""


def _span(row: Mapping[str, Any]) -> str:
    return f"{_zero(row['conf_low'])} to {_zero(row['conf_high'])}"


def _signed(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:+.3f}" if abs(value) >= 0.0005 else f"{value:+.1e}"


def _zero(value: float) -> str:
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text


def _percent(level: float) -> str:
    return f"{100 * level:g}%"


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))
