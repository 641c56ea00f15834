"""Bootstrap intervals and tests against R's boot and pROC, by hand, and by what must not change them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stats.rates.thresholded import thresholded
from stats.resampling import bootstrap
from stats.resampling.bootstrap import (
    auc_bootstrap_ci,
    auc_difference_bootstrap,
    auc_influence,
    bootstrap_ci,
    metric_difference_bootstrap,
)
from stats.resampling.draws import sampling_plan, weighted_auc
from stats.resampling.limits import INTERVALS, Draws, limits, limits_note, p_value
from stats.resampling.weighted_counts import COUNT_METRICS, count_cells, metric_of_counts
from stats.results import RESULT_COLUMNS
from stats.roc.delong import delong

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "bootstrap.json").read_text())
SAME_SAMPLES = 1e-10  # both sides from the same samples; the JSON holds 15 digits
MONTE_CARLO = 4.0  # standard errors, of both sides
ALTERNATIVES = ("two-sided", "greater", "less")

datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, n = rng.integers(5, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    s = np.round(rng.normal(size=(m + n, 2)) + y[:, None], int(rng.integers(1, 4)))
    return y, s[:, 0], s[:, 1]


def _seeded() -> np.random.Generator:
    return np.random.default_rng(12)


@pytest.fixture
def stored_samples(monkeypatch):
    """Let the functions draw the samples that R drew."""

    def use(case: dict) -> None:
        counts = np.array(case["counts"], dtype=float)
        codes = np.array(case["group"]) - 1

        def blocks(plan, *, n_resamples, rng, by_unit=False):
            yield counts if by_unit else counts[:, codes]

        def replicates(labels, scores, plan, *, n_resamples, rng):
            return weighted_auc(labels, scores, counts[:, codes])

        monkeypatch.setattr(bootstrap, "weight_blocks", blocks)
        monkeypatch.setattr(bootstrap, "auc_replicates", replicates)

    return use


@pytest.mark.parametrize("case", GOLDEN["boot"], ids=lambda case: case["name"])
def test_against_boot_on_the_same_samples(case: dict, stored_samples) -> None:
    stored_samples(case)
    y, scores = np.array(case["y"]), np.array(case["scores"])
    group = case["group"] if case["clustered"] else None
    shared = {"group": group, "n_resamples": len(case["counts"]), "rng": _seeded()}
    columns = [scores[:, k] for k in range(scores.shape[1])]
    if case["metric"] == "auc":
        function = auc_bootstrap_ci if len(columns) == 1 else auc_difference_bootstrap
    else:
        function = bootstrap_ci if len(columns) == 1 else metric_difference_bootstrap
        shared["metric"] = case["metric"]
    for expected in case["limits"]:
        for interval in INTERVALS:
            fit = function(y, *columns, interval=interval, conf_level=expected["level"], **shared)
            assert fit.estimate == pytest.approx(case["estimate"], rel=SAME_SAMPLES)
            np.testing.assert_allclose(fit.replicates, case["replicates"], rtol=SAME_SAMPLES, atol=1e-13)
            assert fit.bias_correction == pytest.approx(case["z0"], rel=SAME_SAMPLES)
            assert fit.acceleration == pytest.approx(case["acceleration"], abs=SAME_SAMPLES)
            assert (fit.conf_low, fit.conf_high) == pytest.approx(tuple(expected[interval]), abs=SAME_SAMPLES)


@pytest.mark.parametrize("case", GOLDEN["proc"], ids=lambda case: case["name"])
def test_against_proc_within_monte_carlo_error(case: dict) -> None:
    y, scores = np.array(case["y"]), np.array(case["scores"])
    shared = {"interval": "percentile", "n_resamples": case["n_resamples"], "rng": _seeded()}

    def near(value: float, reference: dict, i: int) -> None:
        # as many samples on this side as in all runs of R: the error counts twice
        error = MONTE_CARLO * np.sqrt(2.0) * reference["std_error"][i]
        assert value == pytest.approx(reference["mean"][i], abs=error)

    fit = auc_bootstrap_ci(y, scores[:, 0], **shared)
    near(fit.conf_low, case["ci"], 0)
    near(fit.conf_high, case["ci"], 1)
    for alternative in ALTERNATIVES:
        test = auc_difference_bootstrap(
            y, scores[:, 0], scores[:, 1], alternative=alternative, p_value="normal", **shared
        )
        near(test.statistic, case["tests"][alternative], 0)
        near(test.p_value, case["tests"][alternative], 1)


@pytest.mark.parametrize("p_kind", ["interval", "normal"])
@pytest.mark.parametrize("interval", INTERVALS)
def test_one_sided_p_is_small_on_the_side_of_the_better_model(interval: str, p_kind: str) -> None:
    rng = _seeded()
    y = np.repeat([1, 0], 60)
    better, worse = rng.normal(size=120) + 2.0 * y, rng.normal(size=120) + 0.5 * y
    for a, b, side, other in ((better, worse, "greater", "less"), (worse, better, "less", "greater")):
        one = auc_difference_bootstrap(
            y, a, b, alternative=side, interval=interval, p_value=p_kind, rng=_seeded()
        )
        opposite = auc_difference_bootstrap(
            y, a, b, alternative=other, interval=interval, p_value=p_kind, rng=_seeded()
        )
        assert one.p_value < 0.01
        assert opposite.p_value > 0.99
        assert (one.conf_low, one.conf_high)[one.alternative == "less"] != 0.0
        bound = one.conf_low if side == "greater" else -one.conf_high
        assert bound > 0.0
        assert (one.conf_high if side == "greater" else -one.conf_low) == 1.0


@given(datasets, st.sampled_from(INTERVALS), st.sampled_from(ALTERNATIVES))
@settings(max_examples=60, deadline=None)
def test_p_is_the_level_at_which_zero_leaves_the_interval(rng, interval: str, alternative: str) -> None:
    values = rng.uniform(-1.0, 1.0, size=399) + rng.uniform(-0.8, 0.8)
    estimate = float(np.median(values)) + 0.1
    draws = Draws(estimate=estimate, replicates=values, influence=rng.normal(size=30))
    assume(values.min() < 2.0 * estimate < values.max())  # basic: 0 within the reach of the samples
    p = p_value(draws, interval=interval, alternative=alternative)
    for factor in (0.98, 1.02):
        if not 0.0 < p * factor < 1.0:
            continue
        low, high = limits(draws, interval=interval, conf_level=1.0 - p * factor, alternative=alternative)
        edge = min(abs(low), abs(high)) < 0.05  # p is that of the next whole rank
        assert (low <= 0.0 <= high) is (factor < 1.0) or edge


@pytest.mark.parametrize("interval", ["percentile", "basic"])
def test_p_and_limits_by_hand(interval: str) -> None:
    """19 replicates -3, ..., 15 around 6: rank 1 and 19 are the 90 % limits; 4 of 20 lie at 0 or below."""
    draws = Draws(estimate=6.0, replicates=np.arange(-3.0, 16.0), influence=np.ones(1))
    assert limits(draws, interval=interval, conf_level=0.9, alternative="two-sided") == (-3.0, 15.0)
    assert p_value(draws, interval=interval, alternative="greater") == 5 / 20
    assert p_value(draws, interval=interval, alternative="two-sided") == 10 / 20
    assert p_value(draws, interval=interval, alternative="less") == 17 / 20
    assert limits(draws, interval=interval, conf_level=0.95, alternative="greater") == (-3.0, np.inf)
    note = limits_note(draws, interval=interval, conf_level=0.95, alternative="two-sided")
    assert "most extreme" in str(note)
    assert limits_note(draws, interval=interval, conf_level=0.9, alternative="two-sided") is None


@given(datasets, st.sampled_from(INTERVALS), st.sampled_from(["interval", "normal"]))
@settings(max_examples=30, deadline=None)
def test_swapping_models_mirrors_everything(rng, interval: str, p_kind: str) -> None:
    y, a, b = _data(rng)
    shared = {"interval": interval, "p_value": p_kind, "n_resamples": 199}
    one = auc_difference_bootstrap(y, a, b, rng=_seeded(), **shared)
    other = auc_difference_bootstrap(y, b, a, rng=_seeded(), **shared)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-9, nan_ok=True)
    assert one.conf_low == pytest.approx(-other.conf_high, rel=1e-9, abs=1e-12, nan_ok=True)
    greater = auc_difference_bootstrap(y, a, b, alternative="greater", rng=_seeded(), **shared)
    less = auc_difference_bootstrap(y, b, a, alternative="less", rng=_seeded(), **shared)
    assert greater.p_value == pytest.approx(less.p_value, rel=1e-9, nan_ok=True)


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_increasing_transforms_change_nothing(rng: np.random.Generator) -> None:
    y, a, b = _data(rng)
    one = auc_difference_bootstrap(y, a, b, n_resamples=199, rng=_seeded())
    other = auc_difference_bootstrap(y, np.exp(a), 3.0 * b - 1.0, n_resamples=199, rng=_seeded())
    np.testing.assert_array_equal(one.replicates, other.replicates)
    assert one.conf_low == other.conf_low or np.isnan(one.conf_low)


@given(datasets)
@settings(max_examples=30, deadline=None)
def test_groups_of_one_image_draw_images(rng: np.random.Generator) -> None:
    y, a, b = _data(rng)
    y.sort()  # so that the units of both plans have the same order
    one = auc_difference_bootstrap(y, a, b, n_resamples=199, rng=_seeded())
    other = auc_difference_bootstrap(y, a, b, group=np.arange(y.size), n_resamples=199, rng=_seeded())
    np.testing.assert_array_equal(one.replicates, other.replicates)
    assert one.acceleration == pytest.approx(other.acceleration, rel=1e-9, abs=1e-12, nan_ok=True)


@given(datasets)
@settings(max_examples=20, deadline=None)
def test_influence_values_are_the_leave_one_out_jackknife(rng: np.random.Generator) -> None:
    """Images within classes: (m - 1) (AUC - AUC without an image) / m, exactly."""
    y, a, _ = _data(rng)
    labels = y == 1
    influence = auc_influence(labels, a[:, None], sampling_plan(labels))[:, 0]
    without = weighted_auc(labels, a[:, None], 1.0 - np.eye(y.size))[:, 0]
    whole = weighted_auc(labels, a[:, None], np.ones((1, y.size)))[0, 0]
    size = np.where(labels, labels.sum(), (~labels).sum())
    np.testing.assert_allclose(influence, (size - 1) / size * (whole - without), atol=1e-13)


def test_squared_influence_is_delongs_variance_up_to_the_divisor() -> None:
    y, a, _ = _data(_seeded())
    labels = y == 1
    influence = auc_influence(labels, a[:, None], sampling_plan(labels))[:, 0]
    parts = [np.square(influence[part]).sum() * part.sum() / (part.sum() - 1) for part in (labels, ~labels)]
    assert sum(parts) == pytest.approx(delong(y, a[:, None]).covariance[0, 0], rel=1e-10)


def test_standard_error_agrees_with_delong() -> None:
    rng = _seeded()
    y = np.repeat([1, 0], [150, 250])
    a, b = rng.normal(size=400) + 1.2 * y, rng.normal(size=400) + y
    fit = auc_difference_bootstrap(y, a, b, n_resamples=4000, rng=rng)
    expected = delong(y, np.column_stack([a, b])).pairs.std_error[0]
    assert fit.std_error == pytest.approx(expected, rel=MONTE_CARLO / np.sqrt(2 * 4000))


def test_clustered_standard_error_agrees_with_obuchowski() -> None:
    rng = _seeded()
    group = np.repeat(np.arange(200), 3)
    y = (rng.random(600) < 0.4).astype(int)
    a = rng.normal(size=200)[group] + rng.normal(size=600) + y
    fit = auc_bootstrap_ci(y, a, group=group, stratified=False, n_resamples=4000, rng=rng)
    expected = delong(y, a[:, None], group=group).std_error[0]
    assert fit.n_groups == 200
    assert fit.std_error == pytest.approx(expected, rel=0.06)


def test_ignoring_patients_of_one_class_understates_the_error() -> None:
    rng = _seeded()
    group = np.repeat(np.arange(100), 3)
    y = (group % 2).astype(int)
    a = rng.normal(size=100)[group] + 0.5 * rng.normal(size=300) + y
    fit = auc_bootstrap_ci(y, a, group=group, rng=rng)
    assert fit.std_error == pytest.approx(delong(y, a[:, None], group=group).std_error[0], rel=0.1)
    assert auc_bootstrap_ci(y, a, rng=rng).std_error < 0.7 * fit.std_error


@pytest.mark.parametrize("metric", ["accuracy", "sensitivity", "specificity", "f1"])
def test_metrics_of_counts_are_those_of_the_table(metric: str) -> None:
    y, a, _ = _data(_seeded())
    counts = count_cells(y == 1, a >= 0.5).sum(axis=0)
    assert metric_of_counts(COUNT_METRICS[metric], counts) == pytest.approx(
        getattr(thresholded(y, a), metric)
    )


def test_metrics_of_counts_by_hand() -> None:
    counts = np.array([6.0, 2.0, 4.0, 8.0])
    expected = {
        "ppv": 0.75,
        "npv": 8 / 12,
        "balanced_accuracy": 0.7,
        "mcc": (48 - 8) / np.sqrt(8 * 10 * 10 * 12),
    }
    for metric, value in expected.items():
        assert metric_of_counts(COUNT_METRICS[metric], counts) == pytest.approx(value)
    assert np.isnan(metric_of_counts(COUNT_METRICS["ppv"], np.array([0.0, 0.0, 3.0, 4.0])))


@pytest.mark.parametrize("metric", sorted(COUNT_METRICS))
def test_metric_replicates_are_those_of_written_out_samples(metric: str) -> None:
    y, a, b = _data(_seeded())
    fit = metric_difference_bootstrap(
        y, a, b, metric=metric, threshold=(0.3, 0.6), n_resamples=99, rng=_seeded()
    )
    weights = next(bootstrap.weight_blocks(sampling_plan(y == 1), n_resamples=99, rng=_seeded()))
    taken = np.repeat(np.arange(y.size), weights[5].astype(int))
    values = [
        metric_of_counts(COUNT_METRICS[metric], count_cells(y[taken] == 1, s[taken] >= t).sum(axis=0))
        for s, t in ((a, 0.3), (b, 0.6))
    ]
    assert fit.n_used == 99
    assert fit.replicates[5] == pytest.approx(values[0] - values[1], abs=1e-14)


def test_samples_without_a_value_are_left_out_and_counted() -> None:
    y = np.repeat([1, 0], 10)
    score = np.r_[1.0, np.zeros(19)]
    fit = bootstrap_ci(y, score, metric="ppv", interval="percentile", n_resamples=400, rng=_seeded())
    assert 100 < fit.n_used < 350
    assert f"{400 - fit.n_used} of 400 bootstrap samples have no value" in str(fit.note)
    lost = bootstrap_ci(y, np.zeros(20), metric="ppv", rng=_seeded())
    assert np.isnan([lost.estimate, lost.conf_low, lost.p_value]).all()
    assert "ppv has no value here" in str(lost.note)


def test_identical_models_have_p_one() -> None:
    y, a, _ = _data(_seeded())
    for p_kind, statistic in (("normal", 0.0), ("interval", np.nan)):
        fit = auc_difference_bootstrap(y, a, a, p_value=p_kind, rng=_seeded())
        assert (fit.p_value, fit.conf_low, fit.conf_high, fit.std_error) == (1.0, 0.0, 0.0, 0.0)
        assert fit.statistic == pytest.approx(statistic, nan_ok=True)
        assert "p 1 by definition" in str(fit.note)


def test_a_constant_difference_is_not_tested() -> None:
    y = np.repeat([1, 0], 10)
    fit = auc_difference_bootstrap(y, y * 1.0, np.zeros(20), rng=_seeded())
    assert np.isnan(fit.p_value)
    assert (fit.conf_low, fit.conf_high) == (0.5, 0.5)
    assert "no test" in str(fit.note)
    assert "no width" in str(fit.note)


def test_a_perfect_model_has_no_width_and_says_so() -> None:
    y = np.repeat([1, 0], 10)
    fit = auc_bootstrap_ci(y, y * 1.0, rng=_seeded())
    assert (fit.estimate, fit.conf_low, fit.conf_high) == (1.0, 1.0, 1.0)
    assert "understates the uncertainty" in str(fit.note)
    assert "below 0.5" in str(auc_bootstrap_ci(y, -1.0 * y, rng=_seeded()).note)


def test_without_influence_or_two_sides_there_is_no_bca() -> None:
    one_sided = Draws(estimate=2.0, replicates=np.linspace(0.0, 1.0, 99), influence=np.ones(3))
    no_influence = Draws(estimate=0.5, replicates=np.linspace(0.0, 1.0, 99), influence=np.zeros(3))
    for draws, text in ((one_sided, "one side of the estimate"), (no_influence, "no single unit")):
        low, high = limits(draws, interval="bca", conf_level=0.95, alternative="two-sided")
        assert np.isnan([low, high]).all()
        assert np.isnan(p_value(draws, interval="bca", alternative="two-sided"))
        note = limits_note(draws, interval="bca", conf_level=0.95, alternative="two-sided")
        assert text in str(note)


def test_a_level_beyond_the_pole_of_bca_has_no_limit() -> None:
    influence = np.r_[1.0, np.zeros(5)]  # acceleration 1/6
    draws = Draws(estimate=0.0, replicates=np.linspace(-5.0, 1.0, 99), influence=influence)
    low, high = limits(draws, interval="bca", conf_level=0.95, alternative="two-sided")
    assert draws.acceleration == pytest.approx(1 / 6)
    assert np.isfinite(low) or np.isfinite(high)
    steep = Draws(estimate=0.9, replicates=np.linspace(-9.0, 1.0, 9999), influence=influence)
    low, high = limits(steep, interval="bca", conf_level=1 - 1e-6, alternative="two-sided")
    assert np.isnan(high)
    assert "skewness" in str(limits_note(steep, interval="bca", conf_level=1 - 1e-6, alternative="two-sided"))


def test_the_row_has_the_result_columns() -> None:
    y, a, b = _data(_seeded())
    frame = auc_difference_bootstrap(y, a, b, rng=_seeded()).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.loc[0, "method"] == (
        "paired stratified bootstrap, 2000 samples, percentile interval, p from the percentile interval"
    )
    assert frame.loc[0, "arm_a"] == "a"
    assert auc_bootstrap_ci(y, a, rng=_seeded()).to_frame().loc[0, "arm_a"] is None


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"interval": "student"}, ValueError, "`interval` is 'student'; allowed are 'bca'"),
        ({"p_value": "exact"}, ValueError, "`p_value` is 'exact'; allowed are 'interval', 'normal'"),
        ({"alternative": "more"}, ValueError, "`alternative` is 'more'"),
        ({"conf_level": 95}, ValueError, "`conf_level` is 95"),
        ({"n_resamples": 10}, ValueError, "`n_resamples` is 10"),
        ({"rng": None}, TypeError, "`rng` must be a numpy Generator"),
        ({"threshold": float("nan")}, ValueError, "`threshold` is nan; give one number"),
        ({"threshold": (0.1, 0.2, 0.3)}, ValueError, "or one for each of the 2 models"),
        ({"metric": "kappa"}, ValueError, "`metric` is 'kappa'; allowed are 'accuracy'"),
        (
            {"score_b": [1.0, np.nan, 0.0, 0.0]},
            ValueError,
            "`score_b` has 1 missing or infinite value (row 2)",
        ),
        ({"score_a": [1.0, 0.0]}, ValueError, "Scores have shape (2, 1); expected (4, 1)"),
        ({"y_true": [1, 0, 0, 0]}, ValueError, "1 positive and 3 negative images"),
        ({"group": [1, 1, 1, 1]}, ValueError, "`group` has one group only"),
    ],
)
def test_bad_input_is_named(change: dict, error: type[Exception], text: str) -> None:
    good = {
        "y_true": [1, 1, 0, 0],
        "score_a": [0.1, 0.9, 0.2, 0.3],
        "score_b": [0.4, 0.9, 0.2, 0.3],
        "metric": "f1",
        "rng": _seeded(),
    }
    with pytest.raises(error, match=re.escape(text)):
        metric_difference_bootstrap(**{**good, **change})
