"""The data of a study in words: tasks, how they were divided, images, and what leaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from manuscript.load import Report
from manuscript.text import count, integer, join_words, percent


def tasks_text(report: Report) -> str:
    """One sentence per task: data set, positive classes, split."""
    tasks = report.study.get("tasks", {})
    if not tasks:
        return "The study file names no task."
    return "\n\n".join(_task_sentence(name, task) for name, task in tasks.items())


def _task_sentence(name: str, task: Mapping[str, Any]) -> str:
    positive = join_words(list(task.get("positive", [])), "or")
    if "dataset" not in task:
        return f"In task *{name}* positive means {positive}."
    text = f"Task *{name}* uses the data set `{task['dataset']}`; positive means {positive}."
    return " ".join([text, *split_sentences(task.get("split", {})), *policy_sentences(task)])


def split_sentences(split: Mapping[str, Any]) -> list[str]:
    """How the images were divided; nothing where the study file leaves it to the defaults."""
    if not split:
        return []
    if split.get("file") or split.get("published"):
        given = f"by the file `{split['file']}`" if split.get("file") else "by the data set"
        folds = f" in {split['folds']} folds, each image tested in one of them" if split.get("folds") else ""
        return [f"Its division into training, validation and test is given {given}{folds}."]
    shares = ", ".join(
        f"{percent(float(split[key]))} {label}"
        for key, label in (("train", "training"), ("val", "validation"), ("test", "test"))
        if key in split
    )
    ways = [
        "stratified by class" if split.get("stratify", True) else "not stratified",
        "patients kept together where the data set has ids"
        if split.get("group", split.get("unit", "patient")) == "patient"
        else "single images divided, even of one patient",
        f"seed {split.get('seed', 42)}",
    ]
    if split.get("folds"):
        return [
            f"It was cross-validated in {split['folds']} folds: each image is tested in one of them, "
            f"and {percent(float(split.get('val', 0.15)))} of the images are for validation in each "
            f"({', '.join(ways)}). Counts per split are those of the first fold."
        ]
    return [f"It was divided into {shares} images ({', '.join(ways)})."]


def policy_sentences(task: Mapping[str, Any]) -> list[str]:
    """What was done about images that show one picture; nothing where they were kept as they are."""
    duplicates = {
        "drop": "Of images that show one picture, one per label took part.",
        "group": "Images that show one picture were kept in one part.",
    }
    conflicts = {
        "drop": "Pictures under both labels were left out.",
        "error": "No picture stands under both labels.",
    }
    found = (duplicates.get(task.get("duplicates", "")), conflicts.get(task.get("label_conflicts", "")))
    return [sentence for sentence in found if sentence is not None]


def images_text(report: Report) -> str:
    """Images and positives per task, what was left out of it, and how many test images leak."""
    summary, flow = report.table("data_summary"), report.table("data_flow")
    if summary is None:
        return ""
    sentences = []
    for task, part in summary.groupby("task", sort=False):
        total, positive = int(part["n_images"].sum()), int(part.loc[part["label"] == 1, "n_images"].sum())
        sentences.append(
            f"Task *{task}* has {count(total, 'image')}, {integer(positive)} of them positive "
            f"({percent(positive / total)})."
        )
        if flow is not None:
            sentences += _flow_sentences(flow[flow["task"] == task])
        sentences += _leak_sentences(part[part["split"] == "test"])
    return " ".join(sentences)


def _flow_sentences(flow: pd.DataFrame) -> list[str]:
    """What was left out, by reason; nothing where all images took part."""
    left_out = flow[flow["step"] == "left out"]
    if left_out.empty:
        return []
    found = int(flow.loc[flow["step"] == "found", "n_images"].iloc[0])
    reasons = [f"{integer(int(row.n_images))} as {row.reason}" for row in left_out.itertuples()]
    return [
        f"Of {count(found, 'image')} of the data set {integer(int(left_out['n_images'].sum()))} were left "
        f"out: {join_words(reasons)}."
    ]


def _leak_sentences(tested: pd.DataFrame) -> list[str]:
    """One sentence on test images with a sibling in training; earlier stores do not count them."""
    units = {"n_patient_in_training": "an image of the same patient or exam", "n_copy_in_training": "a copy"}
    total = int(tested["n_images"].sum())
    found = [
        f"{integer(n)} ({percent(n / total)}) have {what} in training"
        for name, what in units.items()
        if name in tested and (n := int(tested[name].sum())) > 0
    ]
    if not found:
        return []
    return [
        f"Its split leaks: of {integer(total)} test images {join_words(found)}, so that its results are "
        "better than those on new patients would be."
    ]
