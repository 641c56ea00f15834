"""The shortcut figure: how well facts of the files alone, without what they show, give the class away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stats.results import NAN, joined_notes
from stats.roc.auc import auc_ci
from stats.roc.stratified import stratified_delong

STATISTICS = ("width", "height", "aspect", "mean", "std", "black_share", "annotation_share", "colour")
FOLDS = 5
SEED = 0
MIN_UNITS = 10  # groups of each class; fewer leave no two in every fold
_CONF_LEVEL = 0.95
_MAX_CLASSES = 10  # held against the rest one by one
SHORTCUT_COLUMNS = (
    "positive",
    "statistics",
    "auc",
    "conf_low",
    "conf_high",
    "conf_level",
    "n",
    "n_positive",
    "n_groups",
    "method",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """AUC of a shallow model on file statistics, and of every statistic alone.

    Attributes
    ----------
    positive : classes that count as positive; () where none was chosen and the figure is NaN
    auc, conf_low, conf_high : mean over folds of the AUC on the images that a fold left out, NaN with a note
        where it cannot be estimated
    features : AUC of each of STATISTICS by itself, in [0, 1]: 0.2 tells as much as 0.8, low values then
        belong to the positive class
    n, n_positive, n_groups : images, positive ones, and groups (of one patient, or of duplicates)
    """

    positive: tuple[str, ...]
    auc: float
    conf_low: float
    conf_high: float
    conf_level: float
    n: int
    n_positive: int
    n_groups: int
    features: Mapping[str, float]
    method: str | None
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return a row of the model on all statistics, then one per statistic, in SHORTCUT_COLUMNS."""
        shared = {
            "positive": ", ".join(self.positive),
            "conf_level": self.conf_level,
            "n": self.n,
            "n_positive": self.n_positive,
            "n_groups": self.n_groups,
        }
        whole = {"auc": self.auc, "conf_low": self.conf_low, "conf_high": self.conf_high}
        rows = [shared | whole | {"statistics": "all", "method": self.method, "note": self.note}]
        rows += [
            shared | {"statistics": name, "auc": value, "conf_low": NAN, "conf_high": NAN}
            for name, value in self.features.items()
        ]
        return pd.DataFrame(rows, columns=list(SHORTCUT_COLUMNS)).astype(
            {"method": object, "note": object, "auc": float, "conf_low": float, "conf_high": float}
        )


def shortcut(images: pd.DataFrame, positive: tuple[str, ...], *, conf_level: float = _CONF_LEVEL) -> Shortcut:
    """Estimate how well file statistics alone tell the positive classes from the others.

    Parameters
    ----------
    images : a row per image with FACT_COLUMNS, class, and unit (what must not be divided: the patient joined
        with the duplicates of the images)
    positive : classes that count as positive

    Returns
    -------
    Shortcut : gradient boosting of 60 trees with 4 leaves, fixed seed, cross-validated in 5 folds by unit.
        The AUCs of the folds are averaged, the variance is DeLong's within folds (clustered by unit, where
        units hold several images); scores of different folds are never pooled.

    Notes
    -----
    0.5 is what facts that say nothing give. The interval speaks of the trained models of the folds.
    """
    label = images["class"].isin(positive).to_numpy(dtype=np.int64)
    unit = pd.factorize(images["unit"])[0]
    shared: dict[str, Any] = {
        "positive": positive,
        "conf_level": conf_level,
        "n": len(images),
        "n_positive": int(label.sum()),
        "n_groups": int(unit.max() + 1),
    }
    table = statistics_table(images)
    reason = _too_few(label, unit)
    if reason is None:
        try:
            estimate = _cross_validated(table, label, unit, conf_level)
        except ValueError as error:
            reason = str(error).rstrip(".")
    if reason is not None:
        features = dict.fromkeys(STATISTICS, NAN)
        whole: dict[str, Any] = {"auc": NAN, "conf_low": NAN, "conf_high": NAN, "method": None}
        return Shortcut(**shared, **whole, features=features, note=f"not estimated: {reason}")
    return Shortcut(**shared, **estimate, features=_single(table, label), note=_note(images))


