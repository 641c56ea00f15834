"""Decision curves: net benefit of acting on a model over the thresholds, with bootstrap bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import (
    Codes,
    FloatArray,
    bootstrap_counts,
    check_bootstrap,
    checked_groups,
    checked_probabilities,
    few_groups_note,
    group_sums,
)
from stats.checks import check_conf_level, checked_labels, checked_sample
from stats.resampling.limits import percentile_limits
from stats.results import NAN, ComparisonResult, joined_notes, results_frame

TREAT_ALL = "treat all"
TREAT_NONE = "treat none"
# Below so many positive images the limits of a difference missed the truth far too often in simulations.
FEW_POSITIVES = 4
FEW_DIFFER = "{name} differ on {k} positive images only: limits of their difference are too narrow"
MEASURES = ("net_benefit", "standardized_net_benefit", "interventions_avoided")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCurve:
    """Net benefit of K models and of treating all at T thresholds, each array of shape (K + 1, T).

    Attributes
    ----------
    names : the K models, then "treat all"; treating none has net benefit 0 everywhere
    net_benefit : true positives per image, minus false positives per image * threshold / (1 - threshold)
    standardized : net benefit / prevalence, 1 at best
    avoided : interventions avoided per image against treating all, at no loss of true positives
    *_low, *_high : pointwise bootstrap limits; NaN where no generator was given
    replicates : net benefit of the bootstrap samples, shape (B, K + 1, T)
    acted_on : which positive images each strategy acts upon, bool array, shape (m, K + 1, T)
    """

    names: tuple[str, ...]
    thresholds: FloatArray
    net_benefit: FloatArray
    net_benefit_low: FloatArray
    net_benefit_high: FloatArray
    standardized: FloatArray
    standardized_low: FloatArray
    standardized_high: FloatArray
    avoided: FloatArray
    avoided_low: FloatArray
    avoided_high: FloatArray
    replicates: FloatArray
    acted_on: NDArray[np.bool_]
    prevalence: float
    conf_level: float
    n_resamples: int
    n: int
    n_positive: int
    n_groups: int | None
    method: str
    note: str | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per strategy and threshold, with limits; "treat none" included.

        `note` warns where few positive images decide the interventions avoided, whose limits are then too
        narrow.
        """
        values = (
            (self.net_benefit, self.net_benefit_low, self.net_benefit_high),
            (self.standardized, self.standardized_low, self.standardized_high),
            (self.avoided, self.avoided_low, self.avoided_high),
        )
        t = self.thresholds.size
        columns: dict[str, Any] = {
            "strategy": np.repeat([*self.names, TREAT_NONE], t),
            "threshold": np.tile(self.thresholds, len(self.names) + 1),
        }
        none = _avoided(np.zeros((1, t)), self.net_benefit[-1], self.thresholds)[0]
        for measure, (middle, low, high) in zip(MEASURES, values, strict=True):
            fill = none if measure == "interventions_avoided" else np.zeros(t)
            columns[measure] = np.concatenate([middle.ravel(), fill])
            columns[f"{measure}_low"] = np.concatenate([low.ravel(), np.full(t, NAN)])
            columns[f"{measure}_high"] = np.concatenate([high.ravel(), np.full(t, NAN)])
        notes = [self._few(i, len(self.names) - 1) for i in range(len(self.names) - 1)]
        columns["note"] = [note for own in notes for note in own] + [None] * (2 * t)
        return pd.DataFrame(columns)

    def _few(self, i: int, j: int) -> list[str | None]:
        """For every threshold the warning that strategies i and j differ on few positive images, or None."""
        differ = (self.acted_on[:, i] != self.acted_on[:, j]).sum(axis=0)
        name = f"{self.names[i]} and {self.names[j]}"
        return [FEW_DIFFER.format(name=name, k=k) if k < FEW_POSITIVES else None for k in differ.tolist()]

    def difference(self, a: str, b: str) -> list[ComparisonResult]:
        """Return net benefit of strategy a minus b at every threshold, with paired pointwise limits.

        Where the two differ on few positive images, the limits are too narrow and the note says so: samples
        hold no more of what is rare than the data do (docs/statistics/validation.md).

        Raises
        ------
        ValueError : a name that is not among `names`
        """
        i, j = (_position(self.names, name) for name in (a, b))
        gap, draws = self.net_benefit[i] - self.net_benefit[j], self.replicates[:, i] - self.replicates[:, j]
        low, high = _limits(draws, self.conf_level, gap.shape)
        kept = _complete(draws)
        error = kept.std(axis=0, ddof=1) if kept.shape[0] > 1 else np.full(gap.size, NAN)
        few = self._few(i, j) if i != j else [None] * gap.size
        return [
            ComparisonResult(
                analysis="decision curve",
                comparison=f"net benefit at threshold {threshold:g}",
                metric="net_benefit",
                arm_a=a,
                arm_b=b,
                estimate_a=float(self.net_benefit[i, t]),
                estimate_b=float(self.net_benefit[j, t]),
                estimate=float(gap[t]),
                std_error=float(error[t]),
                conf_low=float(low[t]),
                conf_high=float(high[t]),
                conf_level=self.conf_level,
                method=self.method,
                n=self.n,
                n_positive=self.n_positive,
                n_groups=self.n_groups,
                note=joined_notes(few[t], self.note),
            )
            for t, threshold in enumerate(self.thresholds)
        ]

    def difference_frame(self, a: str, b: str) -> pd.DataFrame:
        """Return `difference` as rows in RESULT_COLUMNS."""
        return results_frame(self.difference(a, b))


