"""Thresholds chosen on validation and metrics at a fixed threshold, against pROC and R, and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.rates.thresholded import thresholded
from stats.rates.thresholded_metrics import METRICS, UNDEFINED, thresholded_metrics
from stats.rates.thresholds import RULES, choose_threshold
from stats.results import RESULT_COLUMNS

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "roc.json").read_text())
CLOSED_FORM = 1e-10


def _listed(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_youden_against_proc(case: dict) -> None:
    """pROC returns all thresholds of the largest index; ours is one of them."""
    scores = np.array(case["scores"], dtype=float)
    for k, model in enumerate(case["models"]):
        chosen = choose_threshold(case["y"], scores[:, k])
        best = {key: _listed(value) for key, value in model["best"].items()}
        assert chosen.n_tied == len(best["threshold"])
        place = int(np.argmin(np.abs(np.array(best["threshold"], dtype=float) - chosen.threshold)))
        assert chosen.threshold == pytest.approx(best["threshold"][place], rel=CLOSED_FORM, abs=1e-12)
        assert chosen.sensitivity == pytest.approx(best["sensitivity"][place], rel=CLOSED_FORM)
        assert chosen.specificity == pytest.approx(best["specificity"][place], rel=CLOSED_FORM)


def _data_set(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores 1 or 0 with these TP, FP, FN, TN."""
    return np.repeat([1, 0, 1, 0], counts), np.repeat([1.0, 1.0, 0.0, 0.0], counts)


@pytest.mark.parametrize("case", GOLDEN["metrics"], ids=lambda case: str(case["counts"]))
def test_metrics_and_proportion_intervals_against_r(case: dict) -> None:
    y, s = _data_set(case["counts"])
    for interval, name in (("wilson", "wilson"), ("clopper-pearson", "exact")):
        rng = np.random.default_rng(1)
        found = thresholded_metrics(y, s, 0.5, rng=rng, n_resamples=200, interval=interval)
        for key, expected in case["proportions"].items():
            if expected["estimate"] is None or expected["estimate"] == "NaN":
                assert np.isnan(found[key].estimate)
                continue
            assert found[key].estimate == pytest.approx(expected["estimate"], rel=CLOSED_FORM)
            limits = (found[key].conf_low, found[key].conf_high)
            assert limits == pytest.approx(expected[name], rel=CLOSED_FORM, abs=1e-12)
        for key in ("f1", "balanced_accuracy", "mcc"):
            assert found[key].estimate == pytest.approx(case[key], rel=CLOSED_FORM)
            assert found[key].conf_low < found[key].estimate < found[key].conf_high


def test_thresholds_by_hand() -> None:
    y, s = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.8]
    youden = choose_threshold(y, s)
    # (1, 2/3) at 0.25 and (2/3, 1) at 0.5 tie, equally far from balance: the higher sensitivity is taken
    assert (youden.threshold, youden.sensitivity, youden.n_tied) == (0.25, 1.0, 2)
    assert "2 thresholds share the largest Youden index" in youden.note
    assert choose_threshold(y, s, rule="sensitivity", target=0.6).threshold == 0.5
    assert choose_threshold(y, s, rule="sensitivity", target=0.7).threshold == 0.25
    assert choose_threshold(y, s, rule="specificity", target=0.9).threshold == 0.5
    fixed = choose_threshold(y, s, rule="fixed")
    assert (fixed.threshold, fixed.sensitivity, fixed.specificity) == (0.5, 2 / 3, 1.0)
    assert fixed.method == RULES["fixed"]


def test_youden_ties_prefer_balance() -> None:
    """Index 1/2 at (1/2, 1), (3/4, 3/4) and (1, 1/2): the balanced one."""
    y = [1, 1, 0, 1, 0, 1, 0, 0]
    s = [8.0, 7, 5.9, 5, 4, 3, 2, 1]
    chosen = choose_threshold(y, s)
    assert (chosen.sensitivity, chosen.specificity) == (0.75, 0.75)


