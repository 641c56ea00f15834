"""Answers about the models. Each function reads a report; None where the report does not say."""

from __future__ import annotations

from typing import Any

from manuscript.checklist.data_answers import levels, tasks, value_range
from manuscript.describe import protocol_text
from manuscript.load import Report
from manuscript.plan import metric_words
from manuscript.text import count, integer, join_words, plain

_RULES = {
    "youden": "Youden's index",
    "sensitivity": "a sensitivity of {target}",
    "specificity": "a specificity of {target}",
    "fixed": "a fixed score of {target}",
}
SHORT_HASH = 8  # digits, enough to tell files apart


def preprocessing(report: Report) -> str | None:
    """Resizing, normalisation and augmentation."""
    named = {
        "image_size": "Images resized to {} pixels.",
        "preprocessing": "Normalisation: {}.",
        "augmentation": "Augmentation in training: {}.",
    }
    told = [
        text.format(join_words(found, "or"))
        for name, text in named.items()
        if (found := levels(report, name))
    ]
    return " ".join(told) or None


def model(report: Report) -> str | None:
    """Backbones, heads and the number of trained parameters."""
    parts = {name: levels(report, name) for name in ("backbone", "head")}
    if not all(parts.values()):
        return None
    text = f"{join_words(parts['backbone'], 'or')}, head {join_words(parts['head'], 'or')}."
    if "n_parameters" in report.cells and report.cells["n_parameters"].notna().any():
        text += f" Trained parameters: {value_range(report.cells['n_parameters'].dropna())}."
    return text


def software(report: Report) -> str | None:
    """Versions and devices."""
    environment = report.run.get("environment", {})
    packages = environment.get("packages", {})
    names = [
        f"{name} {packages[name]}" for name in ("torch", "torchvision", "numpy", "scipy") if name in packages
    ]
    if environment.get("python"):
        names.insert(0, f"Python {environment['python']}")
    if not names:
        return None
    device = levels(report, "device")
    return f"{join_words(names)}.{f' Device: {join_words(device)}.' if device else ''}"


def initial_weights(report: Report) -> str | None:
    """Weights of the backbones by the hash of their file; seeds of the heads."""
    weights: dict[str, Any] = {}
    for run in report.run.get("runs", []):
        weights |= run.get("weights", {})
    if not weights:
        return None
    told = [f"{name} ({str(file['sha256'])[:SHORT_HASH]})" for name, file in weights.items()]
    seeds = join_words(levels(report, "seed"))
    return f"Weights of the backbones, with their hash: {join_words(told)}. Heads: seeds {seeds}."


def training(report: Report) -> str | None:
    """Epochs, batches, optimiser and learning rate."""
    return None if report.study.get("imported") else protocol_text(report) or None


def selection(report: Report) -> str | None:
    """How an epoch and a cell were chosen."""
    told = []
    chosen = levels(report, "checkpoint")
    if chosen:
        told.append(f"Of each model the epoch with the best {join_words([metric_words(n) for n in chosen])}.")
    plan = report.study.get("analysis", {})
    rules = [
        entry["select"]
        for entries in plan.values()
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict) and "select" in entry
    ]
    if rules:
        by = join_words([metric_words(rule) for rule in dict.fromkeys(rules)])
        told.append(f"Of each arm the cell with the best {by}.")
    return " ".join(told) or None


def ensembles(report: Report) -> str | None:
    """Whether predictions or features of several models are joined."""
    if not _trained_here(report):
        return None
    joined = [name for name in levels(report, "pretrain") if "+" in name]
    text = "Every model predicts alone; no predictions are averaged."
    return f"{text} Features of two backbones are joined in {join_words(joined)}." if joined else text


def prediction(report: Report) -> str | None:
    """From image to score."""
    if not _trained_here(report):
        return None
    return (
        "The score is the softmax probability of the positive class, from the chosen epoch; test images are "
        "scored once, without augmentation."
    )


def cutoffs(report: Report) -> str | None:
    """The scores that count as positive."""
    if report.mode == "published":
        return None
    told = ["Positive from a score of one half on."]
    for entry in report.study.get("analysis", {}).get("threshold", []):
        rule = str(entry.get("rule", "youden"))
        target = plain(float(entry["target"])) if "target" in entry else "one half"
        where = "" if rule == "fixed" else " on validation images"
        told.append(f"Also, by rule: {_RULES[rule].format(target=target)}{where}.")
    return " ".join(told)


def robustness(report: Report) -> str | None:
    """Seeds, folds and recipes."""
    seeds, folds = (len(levels(report, name)) for name in ("seed", "fold"))
    recipes = report.analysis("recipe")
    if seeds < 2 and folds < 2:
        if not _trained_here(report):
            return None
        return "Each setting was trained once: how much a second training would differ was not measured."
    told = [f"Each setting was trained with {count(seeds, 'seed')}." if seeds > 1 else ""]
    told += [f"Cross-validated in {count(folds, 'fold')}." if folds > 1 else ""]
    if recipes is not None:
        told.append(f"{count(len(recipes), 'comparison').capitalize()} of recipes over them.")
    return " ".join(filter(None, told))


def external_test(report: Report) -> str | None:
    """Whether images of another source were tested; a given split may hold some, which nobody can tell."""
    known = ["dataset" in task and not task.get("split", {}).get("file") for task in tasks(report).values()]
    if not known or not all(known):
        return None
    return "None: every task is trained and tested on its own data set."


def updating(report: Report) -> str | None:
    """Changes to a model after its test."""
    return "No model was changed after its test." if _trained_here(report) else None


def full_model(report: Report) -> str | None:
    """How to make the models again."""
    runs, environment = report.run.get("runs", []), report.run.get("environment", {})
    if not runs or not environment.get("commit") or not _trained_here(report):
        return None
    commit, _, changed = str(environment["commit"]).partition("+")
    mark = " with changes" if changed else ""
    study_file = _study_hash(report) or "without hash"
    return f"Code {commit[:SHORT_HASH]}{mark}; study file {study_file}; `study run-grid` makes all again."


def protocol(report: Report) -> str | None:
    """The analysis plan and what goes beyond it."""
    if (study_hash := _study_hash(report)) is None:
        return None
    told = f"The study file {study_hash} holds the analysis plan."
    comparisons = report.table("comparisons")
    if comparisons is None:
        return told
    planned = comparisons["planned"].astype(bool)
    return f"{told} Planned: {integer(int(planned.sum()))} of {count(len(planned), 'comparison')}."


def dates(report: Report) -> str | None:
    """When the models were trained."""
    started = sorted(
        str(run["started"]).partition("T")[0] for run in report.run.get("runs", []) if "started" in run
    )
    if not started or report.study.get("imported"):
        return None
    first, last = started[0], started[-1]
    return f"Models trained on {first}." if first == last else f"Models trained from {first} to {last}."


def _study_hash(report: Report) -> str | None:
    hashes = [run["study_hash"] for run in report.run.get("runs", []) if run.get("study_hash")]
    return str(hashes[-1])[:SHORT_HASH] if hashes else None


def _trained_here(report: Report) -> bool:
    return report.mode == "store" and not report.study.get("imported") and not report.cells.empty
