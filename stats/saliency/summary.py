"""Means of map measures over images, their intervals, and the paired test of two maps on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration.probabilities import check_bootstrap
from stats.checks import check_choice
from stats.ranks.sign_flip import sign_flip_test
from stats.resampling.bootstrap_results import BootstrapOptions, BootstrapResult, bootstrap_result
from stats.resampling.draws import SamplingPlan, sampling_plan, weight_blocks
from stats.results import ComparisonResult
from stats.saliency.agreement import AGREEMENT_MEASURES
from stats.saliency.localisation import LOCALISATION_MEASURES

Floats = NDArray[np.float64]

MEASURES = (*LOCALISATION_MEASURES, *AGREEMENT_MEASURES)


def mean_measure_ci(
    values: ArrayLike,
    *,
    measure: str,
    group: Sequence[Any] | None = None,
    interval: str = "bca",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapResult:
    """Return the mean of a measure over images with its bootstrap interval.

    Parameters
    ----------
    values : float array, shape (n,)   one per image; NaN = a map without evidence, counts as 0 (the note
        says how many)
    measure : one of MEASURES
    group : patient of every image; given, whole patients are drawn
    interval : "bca", "percentile" or "basic", see `stats.resampling.limits.limits`

    Raises
    ------
    ValueError : fewer than 2 images or patients; infinite values; unknown options; fewer than 99 samples
    TypeError : `rng` is no numpy Generator

    Notes
    -----
    The mean is over images, so a patient with more images weighs more, in the estimate as in every sample.
    """
    filled, empty = _filled("values", values, measure)
    return _bootstrap(
        filled[:, None],
        measure,
        group,
        BootstrapOptions(interval=interval, conf_level=conf_level),
        n_resamples,
        rng,
        notes=[_empty_note(empty, filled.size, "")],
    )


def paired_measure_test(
    values_a: ArrayLike,
    values_b: ArrayLike,
    *,
    measure: str,
    group: Sequence[Any] | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    n_flips: int = 99_999,
    rng: np.random.Generator,
) -> ComparisonResult:
    """Compare the mean measure of two maps on the same images.

    Parameters
    ----------
    values_a, values_b : float array, shape (n,)   matched by position; NaN as in `mean_measure_ci`
    group : patient of every image; given, the maps change places in all images of a patient at once
    n_flips : random sign patterns where more than 46 images or patients differ

    Returns
    -------
    ComparisonResult : estimate is mean a - mean b over images. The p-value is that of the sign-flip test
        (exact where it can be), the interval the percentile interval of the paired bootstrap.

    Raises
    ------
    ValueError : lengths differ; as `mean_measure_ci`

    Notes
    -----
    The null hypothesis of the p-value is that the maps are exchangeable within images or patients.
    """
    first, empty_a = _filled("values_a", values_a, measure)
    second, empty_b = _filled("values_b", values_b, measure)
    if first.shape != second.shape:
        raise ValueError(f"`values_a` has {first.size} images, `values_b` {second.size}; match them.")
    notes = [_empty_note(empty_a, first.size, " of a"), _empty_note(empty_b, first.size, " of b")]
    options = BootstrapOptions(interval="percentile", conf_level=conf_level)
    both = np.column_stack([first, second])
    boot = _bootstrap(both, measure, group, options, n_resamples, rng, notes=notes)
    units = _plan(first.size, group).unit_sums(both)
    flips = sign_flip_test(units[:, 0], units[:, 1], conf_level=conf_level, n_resamples=n_flips, rng=rng)
    kind = "exact" if flips.exact else f"{flips.n_resamples} random patterns"
    unit = "images" if group is None else "patients"
    return replace(
        boot.to_result(),
        analysis="saliency",
        p_value=flips.p_value,
        p_adjusted=flips.p_value,
        method=f"sign-flip test over {unit} ({kind}); interval: {boot.method.partition(', p from')[0]}",
    )


def _filled(name: str, values: ArrayLike, measure: str) -> tuple[Floats, int]:
    """Values with 0 for maps without evidence, and the number of these."""
    check_choice("measure", measure, MEASURES)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"`{name}` has shape {array.shape}; give one value for each of 2 images or more.")
    if np.isinf(array).any():
        raise ValueError(f"`{name}` has infinite values; measures of maps are finite.")
    empty = np.isnan(array)
    return np.where(empty, 0.0, array), int(empty.sum())


def _empty_note(empty: int, n: int, whose: str) -> str | None:
    return f"{empty} of {n} maps{whose} hold no evidence and count as 0" if empty else None


def _plan(n: int, group: Sequence[Any] | None) -> SamplingPlan:
    return sampling_plan(np.zeros(n, dtype=bool), group=group, stratified=False)


def _bootstrap(
    columns: Floats,
    measure: str,
    group: Sequence[Any] | None,
    options: BootstrapOptions,
    n_resamples: int,
    rng: np.random.Generator,
    *,
    notes: Sequence[str | None],
) -> BootstrapResult:
    check_bootstrap(n_resamples, rng)
    n, k = columns.shape
    plan = _plan(n, group)
    units = plan.unit_sums(np.hstack([columns, np.ones((n, 1))]))
    blocks = weight_blocks(plan, n_resamples=n_resamples, rng=rng, by_unit=True)
    sums = np.concatenate([weights @ units for weights in blocks])
    means = columns.mean(axis=0)
    return bootstrap_result(
        measure,
        means,
        sums[:, :k] / sums[:, k:],
        (units[:, :k] - means * units[:, k:]) / n,
        options=options,
        plan=plan,
        n_positive=None,
        notes=notes,
    )