def test_a_target_of_whole_counts_is_reached_exactly() -> None:
    """0.9 of 10 positives is 9 of them, whatever the rounding of 0.9 * 10."""
    y, s = np.repeat([1, 0], 10), np.r_[np.arange(10.0) + 20, np.arange(10.0)]
    for tenths in range(1, 10):
        assert choose_threshold(y, s, rule="sensitivity", target=tenths / 10).sensitivity == tenths / 10


def test_neighbouring_floats_are_still_split() -> None:
    low = 0.1
    high = np.nextafter(low, 1)
    chosen = choose_threshold([0, 0, 1, 1], [low, low, high, high])
    assert (chosen.sensitivity, chosen.specificity) == (1.0, 1.0)
    assert thresholded([0, 0, 1, 1], [low, low, high, high], threshold=chosen.threshold).accuracy == 1.0


def test_extreme_scores_do_not_overflow() -> None:
    chosen = choose_threshold([0, 0, 1, 1], [-1.7e308, -1.6e308, 1.6e308, 1.7e308])
    assert chosen.threshold == 0.0


def test_reversed_scores_end_in_one_call_for_all_and_say_so() -> None:
    chosen = choose_threshold([1, 1, 0, 0], [1.0, 2, 3, 4])
    assert np.isinf(chosen.threshold)
    assert "calls every validation image alike" in chosen.note


datasets = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    m, n = rng.integers(3, 25, 2)
    y = rng.permutation(np.repeat([1, 0], [m, n]))
    return y, np.round(rng.normal(size=m + n) + y, int(rng.integers(0, 4)))


@given(datasets, st.sampled_from(["youden", "sensitivity", "specificity", "fixed"]))
@settings(max_examples=80, deadline=None)
def test_what_was_reached_is_what_the_threshold_gives(rng: np.random.Generator, rule: str) -> None:
    y, s = _data(rng)
    target = float(rng.uniform(0.05, 1)) if rule in ("sensitivity", "specificity") else None
    chosen = choose_threshold(y, s, rule=rule, target=target)
    counts = thresholded(y, s, threshold=chosen.threshold)
    assert (chosen.sensitivity, chosen.specificity) == (counts.sensitivity, counts.specificity)
    if rule == "youden":
        every = [thresholded(y, s, threshold=t) for t in s]
        best = max(one.sensitivity + one.specificity for one in every)
        assert chosen.sensitivity + chosen.specificity >= best - 1e-12
    if target is not None:
        assert getattr(chosen, rule) >= target - 1e-9


@given(datasets)
@settings(max_examples=40, deadline=None)
def test_positive_scaling_scales_the_threshold(rng: np.random.Generator) -> None:
    y, s = _data(rng)
    one, other = choose_threshold(y, s), choose_threshold(y, 4.0 * s)
    assert other.threshold == pytest.approx(4.0 * one.threshold)
    assert other.sensitivity == one.sensitivity


@given(datasets)
@settings(max_examples=20, deadline=None)
def test_swapping_classes_swaps_the_metrics(rng: np.random.Generator) -> None:
    """Calls are inverted too: sensitivity with specificity, PPV with NPV; accuracy and MCC stay."""
    y, s = _data(rng)
    options = {"n_resamples": 99, "rng": np.random.default_rng(1)}
    one = thresholded_metrics(y, s, 0.505, **options)
    other = thresholded_metrics(1 - y, -s, -0.505, **options)
    for a, b in (("sensitivity", "specificity"), ("ppv", "npv"), ("accuracy", "accuracy"), ("mcc", "mcc")):
        assert one[a].estimate == pytest.approx(other[b].estimate, nan_ok=True)
    assert one["ppv"].conf_low == pytest.approx(other["npv"].conf_low, nan_ok=True)


