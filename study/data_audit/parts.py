"""The parts of a split against each other: what lies in two of them, and how alike they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data.splits.folds import fold_split
from stats.results import NAN

PART_COLUMNS = ("fold", "part", "n", "n_twin", "share_twin", "n_patient", "share_patient")
BALANCE_COLUMNS = ("fold", "part", "statistic", "mean_train", "mean_part", "difference", "std_error")
BALANCED = ("width", "height", "aspect", "mean", "std", "black_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Straddling:
    """What lies in more than one part of a split.

    Attributes
    ----------
    parts : PART_COLUMNS, a row per fold and part (val, test): its images, how many of them have a duplicate
        (twin) and how many an image of the same patient in the training part of that fold; n_patient and
        share_patient are NaN where the data set has no ids
    duplicates : groups of duplicates with images in two parts of a fold
    patients : patients (exams) with images in two parts of a fold
    """

    parts: pd.DataFrame
    duplicates: tuple[tuple[str, ...], ...]
    patients: tuple[str, ...]

    def share(self, column: str, part: str) -> float:
        """Share of the images of a part, over all folds, with a "twin" or "patient" in training."""
        own = self.parts[self.parts["part"] == part]
        return float(own[f"n_{column}"].sum(min_count=1) / own["n"].sum()) if own["n"].sum() else NAN


def folds_of(split: pd.DataFrame) -> list[int]:
    """Numbers of the folds of a split; 0 without cross-validation."""
    return sorted(int(fold) for fold in split["fold"].unique()) if "fold" in split else [0]


def straddling(images: pd.DataFrame, split: pd.DataFrame) -> Straddling:
    """Find duplicates and patients that lie in more than one part.

    Parameters
    ----------
    images : image_id, group_id and duplicate_group (null where there is none)
    split : image_id and split, with folds fold too; images that it leaves out are in no part
    """
    rows: list[dict[str, Any]] = []
    twins: dict[str, None] = {}
    patients: dict[str, None] = {}
    for fold in folds_of(split):
        here = images.merge(fold_split(split, fold), on="image_id", validate="one_to_one")
        twins |= dict.fromkeys(_in_two_parts(here, "duplicate_group"))
        patients |= dict.fromkeys(_in_two_parts(here, "group_id"))
        for part in ("val", "test"):
            own = here[here["split"] == part]
            has_ids = images["group_id"].notna().any()
            counts = {
                "n_twin": _seen_in_training(here, own, "duplicate_group"),
                "n_patient": _seen_in_training(here, own, "group_id") if has_ids else NAN,
            }
            shares = {f"share{k[1:]}": n / len(own) if len(own) else NAN for k, n in counts.items()}
            rows.append({"fold": fold, "part": part, "n": len(own)} | counts | shares)
    members = images.groupby("duplicate_group", sort=False)["image_id"].agg(tuple)
    return Straddling(
        parts=pd.DataFrame(rows, columns=list(PART_COLUMNS)),
        duplicates=tuple(members[name] for name in sorted(twins)),
        patients=tuple(sorted(patients)),
    )


def part_balance(images: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Standardised differences of size and brightness between validation or test and training.

    Returns
    -------
    frame with BALANCE_COLUMNS; difference : mean of the part minus mean of training, over the root of the
        mean of both variances (ddof 1), NaN where that is 0 and the means differ; std_error : of the
        difference, for independent images

    Notes
    -----
    Source: Austin 2009, Stat Med 28:3083.
    """
    rows = []
    for fold in folds_of(split):
        here = images.merge(fold_split(split, fold), on="image_id", validate="one_to_one")
        train = here[here["split"] == "train"]
        for part in ("val", "test"):
            own = here[here["split"] == part]
            for name in BALANCED:
                difference, error = _standardised(own[name].to_numpy(float), train[name].to_numpy(float))
                means = {"mean_train": train[name].mean(), "mean_part": own[name].mean()}
                rows.append(
                    {"fold": fold, "part": part, "statistic": name}
                    | means
                    | {"difference": difference, "std_error": error}
                )
    return pd.DataFrame(rows, columns=list(BALANCE_COLUMNS))


def _standardised(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    if min(a.size, b.size) < 2:
        return NAN, NAN
    gap = float(a.mean() - b.mean())
    spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    if spread == 0:
        return (0.0, 0.0) if gap == 0 else (NAN, NAN)
    d = gap / spread
    return d, float(np.sqrt(1 / a.size + 1 / b.size + d**2 / (2 * (a.size + b.size))))


def _in_two_parts(here: pd.DataFrame, column: str) -> list[str]:
    parts = here[here[column].notna()].groupby(column)["split"].nunique()
    return [str(name) for name in parts.index[parts > 1]]


def _seen_in_training(here: pd.DataFrame, own: pd.DataFrame, column: str) -> int:
    known = here.loc[(here["split"] == "train") & here[column].notna(), column]
    return int((own[column].notna() & own[column].isin(set(known))).sum())
