"""Answers about the data. Each function reads a report; None where the report does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from data.store import Store
from manuscript.audit import findings_known
from manuscript.describe_data import policy_sentences, split_sentences
from manuscript.load import Report
from manuscript.text import count, integer, join_words, percent, plain

PARTS = {"train": "training", "val": "validation", "test": "test"}


def data_source(report: Report) -> str | None:
    """The data set of every task."""
    sets = [(name, task["dataset"]) for name, task in tasks(report).items() if "dataset" in task]
    return " ".join(f"Task {name}: data set {dataset}." for name, dataset in sets) or None


def image_files(report: Report) -> str | None:
    """Size and mode of the image files."""
    if report.root is None or report.study.get("imported"):
        return None
    store = Store.open(report.root)
    told = []
    for task in store.tasks():
        manifest = store.read_manifest(task)
        sizes = [f"{name} {value_range(manifest[name])} pixels" for name in ("width", "height")]
        modes = [] if "mode" not in manifest else sorted(manifest["mode"].dropna().unique())
        kind = f"; modes {join_words(modes)}" if modes else ""
        told.append(f"Task {task}: {join_words(sizes)}{kind}.")
    return " ".join(told) or None


def reference(report: Report) -> str | None:
    """What counts as positive."""
    told = []
    for name, task in tasks(report).items():
        if task.get("positive"):
            source = "its data set" if "dataset" in task else "the imported table"
            classes = join_words(list(task["positive"]), "or")
            told.append(f"Task {name}: the class that {source} gives; positive means {classes}.")
    return " ".join(told) or None


def eligibility(report: Report) -> str | None:
    """Policies for duplicates and labels, and what was left out."""
    if (taken := flow(report)) is None or report.study.get("imported"):
        return None
    policies = [
        f"Task {name}: {sentence}"
        for name, task in tasks(report).items()
        for sentence in policy_sentences(task)
    ]
    return " ".join([*policies, taken])


def flow(report: Report) -> str | None:
    """Images found, left out with their reasons, and used."""
    frame = report.table("data_flow")
    if frame is None:
        return None
    told = []
    for task, rows in frame.groupby("task", sort=False):
        found, used = (
            int(rows.loc[rows["step"] == step, "n_images"].sum()) for step in ("found", "took part")
        )
        out = [f"{integer(row.n_images)} {row.reason}" for row in rows.itertuples() if row.step == "left out"]
        left = f" Left out: {join_words(out)}." if out else ""
        told.append(f"Task {task}: {integer(used)} of {count(found, 'image')} took part.{left}")
    return " ".join(told)


def missing_data(report: Report) -> str | None:
    """Files that could not be read."""
    if not findings_known(report):
        return None
    found = findings(report, "unreadable")
    if found is None:
        return "Every file of the data sets could be read; nothing was imputed."
    told = [f"Task {row.task}: {row.sentence}" for row in found.itertuples()]
    return f"{' '.join(told)} Nothing was imputed."


def split(report: Report) -> str | None:
    """How the images were divided, and how many each part has."""
    summary = report.table("data_summary")
    if summary is None:
        return None
    told, ways = [], {}
    for task, rows in summary.groupby("task", sort=False):
        sizes = rows.groupby("split")["n_images"].sum()
        counts = [f"{integer(sizes[part])} {name}" for part, name in PARTS.items() if part in sizes]
        told.append(f"Task {task}: {join_words(counts)} images.")
        ways[task] = " ".join(split_sentences(tasks(report).get(str(task), {}).get("split", {})))
    shared = len(set(ways.values())) == 1
    named = {"Each task": next(iter(ways.values()))} if shared else {f"Task {t}": w for t, w in ways.items()}
    return " ".join([*told, *(f"{who}: {way[0].lower()}{way[1:]}" for who, way in named.items() if way)])


def disjoint(report: Report) -> str | None:
    """Test images of patients or pictures that training holds too."""
    units = {"n_patient_in_training": "patient", "n_copy_in_training": "picture"}
    tested = _test_rows(report)
    if tested is None or not set(units) & set(tested.columns):
        return None
    told = []
    for task, rows in tested.groupby("task", sort=False):
        for name, unit in units.items():
            if name not in rows or rows[name].isna().all():
                told.append(f"Task {task}: whether parts share a {unit} is not known.")
                continue
            n, total = int(rows[name].sum()), int(rows["n_images"].sum())
            shared = (
                f"{integer(n)} of {integer(total)} test images share a" if n else "no test image shares its"
            )
            told.append(f"Task {task}: {shared} {unit} with training.")
    return " ".join(told)


def test_size(report: Report) -> str | None:
    """Test images and positive ones."""
    tested = _test_rows(report)
    if tested is None:
        return None
    told = [_positives(str(task), rows, "test") for task, rows in tested.groupby("task", sort=False)]
    return " ".join(told)


def characteristics(report: Report) -> str | None:
    """Share of positive images per part."""
    summary = report.table("data_summary")
    if summary is None:
        return None
    told = []
    for task, rows in summary.groupby("task", sort=False):
        shares = [_share(rows[rows["split"] == part], name) for part, name in PARTS.items()]
        told.append(f"Task {task}: positive are {join_words([share for share in shares if share])}.")
    return f"{' '.join(told)} The article's table of images has all classes."


def imbalance(report: Report) -> str | None:
    """Positive share in training, and what was done about it."""
    summary, weights = report.table("data_summary"), levels(report, "class_weights")
    if summary is None or not weights:
        return None
    trained = summary[summary["split"] == "train"]
    told = [f"Task {task}: {_share(rows, 'training')}." for task, rows in trained.groupby("task", sort=False)]
    weighted = f"Weights of the classes in the loss: {join_words(weights)}."
    return " ".join(["Positive images.", *told, weighted, "Scores were not recalibrated."])


def likeness(report: Report) -> str | None:
    """Whether the parts are alike."""
    if not findings_known(report):
        return None
    found = findings(report, "unlike_parts")
    if found is None:
        return "The audit found no large difference in size or brightness between the parts."
    return " ".join(f"Task {row.task}: {row.sentence}" for row in found.itertuples())


def limitations(report: Report) -> str | None:
    """Errors and warnings of the audit."""
    if not findings_known(report):
        return None
    found = report.table("data_audit")
    grave = None if found is None else found[found["severity"] != "note"]
    if grave is None or grave.empty:
        return "The audit found no error and gave no warning."
    shown = [
        f"Task {task}: {count(len(rows), 'finding')}." for task, rows in grave.groupby("task", sort=False)
    ]
    return f"Errors and warnings of the audit. {' '.join(shown)} The article's table of findings has them."


def tasks(report: Report) -> Mapping[str, Any]:
    """The tasks of the study file."""
    return report.study.get("tasks", {})


def levels(report: Report, name: str) -> list[str]:
    """Levels of a setting in the cells; empty where no cell has it."""
    if name not in report.cells.columns:
        return []
    return [plain(value) for value in dict.fromkeys(report.cells[name].dropna())]


def value_range(values: pd.Series) -> str:
    """The lowest and the highest value, or the one value."""
    low, high = values.min(), values.max()
    return integer(low) if low == high else f"{integer(low)} to {integer(high)}"


def findings(report: Report, code: str) -> pd.DataFrame | None:
    """The audit's findings of one kind, else None."""
    found = report.table("data_audit")
    own = None if found is None else found[found["code"] == code]
    return None if own is None or own.empty else own


def _test_rows(report: Report) -> pd.DataFrame | None:
    summary = report.table("data_summary")
    tested = None if summary is None else summary[summary["split"] == "test"]
    return None if tested is None or tested.empty else tested


def _positives(task: str, rows: pd.DataFrame, part: str) -> str:
    total, positive = int(rows["n_images"].sum()), int(rows.loc[rows["label"] == 1, "n_images"].sum())
    return f"Task {task}: {integer(total)} {part} images, {integer(positive)} of them positive."


def _share(rows: pd.DataFrame, part: str) -> str:
    total = int(rows["n_images"].sum())
    if not total:
        return ""
    positive = int(rows.loc[rows["label"] == 1, "n_images"].sum())
    return f"{integer(positive)} of {integer(total)} {part} images ({percent(positive / total)})"