def test_undefined_values_are_nan_with_a_note() -> None:
    none = thresholded_metrics([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.5, rng=np.random.default_rng(1))
    assert np.isnan([none["ppv"].estimate, none["ppv"].conf_low, none["mcc"].estimate]).all()
    assert none["ppv"].note == UNDEFINED["ppv"]
    assert none["mcc"].note == UNDEFINED["mcc"]
    assert none["f1"].estimate == 0.0
    assert none.note == "every image is called negative"
    every = thresholded_metrics([1, 1, 0, 0], [0.6, 0.7, 0.8, 0.9], 0.5, rng=np.random.default_rng(1))
    assert every["npv"].note == UNDEFINED["npv"]
    assert every.note == "every image is called positive"


def test_a_flat_bootstrap_says_that_it_understates() -> None:
    perfect = thresholded_metrics([1, 1, 0, 0], [0.6, 0.7, 0.1, 0.2], 0.5, rng=np.random.default_rng(1))
    assert "no width and understates" in perfect["f1"].note
    assert perfect["accuracy"].conf_low < 0.6


def test_a_chosen_threshold_is_taken_as_it_is_and_rows_have_the_columns() -> None:
    rng = np.random.default_rng(3)
    y, s = np.repeat([1, 0], 30), rng.normal(size=60) + np.repeat([1.0, 0], 30)
    chosen = choose_threshold(y, s)
    found = thresholded_metrics(y, s, chosen, rng=rng)
    assert found.threshold == chosen.threshold
    frame = found.to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert tuple(frame["metric"]) == METRICS
    assert frame["method"].str.contains("score >= ").all()


def test_patients_widen_all_intervals() -> None:
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(60), 4)
    y = (patient % 2).astype(int)
    s = 1.5 * y + rng.normal(size=60)[patient] + 0.1 * rng.normal(size=240)
    alone = thresholded_metrics(y, s, 0.7, rng=np.random.default_rng(1))
    whole = thresholded_metrics(y, s, 0.7, group=patient, rng=np.random.default_rng(1))
    assert whole.n_groups == 60
    for name in METRICS:
        assert whole[name].estimate == pytest.approx(alone[name].estimate)
        width = whole[name].conf_high - whole[name].conf_low
        assert width > 1.3 * (alone[name].conf_high - alone[name].conf_low)
        assert "cluster" in whole[name].method


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "best"}, "allowed are 'fixed', 'youden'"),
        ({"rule": "sensitivity"}, "needs a `target` above 0 and up to 1, for example 0.9; got None"),
        ({"rule": "specificity", "target": 95}, "got 95"),
        ({"rule": "youden", "target": 0.5}, "takes no `target`; got 0.5"),
        ({"rule": "fixed", "target": float("nan")}, "`target` is NaN"),
    ],
)
def test_bad_rules_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_threshold([1, 1, 0, 0], [1.0, 2, 3, 4], **options)


@pytest.mark.parametrize(
    ("threshold", "options", "error", "message"),
    [
        (float("nan"), {}, ValueError, "`threshold` is NaN"),
        (0.5, {"interval": "wald"}, ValueError, "allowed are 'wilson', 'clopper-pearson'"),
        (0.5, {"bootstrap": "normal"}, ValueError, "`bootstrap` is 'normal'"),
        (0.5, {"conf_level": 1.0}, ValueError, "between 0 and 1"),
        (0.5, {"rng": 3}, TypeError, "numpy Generator"),
        (0.5, {"n_resamples": 5}, ValueError, "give at least 99"),
        (0.5, {"group": list("abc")}, ValueError, "one group for each of the 4 images"),
    ],
)
def test_bad_input_is_named(threshold: float, options: dict, error: type[Exception], message: str) -> None:
    options = {"rng": np.random.default_rng(1)} | options
    with pytest.raises(error, match=message):
        thresholded_metrics([1, 1, 0, 0], [1.0, 2, 3, 4], threshold, **options)
