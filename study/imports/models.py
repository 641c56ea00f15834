"""Read predictions of several models from one table, wide or long, and check that they can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from stats.levels import level_name, level_names
from study.single_tests.user_table import (
    binary_labels,
    check_columns,
    check_roles,
    level_column,
    number_column,
)

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
COLUMNS = ("image_id", "group_id", "class", "label", "split", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumns:
    """Which columns of the user's table hold what.

    Attributes
    ----------
    label : true class;  positive : its positive level, None for 0/1 labels
    image_id : None = each row is an image (wide tables)
    patient, split : None = no patients known, all rows are test images
    logits : scores are log odds of the positive class, not probabilities
    """

    label: str
    positive: str | None = None
    image_id: str | None = None
    patient: str | None = None
    split: str | None = None
    logits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """One model: the settings that tell it from the others, and its predictions.

    `predictions` has the columns image_id, group_id, class, label, split, score, one row per image.
    """

    factors: Mapping[str, Any]
    predictions: pd.DataFrame

    @property
    def name(self) -> str:
        """The settings in words."""
        return ", ".join(f"{key} {level_name(value)}" for key, value in self.factors.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTable:
    """All models of one table; `positive` is the positive level, `notes` what a user must know."""

    models: tuple[ImportedModel, ...]
    positive: str
    notes: tuple[str, ...]


def read_wide(
    frame: pd.DataFrame,
    columns: TableColumns,
    *,
    scores: Sequence[str],
    factor: str = "model",
    cells: pd.DataFrame | None = None,
) -> ImportedTable:
    """One row per image, one column of scores per model.

    Parameters
    ----------
    factor : name of the factor whose levels are the score columns
    cells : one row per model with the column `factor` and its factors (pretrain, backbone, ...), which then
        tell the models apart in place of their names

    Raises
    ------
    ValueError : unknown or doubled columns, labels, scores or ids that cannot be used
    """
    shared, positive, notes = _shared(frame, columns, scores)
    described = _described(scores, factor, cells)
    models = []
    for name in scores:
        own = shared.assign(score=_scores(frame, name, columns.logits, notes))
        models.append(ImportedModel(factors=described[name], predictions=own[list(COLUMNS)]))
    return _checked(models, positive, notes)


def read_long(
    frame: pd.DataFrame, columns: TableColumns, *, score: str, factors: Sequence[str]
) -> ImportedTable:
    """One row per image and model; `factors` are the columns that tell the models apart.

    Raises
    ------
    ValueError : unknown columns, no image ids, labels, scores or ids that cannot be used
    """
    if columns.image_id is None:
        raise ValueError(
            "A long table needs image ids, by which the models are joined; name their column by --image-id."
        )
    check_columns(frame, factors)
    shared, positive, notes = _shared(frame, columns, [score])
    whole = shared.assign(score=_scores(frame, score, columns.logits, notes))
    keys = list(zip(*(level_column(frame, name) for name in factors), strict=True))
    models = []
    for key in dict.fromkeys(keys):
        rows = np.array([other == key for other in keys])
        values = {name: frame.loc[rows, name].iloc[0] for name in factors}
        plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in values.items()}
        models.append(ImportedModel(factors=plain, predictions=whole.loc[rows, list(COLUMNS)]))
    return _checked(models, positive, notes)


def _shared(
    frame: pd.DataFrame, columns: TableColumns, scores: Sequence[str]
) -> tuple[pd.DataFrame, str, list[str]]:
    """What the rows say of their image: id, patient, class, label, split."""
    named = [columns.label, columns.image_id, columns.patient, columns.split, *scores]
    check_columns(frame, [name for name in named if name is not None])
    roles = {
        "label": [columns.label],
        "score": scores,
        "patient": [columns.patient],
        "split": [columns.split],
    }
    check_roles(roles)
    labels = binary_labels(frame, columns.label, columns.positive)
    notes = []
    if columns.image_id is None:
        ids = [f"row{i + 1:06d}" for i in range(len(frame))]
        notes.append("each row counts as an image of its own, since no image ids were named")
    else:
        ids = level_column(frame, columns.image_id)
    out = pd.DataFrame({"image_id": ids})
    out["group_id"] = None if columns.patient is None else level_column(frame, columns.patient)
    out["class"] = level_names(frame[columns.label]).to_numpy()
    out["label"] = labels.positive.astype("int8")
    out["split"] = "test" if columns.split is None else _splits(frame, columns.split)
    if columns.split is None:
        notes.append("all rows count as test images, since no split was named")
    return out, labels.level, notes


def _splits(frame: pd.DataFrame, column: str) -> list[str]:
    names = level_column(frame, column)
    unknown = sorted({name for name in names if name.casefold() not in SPLIT_NAMES})
    if unknown:
        raise ValueError(
            f"`{column}` holds {', '.join(map(repr, unknown[:3]))}; splits are named train, val and test."
        )
    return [SPLIT_NAMES[name.casefold()] for name in names]


def _scores(frame: pd.DataFrame, column: str, logits: bool, notes: list[str]) -> np.ndarray:
    values = number_column(frame, column)
    if logits:
        scores = expit(values)
        lost = np.unique(values).size - np.unique(scores).size
        if lost:
            notes.append(f"{lost} different logits of {column} are equal as probabilities and count as ties")
        return scores
    outside = (values < 0.0) | (values > 1.0)
    if outside.any():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(outside)[:3])
        raise ValueError(
            f"`{column}` has {int(outside.sum())} values outside 0 to 1 (row {rows}); give probabilities of "
            "the positive class, or say --logits where these are log odds."
        )
    return values


def _described(scores: Sequence[str], factor: str, cells: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Factors of every model; without a description the name of its column is its only factor."""
    if cells is None:
        return {name: {factor: name} for name in scores}
    check_columns(cells, [factor])
    names = level_column(cells, factor)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"The description of the models has {doubled[0]!r} twice in `{factor}`.")
    missing = [name for name in scores if name not in names]
    if missing:
        raise ValueError(
            f"The description of the models has no row for {', '.join(map(repr, missing[:3]))} in `{factor}`."
        )
    rows = cells.astype(object).where(cells.notna(), None).to_dict("records")
    described = {
        name: {str(key): value for key, value in row.items() if key != factor}
        for name, row in zip(names, rows, strict=True)
    }
    same = [(a, b) for a, b in combinations(scores, 2) if described[a] == described[b]]
    if same:
        raise ValueError(
            f"The description gives {same[0][0]!r} and {same[0][1]!r} the same factors; "
            "add the one by which they differ (such as seed)."
        )
    return {name: described[name] for name in scores}