def decision_curve(
    y_true: ArrayLike,
    probs: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    thresholds: ArrayLike | None = None,
    prevalence: float | None = None,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 1000,
    rng: np.random.Generator | None = None,
) -> DecisionCurve:
    """Return the net benefit of K models over threshold probabilities.

    Parameters
    ----------
    y_true : int array, shape (n,)      1 = positive class
    probs : float array, shape (n, K)   probabilities of the positive class, calibrated if possible
    thresholds : float array, shape (T,)   inside (0, 1), rising; default 0.01 to 0.99 by 0.01
    prevalence : of the population meant, for images sampled by class (case-control); default: as in the data
    group : patient of every image; given, patients are drawn in the bootstrap
    rng : for the bootstrap bands; None gives no bands

    Raises
    ------
    ValueError : one class only; a probability outside [0, 1]; thresholds or prevalence outside (0, 1);
        thresholds not rising; names that are double or "treat all"; fewer than 99 resamples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    Net benefit = sensitivity * prevalence - (1 - specificity) (1 - prevalence) t / (1 - t), where images with
    probability >= t are acted upon. Bands are pointwise percentiles of samples that all models share, so that
    differences are paired. The bootstrap draws images (or groups) and so the prevalence; where it is given,
    it stays fixed and images are drawn within each class. The bands hold at one threshold that was fixed
    beforehand, not for the whole curve at once.
    Sources: Vickers and Elkin 2006 (Med Decis Making 26:565); Vickers, Cronin, Elkin and Gonen 2008 (BMC Med
    Inform Decis Mak 8:53); standardized: Kerr et al. 2016 (J Clin Oncol 34:2534).
    """
    check_conf_level(conf_level)
    labels = checked_labels(y_true)
    names = tuple(names) if names is not None else _default_names(probs)
    if len(set(names)) < len(names) or {TREAT_ALL, TREAT_NONE} & set(names):
        raise ValueError(f"`names` are {', '.join(names)}; each once, none of them treat all or treat none.")
    p = checked_probabilities(probs, n=labels.size, names=names)
    at = _checked_thresholds(thresholds)
    if prevalence is not None and not 0.0 < prevalence < 1.0:
        raise ValueError(f"`prevalence` is {prevalence}; it must lie between 0 and 1.")
    codes, n_groups = checked_groups(group, labels.size)
    if rng is not None:
        check_bootstrap(n_resamples, rng)
    called = _called(p, at)
    rates = np.array([labels.mean(), 1.0 - labels.mean()])
    positive, negative = called[labels].sum(axis=0)[None], called[~labels].sum(axis=0)[None]
    sizes = np.array([[float(labels.sum())], [float((~labels).sum())]])
    benefit = _net_benefit(positive, negative, sizes, prevalence, at)[0]
    draws, share = np.empty((0, *benefit.shape)), np.empty(0)
    if rng is not None:
        draws, share = _replicates(labels, called, codes, n_groups, prevalence, at, n_resamples, rng)
    pi = float(rates[0]) if prevalence is None else prevalence
    lost = int(np.isnan(share).sum())
    return DecisionCurve(
        names=(*names, TREAT_ALL),
        thresholds=at,
        net_benefit=benefit,
        **_bands("net_benefit", draws, conf_level, benefit.shape),
        standardized=benefit / pi,
        **_bands("standardized", draws / share[:, None, None], conf_level, benefit.shape),
        avoided=_avoided(benefit, benefit[-1], at),
        **_bands("avoided", _avoided(draws, draws[:, -1:], at), conf_level, benefit.shape),
        replicates=draws,
        acted_on=called[labels].reshape(int(labels.sum()), -1, at.size) > 0.0,
        prevalence=pi,
        conf_level=conf_level,
        n_resamples=0 if rng is None else n_resamples,
        n=labels.size,
        n_positive=int(labels.sum()),
        n_groups=n_groups,
        method=_method(prevalence, rng is not None, codes is not None, n_resamples),
        note=joined_notes(
            f"{lost} bootstrap samples lack a class and count in no limit" if lost else None,
            few_groups_note(n_groups),
        ),
    )


