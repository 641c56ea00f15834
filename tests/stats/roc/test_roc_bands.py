"""Intervals and bands of ROC curves against R, and whether bands hold the whole curve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from stats.resampling.draws import sampling_plan
from stats.roc.bands import FLAT, _largest_distances, roc_band, roc_ci
from stats.roc.operating_point import operating_point_ci
from stats.roc.resampled import observed_curve

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
CLOSED_FORM = 1e-10
TAIL = 0.25  # 4 standard errors of a 95 % quantile of 5000 and of 20000 distances, in their deviations


@pytest.mark.parametrize("case", GOLDEN["free"], ids=lambda case: case["name"])
def test_kolmogorov_band_against_r(case: dict) -> None:
    band = roc_band(case["y"], case["score"], specificity=case["grid"], conf_level=case["level"])
    expected = np.array(case["band"])
    np.testing.assert_allclose(band.conf_low, expected[:, 0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(band.conf_high, expected[:, 1], rtol=1e-8, atol=1e-9)
    assert band.simultaneous


@pytest.mark.parametrize("case", GOLDEN["boots"], ids=lambda case: case["name"])
def test_largest_distance_against_r(case: dict) -> None:
    labels, score = np.array(case["y"]) == 1, np.array(case["scores"])[:, 0]
    found = _largest_distances(
        labels,
        score,
        observed_curve(labels, score),
        plan=sampling_plan(labels),
        n_resamples=20000,
        rng=np.random.default_rng(1),
    )
    assert np.quantile(found, 0.95) == pytest.approx(case["distance"], abs=TAIL * case["distance_sd"])


def test_pointwise_intervals_are_those_of_single_points() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [20, 30])
    s = rng.normal(size=50) + y
    curve = roc_ci(y, s, specificity=[0.5, 0.9])
    for i, value in enumerate((0.5, 0.9)):
        point = operating_point_ci(y, s, specificity=value)
        assert (curve.estimate[i], curve.conf_low[i], curve.conf_high[i]) == (
            point.estimate,
            point.conf_low,
            point.conf_high,
        )
    assert not curve.simultaneous
    other = roc_ci(y, s, sensitivity=[0.8], interval="percentile", rng=rng).to_frame()
    assert other["sensitivity"].item() == 0.8
    assert other.columns.tolist() == ["specificity", "sensitivity", "conf_low", "conf_high"]
    assert roc_ci(y, s).fixed.size == 19


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(3, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    return y, np.round(rng.normal(size=m + n) + y, int(rng.integers(0, 4)))


@given(datasets, st.sampled_from(["ks", "fixed-width"]))
@settings(max_examples=40, deadline=None)
def test_bands_hold_the_curve_rise_and_stay_inside(rng: np.random.Generator, band: str) -> None:
    y, s = _data(rng)
    found = roc_band(y, s, band=band, rng=rng, n_resamples=100)
    for limit in (found.conf_low, found.estimate, found.conf_high):
        assert (np.diff(limit) <= 1e-9).all()  # falls as specificity rises
        assert ((limit >= 0) & (limit <= 1)).all()
    assert (found.conf_low <= found.estimate + 1e-9).all()
    assert (found.estimate <= found.conf_high + 1e-9).all()


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_swapping_classes_and_signs_mirrors_the_distances(rng: np.random.Generator) -> None:
    """The largest distance of each sample is the same, in units of the other axis."""
    y, s = _data(rng)
    labels, weights = y == 1, sampling_plan(y == 1)
    ratio = np.sqrt((y == 0).sum() / y.sum())
    found = [
        _largest_distances(
            truth, x, observed_curve(truth, x), plan=weights, n_resamples=100, rng=np.random.default_rng(7)
        )
        for truth, x in ((labels, s), (~labels, -s))
    ]
    np.testing.assert_allclose(found[0] * ratio, found[1], atol=1e-9)


def test_distance_of_a_resampled_curve_by_brute_force() -> None:
    """Every distance along slope -b, read on 20,001 lines, for curves with ties."""
    from stats.resampling.draws import weight_blocks
    from stats.roc.resampled import ranked_scores, weighted_curves

    rng = np.random.default_rng(3)
    labels = np.repeat([True, False], [15, 25])
    s = np.round(rng.normal(size=40) + labels, 1)
    plan, curve = sampling_plan(labels), observed_curve(labels, s)
    found = _largest_distances(labels, s, curve, plan=plan, n_resamples=100, rng=np.random.default_rng(9))
    drawn = weighted_curves(
        ranked_scores(labels, s), next(weight_blocks(plan, n_resamples=100, rng=np.random.default_rng(9)))
    )
    b = np.sqrt(25 / 15)
    lines = np.linspace(0, 1 + b, 20001)

    def along(fp: np.ndarray, tp: np.ndarray) -> np.ndarray:
        return np.interp(lines, tp / tp[-1] + b * fp / fp[-1], fp / fp[-1])

    base = along(curve.false_positive[0], curve.true_positive[0])
    brute = [
        np.abs(along(fp, tp) - base).max()
        for fp, tp in zip(drawn.false_positive, drawn.true_positive, strict=True)
    ]
    np.testing.assert_allclose(found, brute, atol=3e-4)


def test_a_higher_level_widens_every_band() -> None:
    y, s = _data(np.random.default_rng(5))
    for band in ("ks", "fixed-width"):
        narrow, wide = (
            roc_band(y, s, band=band, rng=np.random.default_rng(1), conf_level=level) for level in (0.8, 0.99)
        )
        assert (wide.conf_low <= narrow.conf_low).all()
        assert (wide.conf_high >= narrow.conf_high).all()


def test_a_perfect_curve_has_no_bootstrap_band_and_says_so() -> None:
    y, s = [1, 1, 1, 0, 0, 0], [6.0, 5, 4, 3, 2, 1]
    assert roc_band(y, s, band="fixed-width", rng=np.random.default_rng(1)).note == FLAT
    exact = roc_band(y, s)
    assert exact.note is None
    assert exact.conf_low.max() < 0.5


def test_patients_widen_the_band() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(60), 4)
    y = (patient % 2).astype(int)
    s = 1.5 * y + rng.normal(size=60)[patient] + 0.1 * rng.normal(size=240)
    options = {"band": "fixed-width", "specificity": [0.5]}
    alone = roc_band(y, s, rng=np.random.default_rng(1), **options)
    whole = roc_band(y, s, group=patient, rng=np.random.default_rng(1), **options)
    assert whole.n_groups == 60
    assert whole.conf_high - whole.conf_low > 1.3 * (alone.conf_high - alone.conf_low)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda y, s: roc_ci(y, s, specificity=0.5, sensitivity=0.5), ValueError, "Fix one rate"),
        (lambda y, s: roc_ci(y, s, specificity=[0.0]), ValueError, "`specificity` must be values strictly"),
        (lambda y, s: roc_ci(y, s, sensitivity=[]), ValueError, "`sensitivity` must be values strictly"),
        (lambda y, s: roc_band(y, s, specificity=[1.1]), ValueError, "must be values from 0 to 1"),
        (lambda y, s: roc_band(y, s, band="wald"), ValueError, "allowed are 'ks', 'fixed-width'"),
        (lambda y, s: roc_band(y, s, band="fixed-width"), TypeError, "give `rng`, or take 'ks'"),
        (lambda y, s: roc_band(y, s, group=list("aabbcc")), ValueError, "with `group` use 'fixed-width'"),
    ],
)
def test_bad_input_is_named(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call([1, 1, 1, 0, 0, 0], np.arange(6.0))


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n", "shift"), [(20, 57, 2.0), (58, 45, 0.74), (250, 250, 3.3)])
def test_bands_hold_the_true_curve(m: int, n: int, shift: float) -> None:
    """Binormal scores, 300 runs; 3 standard errors below 0.95 is 0.912."""
    rng = np.random.default_rng(11)
    grid = np.r_[0.0, np.arange(1, 200) / 200, 0.999, 1.0]
    truth = norm.sf(norm.ppf(grid) - shift)
    y = np.repeat([1, 0], [m, n])
    hits = {"ks": 0, "fixed-width": 0}
    for _ in range(300):
        s = rng.normal(size=m + n) + shift * y
        for band in hits:
            found = roc_band(y, s, band=band, specificity=grid, rng=rng, n_resamples=400)
            inside = (found.conf_low <= truth + 1e-12) & (truth <= found.conf_high + 1e-12)
            hits[band] += bool(inside.all())
    assert hits["ks"] >= 294
    assert hits["fixed-width"] >= 274
