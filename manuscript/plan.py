"""The analysis plan of the study file in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manuscript.load import Report
from manuscript.text import factor_name, join_words, plain

ANALYSIS_NAMES = {
    "delong": "DeLong test [@delong1988; @sun2014]",
    "mcnemar": "McNemar test [@mcnemar1947]",
    "recipe": "Comparison of recipes [@obuchowski1995]",
    "wilcoxon": "Wilcoxon test [@wilcoxon1945]",
    "permutation": "Exact permutation test",
    "mixed": "Mixed model [@bates2015]",
}
_ADJUSTMENTS = {
    "holm": "Holm",
    "hochberg": "Hochberg",
    "bonferroni": "Bonferroni",
    "sidak": "Šidák",
    "bh": "Benjamini and Hochberg",
    "by": "Benjamini and Yekutieli",
    "none": "no method",
    "max-t": "their joint distribution (max-t)",
}
_BEST_CELLS = "between the arms of {contrast}: the best cell of each arm by {select}"
_RULES = {
    "youden": "Youden's threshold [@youden1950]",
    "sensitivity": "the threshold that reaches a sensitivity of {target}",
    "specificity": "the threshold that reaches a specificity of {target}",
}


def plan_text(report: Report) -> str:
    """The analysis plan of the study file as a list."""
    plan = report.study.get("analysis", {})
    lines = []
    for kind, source in (("delong", "[@obuchowski1997]"), ("mcnemar", "[@obuchowski1998]")):
        for entry in plan.get(kind, []):
            lines.append(
                f"{ANALYSIS_NAMES[kind]} between the arms of {_quoted(entry['contrast'])}: per task the "
                f"best cell of each arm, chosen on {metric_words(entry.get('select', 'val_auc'))}, "
                "on the same test images"
                + (f", clustered by patient {source}." if entry.get("group") else ".")
            )
    for entry in plan.get("margin", []):
        lines.append(
            f"{str(entry.get('goal', 'non-inferiority')).capitalize()} of the arms of "
            f"{_quoted(entry['contrast'])} against {entry['reference']}, with a margin of "
            f"{plain(float(entry['margin']))} AUC, between the same selected cells."
        )
    for entry in plan.get("recipe", []):
        lines.append(
            f"{ANALYSIS_NAMES['recipe']} between the arms of {_quoted(entry['contrast'])}: per task and arm "
            f"the settings with the best mean {metric_words(entry.get('select', 'val_auc'))} over seeds; "
            "once for these trained models and once for new seeds, as in multi-reader studies with seeds as "
            "readers" + (", clustered by patient [@obuchowski1997]." if entry.get("group") else ".")
        )
    lines += model_plan_lines(plan)
    for entry in plan.get("wilcoxon", []):
        kind = "signed-rank, paired cells" if entry.get("paired") else "rank-sum"
        by = join_words([_quoted(name) for name in entry.get("by", ["task"])])
        lines.append(
            f"{ANALYSIS_NAMES['wilcoxon']} ({kind}) of {metric_words(entry.get('value', 'test_auc'))} "
            f"between the levels of {_quoted(entry['contrast'])}, for each {by}."
        )
    for entry in plan.get("permutation", []):
        by = join_words([_quoted(name) for name in entry.get("by", ["task"])])
        lines.append(
            f"{ANALYSIS_NAMES['permutation']} (all sign patterns, paired cells) of the mean difference in "
            f"{metric_words(entry.get('value', 'test_auc'))} between the levels of "
            f"{_quoted(entry['contrast'])}, for each {by}."
        )
    for entry in plan.get("mixed", []):
        df = entry.get("df", "satterthwaite")
        source = {"satterthwaite": " [@kuznetsova2017]", "kenward-roger": " [@kenward1997]"}.get(df, "")
        lines.append(f"{ANALYSIS_NAMES['mixed']} `{entry['formula']}`, degrees of freedom: {df}{source}.")
    if not lines:
        return "The study file plans no comparison; every comparison below is exploratory."
    opening = (
        "The study file fixed these comparisons before any result "
        f"(two-sided level {plain(float(plan.get('alpha', 0.05)))}):"
    )
    if report.study.get("imported"):
        level = plain(float(plan.get("alpha", 0.05)))
        opening = f"These comparisons came with the imported predictions (two-sided level {level}):"
    if report.mode == "published":
        opening = "These are the comparisons of the original study that its published metrics allow:"
    return "\n".join([opening, "", *(f"- {line}" for line in lines)])


def _quoted(name: str) -> str:
    return f"*{factor_name(name).lower()}*"


def metric_words(name: str) -> str:
    """Return `val_auc` as `validation AUC`."""
    parts = {
        "val_auc": "validation AUC",
        "test_auc": "test AUC",
        "val_f1": "validation F1",
        "test_f1": "test F1",
    }
    return parts.get(name, name.replace("_", " "))


def model_plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return one line per entry of `roc`, `threshold`, `calibration`, `winner` and `pairs`."""
    lines = [f"{_roc_parts(entry)} {_cells(entry)}." for entry in plan.get("roc", [])]
    for entry in plan.get("threshold", []):
        target = plain(float(entry["target"])) if "target" in entry else plain(0.5)
        rule = _RULES.get(entry.get("rule", "youden"), "a threshold of {target}").format(target=target)
        chosen = "" if entry.get("rule") == "fixed" else ", chosen on validation images"
        lines.append(f"Accuracy, sensitivity and specificity at {rule}{chosen}, {_cells(entry)}.")
    lines += [
        f"Calibration [@cox1958], Brier scores and decision curves [@vickers2006] {_cells(entry)}."
        for entry in plan.get("calibration", [])
    ]
    for entry in plan.get("winner", []):
        arms = (
            f" and of the best of each arm of {_quoted(entry['contrast'])}" if entry.get("contrast") else ""
        )
        lines.append(
            f"Optimism of the best cell of each task{arms}, chosen on "
            f"{metric_words(entry.get('select', 'val_auc'))}, by bootstrap bias correction [@tsamardinos2018]"
            f"{_clustered(entry)}."
        )
    lines += [
        f"{ANALYSIS_NAMES['delong']} of every pair of cells of a task, p-values adjusted by "
        f"{_ADJUSTMENTS.get(entry.get('adjust', 'holm'), entry.get('adjust'))}{_clustered(entry)}."
        for entry in plan.get("pairs", [])
    ]
    return lines


def _roc_parts(entry: Mapping[str, Any]) -> str:
    parts = []
    for rate, other in (("specificity", "sensitivity"), ("sensitivity", "specificity")):
        fixed = entry.get(rate, [0.9] if rate == "specificity" else [])
        if fixed:
            parts.append(f"{other} at a {rate} of {join_words([plain(float(value)) for value in fixed])}")
    if entry.get("partial_auc"):
        low, high = (plain(float(value)) for value in entry["partial_auc"])
        parts.append(f"partial AUC between {low} and {high} {entry.get('focus', 'specificity')}")
    if entry.get("band", "auto") != "none":
        parts.append("simultaneous bands of the ROC curves [@campbell1994]")
    text = join_words(parts)
    return text[:1].upper() + text[1:]


def _cells(entry: Mapping[str, Any]) -> str:
    where = _BEST_CELLS.format(
        contrast=_quoted(entry["contrast"]), select=metric_words(entry.get("select", "val_auc"))
    )
    return where + _clustered(entry)


def _clustered(entry: Mapping[str, Any]) -> str:
    return ", clustered by patient" if entry.get("group") else ""
