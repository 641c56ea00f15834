"""Variance from seeds beside that from images: against R's loops, by its limits, and by simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.recipes.results import MODELS, RECIPES
from stats.recipes.variance import recipe_comparison
from stats.results import RESULT_COLUMNS
from stats.roc.auc import auc_ci
from stats.roc.delong import delong_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "calibration.json").read_text())
CLOSED = 1e-9


def _arms(seed: int, seeds=(4, 4), n: int = 60, spread: float = 0.3):
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 3 == 0).astype(int)
    common = rng.normal(size=(n, 1))
    return y, {
        name: common + rng.normal(size=(n, s)) + y[:, None] * (1.0 + spread * rng.normal(size=s))
        for name, s in zip("abc", seeds, strict=False)
    }


@pytest.mark.parametrize("case", GOLDEN["recipes"], ids=lambda case: case["name"])
def test_against_r(case: dict) -> None:
    fit = recipe_comparison(case["y"], {"a": case["a"], "b": case["b"]}, paired_seeds=case["paired"])
    pair, (models, recipes) = fit.pairs[0], fit.to_results()
    found = (
        pair.estimate,
        pair.variance_images,
        pair.variance_observed,
        pair.variance_shared,
        pair.variance_seeds,
        pair.variance_total,
        pair.df,
    )
    names = ("estimate", "images", "observed", "shared", "seeds", "total", "df")
    assert found == pytest.approx(tuple(case[name] for name in names), rel=CLOSED, abs=1e-14)
    assert models.p_value == pytest.approx(case["p_models"], rel=CLOSED)
    assert recipes.p_value == pytest.approx(case["p_recipes"], rel=CLOSED)
    assert (recipes.conf_low, recipes.conf_high) == pytest.approx((case["low"], case["high"]), rel=CLOSED)


def test_one_seed_is_delong_for_the_models_and_nothing_for_the_recipes() -> None:
    y, scores = _arms(1, seeds=(1, 1))
    models, recipes = recipe_comparison(y, scores).to_results()
    single = delong_test(y, scores["a"][:, 0], scores["b"][:, 0])
    assert (models.estimate, models.std_error, models.p_value) == pytest.approx(
        (single.estimate, single.std_error, single.p_value), rel=1e-10
    )
    assert models.note is None
    assert recipes.estimate == models.estimate
    assert np.isnan([recipes.std_error, recipes.p_value, recipes.conf_low, recipes.df]).all()
    assert "one seed only" in (recipes.note or "")


def test_one_arm_with_one_seed_is_enough_to_have_no_recipe() -> None:
    fit = recipe_comparison(*_arms(1, seeds=(1, 5)))
    assert np.isnan(fit.to_results()[1].p_value)
    assert np.isnan(fit.seed_std_dev[0])
    assert np.isfinite(fit.seed_std_dev[1])


@given(st.integers(0, 500), st.booleans())
@settings(deadline=None, max_examples=30)
def test_swapping_arms_negates_and_seed_order_does_not_matter(seed, paired) -> None:
    y, scores = _arms(seed)
    one = recipe_comparison(y, scores, paired_seeds=paired).to_results()
    swapped = recipe_comparison(y, {"b": scores["b"], "a": scores["a"]}, paired_seeds=paired).to_results()
    order = [2, 0, 3, 1]
    turned = recipe_comparison(
        y, {"a": scores["a"][:, order], "b": scores["b"][:, order]}, paired_seeds=paired
    ).to_results()
    for x, z, t in zip(one, swapped, turned, strict=True):
        assert (z.estimate, z.conf_low) == pytest.approx((-x.estimate, -x.conf_high), rel=1e-9)
        assert (z.p_value, t.p_value) == pytest.approx((x.p_value, x.p_value), rel=1e-8)


@given(st.integers(0, 500))
@settings(deadline=None, max_examples=30)
def test_increasing_transforms_change_nothing_and_recipes_are_never_surer_than_models(seed) -> None:
    y, scores = _arms(seed, spread=0.1)
    fit = recipe_comparison(y, scores)
    moved = recipe_comparison(y, {name: np.exp(table) for name, table in scores.items()})
    assert moved.pairs == fit.pairs
    models, recipes = fit.to_results()
    assert recipes.std_error >= models.std_error * (1 - 1e-12)
    assert recipes.conf_high - recipes.conf_low >= models.conf_high - models.conf_low


@given(st.integers(0, 500), st.booleans())
@settings(deadline=None, max_examples=30)
def test_the_parts_add_up(seed, paired) -> None:
    """Images + seeds = observed + shared: the same total by both ways of splitting it."""
    pair = recipe_comparison(*_arms(seed), paired_seeds=paired).pairs[0]
    assert pair.variance_images + pair.variance_seeds == pytest.approx(
        pair.variance_observed + pair.variance_shared, rel=1e-10
    )


def test_pairing_seeds_uses_what_they_share() -> None:
    rng = np.random.default_rng(3)
    y = (np.arange(400) % 2).astype(int)
    luck = 0.5 * rng.normal(size=6)  # the same seed helps both arms alike
    common = rng.normal(size=(400, 1))
    scores = {name: common + 0.3 * rng.normal(size=(400, 6)) + y[:, None] * (1 + luck) for name in "ab"}
    paired, free = (recipe_comparison(y, scores, paired_seeds=p).to_results()[1] for p in (True, False))
    assert paired.std_error < free.std_error / 2
    assert (
        paired.df <= 5.0 * (paired.std_error / min(paired.std_error, free.std_error)) ** 4 or paired.df > 5.0
    )
    assert "seeds paired across arms" in paired.method
    assert "independent seeds" in free.method


def test_seed_variance_alone_is_recovered_on_many_images() -> None:
    """On many images the AUC of a seed is its own truth, so the components are known."""
    rng = np.random.default_rng(4)
    n, s = 4000, 40
    y = (np.arange(n) % 2).astype(int)
    shift = 1.0 + 0.3 * rng.normal(size=s)
    fit = recipe_comparison(y, {"a": rng.normal(size=(n, s)) + y[:, None] * shift})
    truth = np.std(fit.seed_auc[0], ddof=1)
    assert fit.seed_std_dev[0] == pytest.approx(truth, rel=0.05)
    assert fit.seed_std_dev[0] < truth


def test_arms_carry_both_readings() -> None:
    y, scores = _arms(5)
    rows = recipe_comparison(y, scores).arm_results()
    assert [row.comparison for row in rows] == [MODELS, MODELS, RECIPES, RECIPES]
    alone = recipe_comparison(y, {"a": scores["a"][:, :1]}).arm_results()[0]
    single = auc_ci(y, scores["a"][:, 0])
    assert (alone.estimate, alone.std_error, alone.conf_low) == pytest.approx(
        (single.auc, single.std_error, single.conf_low), rel=1e-10
    )
    assert recipe_comparison(y, {"a": scores["a"]}).to_results() == []


def test_pairs_are_adjusted_within_each_reading() -> None:
    y, scores = _arms(6, seeds=(4, 4, 4))
    frame = recipe_comparison(y, scores).to_frame()
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert frame.groupby("family").size().tolist() == [3, 3]
    for _, part in frame.groupby("family"):
        smallest = part["p_value"].min()
        assert part["p_adjusted"].min() == pytest.approx(min(3 * smallest, 1.0))


def test_groups_of_copies_change_nothing() -> None:
    y, scores = _arms(7)
    one = recipe_comparison(y, scores, group=np.arange(y.size))
    plain = recipe_comparison(y, scores)
    assert one.pairs[0].variance_total == pytest.approx(plain.pairs[0].variance_total, rel=1e-10)
    assert "Obuchowski clustered" in one.to_results()[0].method
    assert one.n_groups == y.size


def test_identical_arms_and_variance_zero_follow_the_written_rules() -> None:
    y, scores = _arms(8)
    same = recipe_comparison(y, {"a": scores["a"], "b": scores["a"]}, paired_seeds=True)
    for row in same.to_results():
        assert (row.estimate, row.statistic, row.p_value) == (0.0, 0.0, 1.0)
    apart = recipe_comparison(
        [0, 0, 1, 1], {"a": np.tile([[0], [0], [1], [1]], 2), "b": np.zeros((4, 2))}
    ).to_results()
    assert np.isnan([apart[0].p_value, apart[0].conf_low, apart[1].p_value]).all()
    assert "variance of 0" in (apart[0].note or "")


def test_seeds_that_differ_by_images_only_are_noted() -> None:
    y, scores = _arms(8)
    fit = recipe_comparison(y, {"a": scores["a"][:, [0, 0]], "b": scores["b"][:, [1, 1]]})
    assert "estimated as 0 or less" in (fit.pairs[0].note or "")
    models, recipes = fit.to_results()
    assert recipes.std_error == pytest.approx(models.std_error, rel=1e-12)
    assert np.isnan(recipes.df)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scores": {}}, "holds no arm"),
        ({"scores": {"a": np.zeros((4, 0))}}, "Arm 'a' has no seed"),
        (
            {"scores": {"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, "paired_seeds": True},
            "came: a: 2, b: 3",
        ),
        ({"scores": {"a": np.array([[0, 1], [0, 1], [0, 1], [0, np.nan]])}}, "`a, seed 2` has 1 missing"),
        ({"scores": {"a": np.zeros((3, 2))}}, "expected"),
        ({"y_true": [0, 0, 0, 1]}, "at least 2 of each class"),
        ({"conf_level": 1.5}, "`conf_level` is 1.5"),
    ],
)
def test_bad_input_is_named(options, words) -> None:
    good = {"y_true": [0, 0, 1, 1], "scores": {"a": np.zeros((4, 2))}}
    with pytest.raises(ValueError, match=words):
        recipe_comparison(**{**good, **options})


def _coverage(seeds: int, spread: float, *, paired: bool, runs: int) -> tuple[float, float]:
    """Share of intervals that hold 0 where both arms are the same recipe, per reading."""
    rng = np.random.default_rng(seeds)
    y = np.repeat([1, 0], [40, 60])
    hits = np.zeros(2)
    for _ in range(runs):
        common, luck = rng.normal(size=(100, 1)), rng.normal(size=seeds)
        scores = {}
        for name in "ab":
            own = rng.normal(size=seeds)
            quality = np.sqrt(0.5) * (luck + own) if paired else own
            x = np.sqrt(0.5) * common + np.sqrt(0.2) * rng.normal(size=(100, 1))
            x = x + np.sqrt(0.3) * rng.normal(size=(100, seeds))
            scores[name] = x + y[:, None] * (1.5 + spread * quality)
        rows = recipe_comparison(y, scores, paired_seeds=paired).to_results()
        hits += [row.conf_low <= 0.0 <= row.conf_high for row in rows]
    return hits[0] / runs, hits[1] / runs


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "paired"), [(5, False), (10, False), (5, True), (10, True)])
def test_recipes_are_covered_at_the_level_and_models_alone_fall_short(seeds: int, paired: bool) -> None:
    runs = 2000
    models, recipes = _coverage(seeds, 0.4, paired=paired, runs=runs)
    error = np.sqrt(0.95 * 0.05 / runs)
    assert 0.95 - 4 * error < recipes < 0.95 + 4 * error + 0.01
    assert models < 0.90
    assert _coverage(seeds, 0.0, paired=paired, runs=runs)[1] > 0.95 - 4 * error