def best_shortcut(images: pd.DataFrame, classes: list[str]) -> Shortcut:
    """The shortcut figure where no class was named as positive.

    Of two classes the second by name is positive. Of more, each is held against the rest and the one that is
    told apart best is returned; its interval is wider (Bonferroni), so that it allows for the choice.
    """
    if len(classes) == 2:
        return shortcut(images, (classes[1],))
    if not 2 < len(classes) <= _MAX_CLASSES:
        why = f"{len(classes)} classes and none named as positive; name one (--positive)"
        return replace(shortcut(images, ()), note=f"not estimated: {why}")
    level = 1 - (1 - _CONF_LEVEL) / len(classes)
    found = [shortcut(images, (name,), conf_level=level) for name in classes]
    known = [one for one in found if np.isfinite(one.auc)]
    if not known:
        return found[0]
    best = max(known, key=lambda one: one.auc)
    chosen = (
        f"of {len(classes)} classes the one that is told apart best; the interval holds at "
        f"{_CONF_LEVEL:.0%} for all of them together (Bonferroni)"
    )
    return replace(best, note=joined_notes(chosen, best.note))


def statistics_table(images: pd.DataFrame) -> pd.DataFrame:
    """The statistics as numbers, float64, columns STATISTICS; colour is 1 for files that are not grey."""
    colour = ~images["mode"].isin(["1", "L", "LA", "I;16", "uint8", "uint16"])
    return images.assign(colour=colour)[list(STATISTICS)].astype("float64")


def _cross_validated(
    table: pd.DataFrame, label: np.ndarray, unit: np.ndarray, conf_level: float
) -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    values = table.to_numpy()
    grouped = unit.max() + 1 < len(unit)
    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    folds = kind(FOLDS, shuffle=True, random_state=SEED)
    score, fold = np.full(len(label), np.nan), np.zeros(len(label), dtype=np.int64)
    for number, (train, test) in enumerate(folds.split(values, label, unit if grouped else None)):
        model = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=4, min_samples_leaf=10, early_stopping=False, random_state=SEED
        )
        model.fit(values[train], label[train])
        score[test], fold[test] = model.decision_function(values[test]), number
    fit = stratified_delong(
        label,
        score[:, None],
        fold.tolist(),
        names=["shortcut"],
        group=unit.tolist() if grouped else None,
        conf_level=conf_level,
    )
    method = f"gradient boosting, {FOLDS} folds; {fit.method.replace(' paired', '')}"
    return {
        "auc": float(fit.auc[0]),
        "conf_low": float(fit.conf_low[0]),
        "conf_high": float(fit.conf_high[0]),
        "method": method,
    }


def _single(table: pd.DataFrame, label: np.ndarray) -> dict[str, float]:
    """AUC of each statistic by itself; images without a value are left out of it, see `_note`."""
    found = {}
    for name in STATISTICS:
        values = table[name].to_numpy()
        known = np.isfinite(values)
        classes = np.bincount(label[known], minlength=2)
        found[name] = auc_ci(label[known], values[known]).auc if classes.min() >= 2 else NAN
    return found


def _too_few(label: np.ndarray, unit: np.ndarray) -> str | None:
    units = [len(np.unique(unit[label == value])) for value in (1, 0)]
    if min(units) >= MIN_UNITS:
        return None
    return (
        f"{units[0]} positive and {units[1]} negative groups of images that belong together (patients, "
        f"duplicates, or single images); at least {MIN_UNITS} of each are needed"
    )


def _note(images: pd.DataFrame) -> str | None:
    missing = int(images["annotation_share"].isna().sum())
    return joined_notes(
        f"{missing} images are too small to be searched for burnt-in annotations" if missing else None
    )