def _called(p: FloatArray, at: FloatArray) -> FloatArray:
    """Whether each image is acted upon, shape (n, (K + 1) T): K models, then treat all."""
    calls = (p[:, :, None] >= at).astype(np.float64).reshape(p.shape[0], -1)
    return np.column_stack([calls, np.ones((p.shape[0], at.size))])


def _net_benefit(
    positive: FloatArray, negative: FloatArray, sizes: FloatArray, prevalence: float | None, at: FloatArray
) -> FloatArray:
    """Net benefit (B, K + 1, T) from true and false positives, (B, (K + 1) T), and class sizes, (2, B)."""
    n = sizes.sum(axis=0)
    gain, harm = 1.0 / n, 1.0 / n
    if prevalence is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            gain, harm = prevalence / sizes[0], (1.0 - prevalence) / sizes[1]
    shape = (positive.shape[0], -1, at.size)
    true, false = positive * gain[:, None], negative * harm[:, None]
    return true.reshape(shape) - false.reshape(shape) * (at / (1.0 - at))


def _avoided(benefit: FloatArray, treat_all: FloatArray, at: FloatArray) -> FloatArray:
    return (benefit - treat_all) * ((1.0 - at) / at)


def _replicates(
    labels: NDArray[np.bool_],
    called: FloatArray,
    codes: Codes | None,
    n_groups: int | None,
    prevalence: float | None,
    at: FloatArray,
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Net benefit of bootstrap samples (B, K + 1, T) and prevalences (B,); NaN without one of the classes."""
    y = labels.astype(np.float64)[:, None]
    if codes is None and prevalence is not None:  # images sampled by class are drawn by class
        parts = []
        for called_class in (called[labels], called[~labels]):
            blocks = bootstrap_counts(called_class.shape[0], n_resamples, rng)
            parts.append(np.concatenate([weights @ called_class for weights in blocks]))
        sizes = np.repeat([[float(labels.sum())], [float((~labels).sum())]], n_resamples, axis=1)
        return _net_benefit(parts[0], parts[1], sizes, prevalence, at), np.full(n_resamples, prevalence)
    units = np.column_stack([called * y, called * (1.0 - y), y, 1.0 - y])
    if codes is not None and n_groups is not None:
        units = group_sums(units, codes, n_groups)
    sums = np.concatenate([w @ units for w in bootstrap_counts(units.shape[0], n_resamples, rng)])
    k = called.shape[1]
    sizes = sums[:, 2 * k :].T
    draws = _net_benefit(sums[:, :k], sums[:, k : 2 * k], sizes, prevalence, at)
    share = sizes[0] / sizes.sum(axis=0) if prevalence is None else np.full(n_resamples, prevalence)
    lacking = (sizes == 0.0).any(axis=0)
    draws[lacking], share[lacking] = NAN, NAN
    return draws, share


def _complete(draws: FloatArray) -> FloatArray:
    """Rows without NaN."""
    return draws[~np.isnan(draws).any(axis=tuple(range(1, draws.ndim)))]


def _limits(draws: FloatArray, conf_level: float, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    kept = _complete(draws)
    if kept.shape[0] == 0:
        return np.full(shape, NAN), np.full(shape, NAN)
    return percentile_limits(kept, conf_level)


def _bands(name: str, draws: FloatArray, conf_level: float, shape: tuple[int, ...]) -> dict[str, Any]:
    low, high = _limits(draws, conf_level, shape)
    return {f"{name}_low": low, f"{name}_high": high}


def _method(prevalence: float | None, banded: bool, grouped: bool, n_resamples: int) -> str:
    fixed = "" if prevalence is None else f", prevalence {prevalence:g} given"
    if not banded:
        return f"net benefit{fixed}, no bands"
    drawn = "groups" if grouped else ("images" if prevalence is None else "images within classes")
    return f"net benefit{fixed}, pointwise percentile band of {n_resamples} bootstrap samples of {drawn}"


def _checked_thresholds(thresholds: ArrayLike | None) -> FloatArray:
    at = np.arange(1, 100) / 100 if thresholds is None else checked_sample("thresholds", thresholds)
    if at.min() <= 0.0 or at.max() >= 1.0 or (np.diff(at) <= 0.0).any():
        raise ValueError(
            f"`thresholds` go from {at.min():g} to {at.max():g}; give rising values inside (0, 1)."
        )
    return at


def _default_names(probs: ArrayLike) -> tuple[str, ...]:
    table = np.asarray(probs)
    return tuple(f"model {i + 1}" for i in range(1 if table.ndim == 1 else table.shape[1]))


def _position(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise ValueError(f"{name!r} is no strategy of this curve; these are {', '.join(map(repr, names))}.")
    return names.index(name)
