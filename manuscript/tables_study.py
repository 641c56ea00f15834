"""Tables of what is compared: a card per task, the networks and their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from great_tables import GT

from data.registry import dataset_info, dataset_names
from manuscript.describe_data import split_sentences
from manuscript.networks import SETTINGS, TRUNK, amount, heads, kind_name, trunks
from manuscript.tables import SPLIT_NAMES, styled
from manuscript.text import MISSING, count, integer, join_words, percent

READERS_OWN = ("folder", "manifest")  # data of the user: the registry knows no facts about them


def task_cards(study: Mapping[str, Any], summary: pd.DataFrame | None) -> GT:
    """One card per task: data set, modality, images, classes, split, licence and source.

    Parameters
    ----------
    study : the study file
    summary : the table `data_summary`; None: the counts are those that the source of the data set states
    """
    rows = []
    for name, task in study.get("tasks", {}).items():
        own = None if summary is None else summary[summary["task"] == name]
        rows += [{"Task": name, "Fact": fact, "Value": value} for fact, value in _card(task, own) if value]
    return styled(pd.DataFrame(rows, columns=["Task", "Fact", "Value"]), groups="Task", bold="Fact")


def _card(task: Mapping[str, Any], summary: pd.DataFrame | None) -> list[tuple[str, str]]:
    """Facts of a task; those that nobody knows are empty."""
    known = task.get("dataset") in dataset_names() and task["dataset"] not in READERS_OWN
    info = dataset_info(task["dataset"]) if known else None
    counts = summary is not None and not summary.empty
    return [
        ("To tell", info.task if info else ""),
        ("Data set", info.title if info else str(task.get("dataset", ""))),
        ("Modality", info.modality if info else ""),
        ("Images", _images(summary) if counts and summary is not None else _stated(info)),
        ("Positive", join_words(list(task.get("positive", [])), "or")),
        ("Parts", _parts(summary) if counts and summary is not None else ""),
        ("Split", " ".join(split_sentences(task.get("split", {})))),
        ("Independent unit", info.unit if info else ""),
        ("Licence", info.licence if info else ""),
        ("Source", info.citation if info else ""),
    ]


def _images(summary: pd.DataFrame) -> str:
    """`406 (102 malignant, 228 benign, 76 normal)`."""
    classes = summary.groupby(["label", "class"], sort=True)["n_images"].sum()
    parts = [f"{integer(int(n))} {name}" for (_, name), n in classes.iloc[::-1].items()]
    return f"{integer(int(summary['n_images'].sum()))} ({', '.join(parts)})"


def _stated(info: Any) -> str:
    if info is None or info.class_counts is None:
        return ""
    parts = [f"{integer(n)} {name}" for name, n in info.class_counts.items()]
    return f"{integer(sum(info.class_counts.values()))} as its source states ({', '.join(parts)})"


def _parts(summary: pd.DataFrame) -> str:
    """`223 training images (56 positive), 61 validation images (15 positive), …`."""
    parts = []
    for split, name in SPLIT_NAMES.items():
        own = summary[summary["split"] == split]
        positive = int(own.loc[own["label"] == 1, "n_images"].sum())
        total = int(own["n_images"].sum())
        words = {"Train": "training"}.get(name, name.lower())
        share = f", {percent(positive / total)}" if total else ""
        parts.append(f"{count(total, f'{words} image')} ({integer(positive)} positive{share})")
    return ", ".join(parts)


def networks_table(layers: pd.DataFrame, *, order: Sequence[str], note: str = "") -> GT:
    """Every trunk with every head: features, parameters of both and how many are trained.

    Parameters
    ----------
    layers : columns of `architecture.parquet`
    order : the heads in their order
    """
    rows = []
    for trunk, (name, own) in zip(_places(layers), trunks(layers), strict=True):
        here = layers[[place == trunk for place in _rows(layers, TRUNK)]]
        least, most = int(own["least"].sum()), int(own["most"].sum())
        for head in order:
            part = here[(here["head"] == head) & (here["part"] == "head")]
            if part.empty:
                continue
            # A head stands once per level of unfreezing: its parameters must not be added up over them.
            once = part.drop_duplicates([*SETTINGS, "position"])
            sizes = [int(n) for n in once.groupby(list(SETTINGS), dropna=False)["n_parameters"].sum()]
            rows.append(
                {
                    "Backbone": name,
                    "Head": head,
                    "Features": str(own["output"].iloc[-1]),
                    "Parameters, backbone": amount(int(own["n_parameters"].sum())),
                    "of them trained": _range(least, most),
                    "Parameters, head": _range(min(sizes), max(sizes)),
                    "Networks": integer(len(part[part["position"] == 0])),
                }
            )
    numbers = ["Features", "Parameters, backbone", "of them trained", "Parameters, head", "Networks"]
    notes = ["A head with several settings has a range: from its smallest to its largest network."]
    frame = pd.DataFrame(rows)
    return styled(
        frame, numbers=numbers, groups="Backbone", notes=[*notes, *([note] if note else [])], bold="Head"
    )


def _range(least: int, most: int) -> str:
    return amount(most) if least == most else f"{amount(least)} to {amount(most)}"


def layers_table(layers: pd.DataFrame, *, order: Sequence[str], note: str = "") -> GT:
    """Every layer of every trunk and, on the first trunk that has it, of every head."""
    rows: list[dict[str, str]] = []
    for name, own in trunks(layers):
        for row in own.itertuples():
            trained = _range(int(row.least), int(row.most)) if row.n_parameters else MISSING
            rows.append(_layer(name, row.layer, row.kind, row.output, int(row.n_parameters), trained))
    for head, settings, on in heads(layers, order):
        title = f"{head} on {on[0]['backbone'].iloc[0]}" + (f": {settings}" if settings else "")
        for row in on[0].itertuples():
            trained = amount(int(row.n_trained)) if row.n_parameters else MISSING
            rows.append(_layer(title, row.layer, row.kind, row.output, int(row.n_parameters), trained))
    numbers = ["Output", "Parameters", "Trained"]
    notes = ["Output: channels and pixels, or numbers of an image.", *([note] if note else [])]
    return styled(pd.DataFrame(rows), numbers=numbers, groups="Part", notes=notes, bold="Layer")


def _layer(part: str, layer: str, kind: str, output: str, n: int, trained: str) -> dict[str, str]:
    return {
        "Part": part,
        "Layer": layer,
        "Kind": kind_name(kind),
        "Output": output,
        "Parameters": amount(n) if n else MISSING,
        "Trained": trained,
    }


def _places(layers: pd.DataFrame) -> list[tuple[Any, ...]]:
    own = layers[layers["part"] == "trunk"]
    return list(dict.fromkeys(_rows(own, TRUNK)))


def _rows(frame: pd.DataFrame, names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(frame[list(names)].itertuples(index=False, name=None))
