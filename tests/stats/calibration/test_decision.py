"""Decision curves against R's formula, and by what must not change them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from stats.calibration import probabilities
from stats.calibration.decision import decision_curve
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "calibration.json").read_text())
CLOSED = 1e-12
AT = np.array([0.1, 0.25, 0.5, 0.75])

rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=40
).map(lambda values: np.array([*values, (0, 3, 9), (1, 9, 3)], dtype=float))


def _sample(seed: int, n: int = 300):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n) - 1.0
    y = (rng.random(n) < expit(x)).astype(int)
    return y, np.column_stack([expit(x), expit(0.5 * x + 0.5 * rng.normal(size=n))])


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_r(case: dict) -> None:
    expected, probs = case["decision"], np.column_stack([case["p"], case["q"]])
    fit = decision_curve(case["y"], probs, thresholds=expected["at"])
    assert fit.net_benefit == pytest.approx(np.array(expected["net_benefit"]), rel=CLOSED, abs=1e-15)
    fixed = decision_curve(case["y"], probs, thresholds=expected["at"], prevalence=expected["prevalence"])
    assert fixed.net_benefit == pytest.approx(np.array(expected["fixed"]), rel=CLOSED, abs=1e-15)


@given(rows)
@settings(deadline=None, max_examples=50)
def test_net_benefit_is_the_mean_of_gains_and_harms_per_image(table) -> None:
    y, p, q = table[:, 0], table[:, 1] / 20, table[:, 2] / 20
    fit = decision_curve(y, np.column_stack([p, q]), thresholds=AT)
    for t, threshold in enumerate(AT):
        worth = np.where(y == 1, 1.0, -threshold / (1 - threshold))
        assert fit.net_benefit[0, t] == pytest.approx(np.mean(worth * (p >= threshold)), abs=1e-14)
        assert fit.net_benefit[2, t] == pytest.approx(np.mean(worth), abs=1e-14)
        assert fit.avoided[0, t] == pytest.approx(
            (fit.net_benefit[0, t] - fit.net_benefit[2, t]) / (threshold / (1 - threshold)), abs=1e-14
        )
    assert fit.standardized == pytest.approx(fit.net_benefit / y.mean(), abs=1e-14)


@given(rows)
@settings(deadline=None, max_examples=50)
def test_bounds_row_order_and_own_prevalence(table) -> None:
    y, probs = table[:, 0], table[:, 1:] / 20
    fit = decision_curve(y, probs, thresholds=AT)
    assert (fit.net_benefit <= y.mean() + 1e-15).all()
    turned = decision_curve(y[::-1], probs[::-1], thresholds=AT)
    given_rate = decision_curve(y, probs, thresholds=AT, prevalence=float(y.mean()))
    assert turned.net_benefit == pytest.approx(fit.net_benefit, abs=1e-14)
    assert given_rate.net_benefit == pytest.approx(fit.net_benefit, abs=1e-14)
    perfect = decision_curve(y, y, thresholds=AT)
    assert perfect.standardized[0] == pytest.approx(1.0, abs=1e-14)


def test_the_class_mix_does_not_matter_where_prevalence_is_given() -> None:
    y, probs = _sample(1)
    cases = np.flatnonzero(y == 1)
    more = np.r_[np.arange(y.size), cases, cases]
    one = decision_curve(y, probs, prevalence=0.05)
    two = decision_curve(y[more], probs[more], prevalence=0.05)
    assert two.net_benefit == pytest.approx(one.net_benefit, abs=1e-13)


def test_bootstrap_error_is_that_of_a_mean() -> None:
    """Net benefit is a mean over images: its bootstrap error is known in closed form."""
    y, probs = _sample(2)
    fit = decision_curve(y, probs, thresholds=AT, n_resamples=4000, rng=np.random.default_rng(1))
    worth = np.where(y[:, None] == 1, 1.0, -AT / (1 - AT))
    values = worth * (probs[:, :1] >= AT) - worth * (probs[:, 1:] >= AT)
    closed = values.std(axis=0, ddof=0) / np.sqrt(y.size)
    errors = np.array([row.std_error for row in fit.difference("model 1", "model 2")])
    assert errors == pytest.approx(closed, rel=4 / np.sqrt(2 * 4000) * 1.5)


def test_limits_hold_the_estimates_and_differences_are_paired() -> None:
    y, probs = _sample(3)
    fit = decision_curve(
        y, probs, names=["a", "b"], thresholds=AT, n_resamples=500, rng=np.random.default_rng(1)
    )
    assert (fit.net_benefit_low <= fit.net_benefit).all()
    assert (fit.net_benefit <= fit.net_benefit_high).all()
    assert (fit.standardized_low <= fit.standardized_high).all()
    one, two = fit.difference("a", "b"), fit.difference("b", "a")
    for x, z in zip(one, two, strict=True):
        assert (z.estimate, z.conf_low, z.conf_high) == pytest.approx(
            (-x.estimate, -x.conf_high, -x.conf_low), abs=1e-12
        )
    same = decision_curve(
        y, probs[:, [0, 0]], names=["a", "b"], thresholds=AT, n_resamples=99, rng=np.random.default_rng(1)
    ).difference("a", "b")
    assert all((row.estimate, row.conf_low, row.conf_high) == (0.0, 0.0, 0.0) for row in same)
    assert tuple(fit.difference_frame("a", "treat all").columns) == RESULT_COLUMNS


def test_given_prevalence_is_fixed_in_the_bootstrap() -> None:
    y, probs = _sample(4)
    fit = decision_curve(
        y, probs, thresholds=AT, prevalence=0.1, n_resamples=199, rng=np.random.default_rng(1)
    )
    assert fit.net_benefit_low[-1] == pytest.approx(fit.net_benefit[-1], abs=1e-14)
    assert "prevalence 0.1 given" in fit.method
    assert "images within classes" in fit.method


def test_groups_of_copies_have_the_error_of_one_image_each() -> None:
    y, probs = _sample(5, n=150)
    group = np.repeat(np.arange(150), 3)
    one = decision_curve(y, probs, thresholds=AT, n_resamples=999, rng=np.random.default_rng(1))
    copies = decision_curve(
        np.repeat(y, 3),
        np.repeat(probs, 3, axis=0),
        thresholds=AT,
        group=group,
        n_resamples=999,
        rng=np.random.default_rng(1),
    )
    assert copies.net_benefit == pytest.approx(one.net_benefit, abs=1e-14)
    assert copies.net_benefit_low == pytest.approx(one.net_benefit_low, abs=1e-12)
    assert copies.n_groups == 150


def test_blocks_of_the_bootstrap_change_nothing(monkeypatch) -> None:
    y, probs = _sample(6)
    whole = decision_curve(y, probs, thresholds=AT, n_resamples=200, rng=np.random.default_rng(1))
    monkeypatch.setattr(probabilities, "BLOCK_CELLS", 1000)
    parts = decision_curve(y, probs, thresholds=AT, n_resamples=200, rng=np.random.default_rng(1))
    assert parts.net_benefit_low == pytest.approx(whole.net_benefit_low, abs=1e-13)


def test_samples_without_a_class_are_counted_in_a_note() -> None:
    fit = decision_curve(
        [1, 0, 0, 0], [0.9, 0.2, 0.4, 0.1], thresholds=[0.5], n_resamples=400, rng=np.random.default_rng(1)
    )
    assert "bootstrap samples lack a class" in (fit.note or "")
    assert np.isfinite(fit.standardized_low).all()
    assert np.isfinite(fit.difference("model 1", "treat all")[0].std_error)


def test_without_a_generator_there_are_no_bands() -> None:
    y, probs = _sample(7)
    fit = decision_curve(y, probs, thresholds=AT)
    assert np.isnan(fit.net_benefit_low).all()
    assert "no bands" in fit.method
    assert np.isnan(fit.difference("model 1", "model 2")[0].std_error)


def test_default_thresholds_are_the_decimals() -> None:
    """A probability of 0.29 is acted upon at 0.29: no sum of steps that ends above it."""
    fit = decision_curve([0, 1], [0.2, 0.29])
    assert fit.thresholds.tolist() == [k / 100 for k in range(1, 100)]
    assert fit.net_benefit[0, 28] == 0.5


def test_frame_has_every_strategy_and_treat_none_is_zero() -> None:
    y, probs = _sample(8)
    frame = decision_curve(y, probs, names=["a", "b"], thresholds=AT).to_frame()
    assert frame["strategy"].unique().tolist() == ["a", "b", "treat all", "treat none"]
    none = frame[frame["strategy"] == "treat none"]
    assert (none["net_benefit"] == 0).all()
    every = frame[frame["strategy"] == "treat all"]
    assert (every["interventions_avoided"] == 0).all()
    assert len(frame) == 4 * AT.size


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"thresholds": [0.0, 0.5]}, ValueError, "from 0 to 0.5"),
        ({"thresholds": [0.5, 0.4]}, ValueError, "rising values"),
        ({"prevalence": 1.0}, ValueError, "`prevalence` is 1.0"),
        ({"names": ["a", "a"]}, ValueError, "each once"),
        ({"names": ["a", "treat all"]}, ValueError, "none of them treat all"),
        ({"names": ["a"]}, ValueError, "2 score columns came with 1 names"),
        ({"rng": np.random.default_rng(1), "n_resamples": 5}, ValueError, "at least 99"),
        ({"rng": 4}, TypeError, "numpy Generator"),
        ({"group": [1]}, ValueError, "one group for each"),
        ({"probs": [[0.1, 0.2], [1.1, 0.3]]}, ValueError, r"`model 1` has 1 value outside \[0, 1\] \(row 2"),
    ],
)
def test_bad_input_is_named(options, error, words) -> None:
    with pytest.raises(error, match=words):
        decision_curve(**{"y_true": [0, 1], "probs": [[0.1, 0.2], [0.8, 0.3]], **options})


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(ValueError, match="'c' is no strategy of this curve"):
        decision_curve([0, 1], [0.1, 0.8]).difference("c", "treat all")


def test_a_gain_that_rests_on_few_positive_images_is_told() -> None:
    """Of the positives only one lies below 0.2 and six lie below 0.6."""
    y = np.r_[np.ones(10), np.zeros(30)].astype(int)
    p = np.r_[0.1, np.full(5, 0.5), np.full(4, 0.9), np.linspace(0.01, 0.8, 30)]
    curve = decision_curve(
        y, p[:, None], names=("a",), thresholds=(0.2, 0.6), n_resamples=200, rng=np.random.default_rng(1)
    )
    low, high = curve.difference("a", "treat all")
    assert "a and treat all differ on 1 positive images only" in str(low.note)
    assert high.note is None
    frame = curve.to_frame().set_index(["strategy", "threshold"])["note"]
    assert frame["a", 0.2] == low.note
    assert frame.drop(("a", 0.2)).isna().all()
    same = curve.difference("a", "a")
    assert [row.note for row in same] == [None, None]