def _checked(models: Sequence[ImportedModel], positive: str, notes: list[str]) -> ImportedTable:
    """Refuse what would make comparisons wrong: doubled or missing images, other labels, leaking patients."""
    first = models[0].predictions.set_index("image_id")
    for model in models:
        own = model.predictions
        twice = own.loc[own.duplicated("image_id"), "image_id"]
        if len(twice):
            raise ValueError(
                f"Image {twice.iloc[0]!r} stands {int((own['image_id'] == twice.iloc[0]).sum())} times for "
                f"{model.name}; every image has one row per model. Name further factors by --factors, or "
                "take the extra rows out."
            )
        _same_images(model, first)
    _no_leak(models[0].predictions)
    return ImportedTable(models=tuple(models), positive=positive, notes=tuple(dict.fromkeys(notes)))


def _same_images(model: ImportedModel, first: pd.DataFrame) -> None:
    own = model.predictions.set_index("image_id")
    gone = [image for image in first.index if image not in own.index]
    added = [image for image in own.index if image not in first.index]
    for images, what in ((gone, "has no score for"), (added, "alone has scores for")):
        if images:
            raise ValueError(
                f"{model.name} {what} {len(images)} images, first {images[0]!r}; models are compared on the "
                "same images. Add the rows, or take these images out of every model."
            )
    other = own.loc[first.index]
    for name in ("label", "split", "group_id"):
        differs = (other[name].fillna("") != first[name].fillna("")).to_numpy()
        if differs.any():
            image = first.index[int(np.argmax(differs))]
            shown = "class" if name == "label" else name.removesuffix("_id").replace("group", "patient")
            column = "class" if name == "label" else name
            raise ValueError(
                f"Image {image!r} has the {shown} {other.loc[image, column]!r} for {model.name} and "
                f"{first.loc[image, column]!r} before; correct the table."
            )


def _no_leak(images: pd.DataFrame) -> None:
    known = images[images["group_id"].notna()]
    spread = known.groupby("group_id")["split"].nunique()
    leaking = spread[spread > 1]
    if len(leaking):
        splits = ", ".join(sorted(known.loc[known["group_id"] == leaking.index[0], "split"].unique()))
        raise ValueError(
            f"{len(leaking)} patients have images in several splits, first {leaking.index[0]!r} ({splits}): "
            "what is learned from a patient is then tested on the same patient. Correct the split."
        )
