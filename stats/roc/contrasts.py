"""Any contrasts of K AUCs measured on the same images, and their joint Wald test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri

from stats.checks import check_choice, check_conf_level, checked_labels, checked_scores
from stats.multiplicity.adjust import ADJUSTMENTS, adjust_p
from stats.results import ComparisonResult, joined_notes, results_frame
from stats.roc.auc import auc_notes
from stats.roc.components import AucComponents, auc_components, clustered_components
from stats.roc.pairs import ZERO_VARIANCE, GlobalTest

Floats = NDArray[np.float64]

NO_VARIANCE = (
    "estimate equal to its null value with an estimated variance of 0: statistic 0, p 1 by definition"
)
_ROUNDING = 1e-12  # a contrast this close to its null value (per unit of its weights) has that value
_RANK_TOLERANCE = 1e-9  # singular values below this share of the largest are rounding
_SUM = 1e-9  # weights that sum to less than this sum to 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AucContrastResult:
    """Contrasts of K AUCs, one by one and together.

    Attributes
    ----------
    names : the K models;  auc : float array, shape (K,)
    labels : name of each row;  contrasts : float array, shape (r, K);  null : float array, shape (r,)
    estimate, std_error, statistic, p_value, p_adjusted, conf_low, conf_high : float array, shape (r,)
        estimate = contrasts @ auc, tested against `null`; limits are of each row alone
    covariance : float array, shape (r, r)   of the estimates
    root : float array, shape (<= r, t)   root'root = correlation of the t rows with std_error above 0: what
        simultaneous (max-t) tests and limits are made from
    overall : Wald test that all rows equal their null values, df = rank of the covariance
    """

    names: tuple[str, ...]
    auc: Floats
    labels: tuple[str, ...]
    contrasts: Floats
    null: Floats
    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    p_adjusted: Floats
    conf_low: Floats
    conf_high: Floats
    covariance: Floats
    root: Floats
    overall: GlobalTest
    adjust: str
    conf_level: float
    n_positive: int
    n_negative: int
    n_groups: int | None
    method: str
    row_notes: tuple[str | None, ...]
    notes: tuple[str, ...]

    def to_results(self) -> list[ComparisonResult]:
        """Return one row per contrast, then the joint test."""
        shared: dict[str, Any] = {
            "analysis": "auc contrast",
            "family": "contrasts",
            "metric": "auc",
            "conf_level": self.conf_level,
            "n": self.n_positive + self.n_negative,
            "n_positive": self.n_positive,
            "n_groups": self.n_groups,
        }
        rows = [
            ComparisonResult(
                comparison=label,
                estimate=float(self.estimate[i]),
                std_error=float(self.std_error[i]),
                statistic=float(self.statistic[i]),
                p_value=float(self.p_value[i]),
                p_adjusted=float(self.p_adjusted[i]),
                conf_low=float(self.conf_low[i]),
                conf_high=float(self.conf_high[i]),
                method=self.method,
                note=joined_notes(self.row_notes[i], *self.notes),
                **shared,
            )
            for i, label in enumerate(self.labels)
        ]
        joint = ComparisonResult(
            comparison="all contrasts",
            statistic=self.overall.statistic,
            df=float(self.overall.df),
            p_value=self.overall.p_value,
            method=f"Wald chi-square, {self.method}",
            note=joined_notes(self.overall.note, *self.notes),
            **(shared | {"family": None}),
        )
        return [*rows, joint]

    def to_frame(self) -> pd.DataFrame:
        """Return the rows of `to_results` in RESULT_COLUMNS."""
        return results_frame(self.to_results())


def auc_contrast_test(
    y_true: ArrayLike,
    scores: ArrayLike,
    contrasts: ArrayLike,
    *,
    null: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    group: Sequence[Any] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> AucContrastResult:
    """Test any linear contrasts of K AUCs, one by one and together.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    scores : float array, shape (n, K)  larger means more positive; only ranks matter
    contrasts : float array, shape (r, K) or (K,)   weights of the AUCs; rows may depend on each other
    null : value of each contrast under its null hypothesis, one number or shape (r,); needed where the
        weights of a row do not sum to 0 (one AUC against 0.8), else 0
    names : K model names;  labels : r names of the contrasts, else written from the weights
    group : patient of every image; given, the clustered covariance of Obuchowski 1997 is used
    adjust : one of ADJUSTMENTS, over the rows

    Raises
    ------
    ValueError : lengths differ; a score or weight is not finite; a row of zeros; a row that does not sum to
        0 without `null`; a class has fewer than 2 images (or groups)

    Notes
    -----
    Wald tests with covariance L S L', S from DeLong, DeLong and Clarke-Pearson 1988 (their equation for any
    contrast) or Obuchowski 1997; computed from the contrasted placements, so that nothing cancels. The joint
    statistic uses the pseudo-inverse; its df is the rank. A contrast of variance 0 has statistic 0 and p 1 at
    its null value, else NaN and a note. Checked against pROC's covariance (tests/golden/roc.json).
    """
    check_conf_level(conf_level)
    check_choice("adjust", adjust, ADJUSTMENTS)
    truth = checked_labels(y_true, min_per_class=2)
    k = 1 if np.ndim(scores) == 1 else np.shape(scores)[-1]
    models = tuple(names) if names is not None else tuple(f"model {i + 1}" for i in range(k))
    table = checked_scores(scores, n=truth.size, names=models)
    weights, expected = _checked_contrasts(contrasts, null, k)
    rows = _row_labels(weights, models) if labels is None else tuple(labels)
    if len(rows) != len(weights):
        raise ValueError(f"`labels` has {len(rows)} names for {len(weights)} contrasts.")
    parts = auc_components(truth, table) if group is None else clustered_components(truth, table, group)
    excess, std_error, root = _moments(parts, weights, expected)
    statistic, p_value = _normal_tests(excess, std_error)
    half = np.where(np.isnan(statistic), np.nan, float(ndtri(0.5 + conf_level / 2.0)) * std_error)
    degenerate = std_error == 0.0
    row_notes = tuple(
        None if not degenerate[i] else NO_VARIANCE if statistic[i] == 0.0 else ZERO_VARIANCE
        for i in range(len(rows))
    )
    notes = auc_notes(models, parts.auc, np.sqrt(np.diagonal(parts.covariance())))
    if parts.n_groups is not None and parts.n_groups < 30:
        notes.append(f"only {parts.n_groups} groups: the normal approximation is rough")
    tested = np.flatnonzero(~degenerate)
    return AucContrastResult(
        names=models,
        auc=parts.auc,
        labels=rows,
        contrasts=weights,
        null=expected,
        estimate=excess + expected,
        std_error=std_error,
        statistic=statistic,
        p_value=p_value,
        p_adjusted=adjust_p(p_value, adjust),
        conf_low=excess + expected - half,
        conf_high=excess + expected + half,
        covariance=parts.contrast_covariance(weights),
        root=root,
        overall=_wald(excess[tested] / std_error[tested], root, bool(np.isnan(statistic).any())),
        adjust=adjust,
        conf_level=conf_level,
        n_positive=parts.n_positive,
        n_negative=parts.n_negative,
        n_groups=parts.n_groups,
        method=f"contrast of AUCs, {'DeLong' if group is None else 'Obuchowski clustered'} covariance",
        row_notes=row_notes,
        notes=tuple(notes),
    )


def _checked_contrasts(contrasts: ArrayLike, null: ArrayLike | None, k: int) -> tuple[Floats, Floats]:
    weights = np.atleast_2d(np.asarray(contrasts, dtype=np.float64))
    if weights.ndim != 2 or weights.shape[1] != k or len(weights) == 0:
        raise ValueError(f"`contrasts` has shape {weights.shape}; expected (r, {k}) for {k} models.")
    if not np.isfinite(weights).all():
        raise ValueError("`contrasts` has missing or infinite weights; every weight must be a finite number.")
    size = np.abs(weights).sum(axis=1)
    if (size == 0.0).any():
        row = int(np.flatnonzero(size == 0.0)[0])
        raise ValueError(f"Row {row + 1} of `contrasts` holds zeros only; it compares nothing.")
    if null is None:
        off = np.abs(weights.sum(axis=1)) > _SUM * size
        if off.any():
            row = int(np.flatnonzero(off)[0])
            raise ValueError(
                f"The weights of row {row + 1} of `contrasts` sum to {weights[row].sum():g}, not to 0; "
                "give its value under the null hypothesis as `null`."
            )
        return weights, np.zeros(len(weights))
    expected = np.asarray(null, dtype=np.float64)
    if expected.ndim > 1 or expected.size not in (1, len(weights)) or not np.isfinite(expected).all():
        raise ValueError(f"`null` must be one finite number or {len(weights)}, one for each contrast.")
    return weights, np.broadcast_to(expected, (len(weights),)).astype(np.float64)


def _moments(parts: AucComponents, weights: Floats, expected: Floats) -> tuple[Floats, Floats, Floats]:
    """Estimate minus null value and standard error, shape (r,), and the root of the correlation."""
    pairs = float(parts.n_positive) * parts.n_negative
    assert parts.wins is not None  # all models saw the same images
    size = np.abs(weights).sum(axis=1)
    excess = (weights @ parts.wins - expected * pairs) / pairs
    excess[np.abs(excess) < _ROUNDING * size] = 0.0
    blocks = parts.weighted_blocks(weights)
    parts_size = np.sqrt(np.diagonal(parts.covariance())) @ np.abs(weights).T
    std_error = np.sqrt(np.square(blocks).sum(axis=0))
    std_error[std_error <= _ROUNDING * parts_size] = 0.0
    tested = std_error > 0.0
    scaled = blocks[:, tested] / std_error[tested]
    root = np.asarray(np.linalg.qr(scaled, mode="r"))
    return excess, std_error, root


def _normal_tests(excess: Floats, std_error: Floats) -> tuple[Floats, Floats]:
    statistic = np.full(excess.size, np.nan)
    tested = std_error > 0.0
    statistic[tested] = excess[tested] / std_error[tested]
    statistic[~tested & (excess == 0.0)] = 0.0
    return statistic, 2.0 * ndtr(-np.abs(statistic))


def _wald(z: Floats, root: Floats, impossible: bool) -> GlobalTest:
    """Chi-square test of all rows from their statistics and the root of their correlation.

    With root = U diag(s) V', the correlation has the pseudo-inverse V diag(s^-2) V'. A part of z outside its
    range is a combination of rows that differs from its null value without any variance.
    """
    if root.size == 0:
        value = np.nan if impossible else 0.0
        note = f"joint test: {ZERO_VARIANCE}" if impossible else None
        return GlobalTest(statistic=value, df=0, p_value=np.nan if impossible else 1.0, note=note)
    _, singular, right = np.linalg.svd(root)
    singular = np.concatenate([singular, np.zeros(len(right) - singular.size)])
    kept = singular > _RANK_TOLERANCE * singular[0]
    along = right @ z
    rank = int(kept.sum())
    outside = float(np.abs(along[~kept]).max(initial=0.0)) > _RANK_TOLERANCE * max(
        float(np.abs(z).max()), 1.0
    )
    if impossible or outside:
        return GlobalTest(statistic=np.nan, df=rank, p_value=np.nan, note=f"joint test: {ZERO_VARIANCE}")
    statistic = float(np.square(along[kept] / singular[kept]).sum())
    return GlobalTest(statistic=statistic, df=rank, p_value=float(chdtrc(rank, statistic)))


def _row_labels(weights: Floats, models: Sequence[str]) -> tuple[str, ...]:
    """Contrasts in words, as "A - B" or "0.5 A + 0.5 B - C"."""
    return tuple(
        " ".join(_term(w, name, first=i == 0) for i, (w, name) in enumerate(_kept(row, models)))
        for row in weights
    )


def _kept(row: Floats, models: Sequence[str]) -> list[tuple[float, str]]:
    return [(float(w), name) for w, name in zip(row, models, strict=True) if w != 0.0]


def _term(weight: float, name: str, *, first: bool) -> str:
    size = "" if abs(weight) == 1.0 else f"{abs(weight):g} "
    sign = ("-" if weight < 0 else "") if first else ("- " if weight < 0 else "+ ")
    return f"{sign}{size}{name}"
