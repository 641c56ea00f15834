"""What a grid says of itself, against R, and what must not change it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stats.grids.best_of import expected_best
from stats.grids.design import design_rank, imbalances
from stats.grids.image_split import expected_leak_share
from stats.grids.level_gaps import level_gaps, matched_levels
from stats.grids.run_noise import paired_run_noise, run_noise
from stats.grids.seeds_needed import seeds_needed
from stats.grids.spread import spread_test

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "grids.json").read_text())
CLOSED = 1e-12  # closed forms
QUADRATURE = 1e-9  # two integrators
RNG = np.random.default_rng(5)


@pytest.mark.parametrize("case", GOLDEN["noise"])
def test_noise_within_sets_against_r(case: dict) -> None:
    found = run_noise(case["y"], case["s"])
    assert found.df == case["df"]
    shown = (found.std_dev, found.conf_low, found.conf_high)
    assert shown == pytest.approx((case["sd"], case["low"], case["high"]), rel=CLOSED)


@pytest.mark.parametrize("case", GOLDEN["paired"])
def test_noise_and_gap_of_pairs_against_r(case: dict) -> None:
    assert paired_run_noise(case["a"], case["b"]).std_dev == pytest.approx(case["sd"], rel=CLOSED)
    n = len(case["a"])
    cells = pd.DataFrame(
        {"f": ["b"] * n + ["a"] * n, "run": [*range(n), *range(n)], "value": case["a"] + case["b"]}
    )
    (gap,) = level_gaps(cells, "f", ["run"], "value")
    assert (gap.low, gap.high) == ("a", "b")
    shown = (gap.mean_difference, gap.conf_low, gap.conf_high)
    assert shown == pytest.approx((case["mean"], case["low"], case["high"]), rel=CLOSED)
    assert gap.within(max(abs(gap.conf_low), abs(gap.conf_high)) + 1e-9)
    assert not gap.within(max(abs(gap.conf_low), abs(gap.conf_high)) - 1e-9)


@pytest.mark.parametrize("case", GOLDEN["seeds"])
def test_seeds_needed_against_power_t_test(case: dict) -> None:
    n = seeds_needed(case["difference"], case["std_dev"], power=case["power"], design=case["design"])
    assert n == case["n"]


@pytest.mark.parametrize("case", GOLDEN["best"], ids=lambda case: str(case["k"]))
def test_best_of_k_against_r(case: dict) -> None:
    assert expected_best(case["k"]) == pytest.approx(case["value"], rel=QUADRATURE)


@pytest.mark.parametrize("case", GOLDEN["spread"])
def test_brown_forsythe_against_r(case: dict) -> None:
    found = spread_test(case["y"], case["g"])
    assert (found.df1, found.df2) == (case["df1"], case["df2"])
    assert (found.statistic, found.p_value) == pytest.approx((case["F"], case["p"]), rel=CLOSED)
    assert found.std_dev == pytest.approx(case["sd"], rel=CLOSED)


@pytest.mark.parametrize("case", GOLDEN["design"])
def test_rank_and_association_against_r(case: dict) -> None:
    cells = pd.DataFrame(case["data"])
    found = design_rank(cells, list(cells))
    assert (found.rank, found.columns) == (case["rank"], case["columns"])
    assert bool(found.aliased) == (case["rank"] < case["columns"])
    first, second = cells.columns[:2]
    worst = {item.other: item.cramers_v for item in imbalances(cells, first, list(cells.columns))}
    assert worst.get(second, 0.0) == pytest.approx(case["v"], rel=CLOSED, abs=1e-9)


@pytest.mark.parametrize("case", GOLDEN["leak"])
def test_expected_leak_against_dhyper(case: dict) -> None:
    sizes = dict(zip(case["sizes"], case["units"], strict=True))
    assert expected_leak_share(sizes, case["share"]) == pytest.approx(case["value"], rel=CLOSED)


def test_expected_leak_against_simulated_splits() -> None:
    units = np.repeat(np.arange(25), [1] * 20 + [4] * 5)
    shares = []
    for _ in range(600):
        order = RNG.permutation(units)
        shares.append(np.isin(order[30:], order[:20]).mean())  # 20 train, 10 val, 10 test
    error = np.std(shares) / np.sqrt(len(shares))
    assert expected_leak_share({1: 20, 4: 5}, 0.5) == pytest.approx(np.mean(shares), abs=4 * error)
    with pytest.raises(ValueError, match="2 or more"):
        expected_leak_share({1: 1}, 0.5)


def test_sets_of_two_runs_are_pairs_whose_gap_counts() -> None:
    a, b = RNG.normal(size=9), RNG.normal(size=9)
    sets = run_noise(np.r_[a, b], [*range(9), *range(9)])
    assert sets.std_dev == pytest.approx(np.sqrt(np.square(a - b).sum() / 18), rel=CLOSED)
    assert (sets.n_sets, sets.n_runs, sets.df) == (9, 18, 9)
    assert sets.largest_gap == paired_run_noise(a, b).largest_gap


def test_a_shift_of_one_arm_leaves_the_noise_of_pairs() -> None:
    a, b = RNG.normal(size=9), RNG.normal(size=9)
    assert paired_run_noise(a + 3, b).std_dev == pytest.approx(paired_run_noise(a, b).std_dev, rel=1e-9)


def test_single_runs_say_nothing_about_noise() -> None:
    whole = run_noise([0.1, 0.2, 0.9], ["a", "a", "b"])
    assert (whole.n_sets, whole.n_runs) == (1, 2)
    with pytest.raises(ValueError, match="two seeds or more"):
        run_noise([0.1, 0.2], ["a", "b"])


def test_more_noise_needs_more_seeds_until_there_are_too_many() -> None:
    counts = [seeds_needed(0.02, sd) for sd in (0.01, 0.02, 0.04)]
    assert counts == sorted(counts)
    assert seeds_needed(-0.02, 0.04) == counts[-1]
    assert seeds_needed(1e-6, 0.04) is None
    with pytest.raises(ValueError, match="not 0"):
        seeds_needed(0.0, 0.04)


def test_correlation_shrinks_the_optimism_by_its_square_root() -> None:
    assert expected_best(88, correlation=0.75) == pytest.approx(0.5 * expected_best(88), rel=CLOSED)
    assert expected_best(1) == 0.0
    with pytest.raises(ValueError, match="correlation"):
        expected_best(3, correlation=1.0)


def test_a_factor_that_some_cells_do_not_use_is_no_alias() -> None:
    cells = pd.DataFrame(
        [("Linear", None, p) for p in "ab"] + [("Conv", f, p) for f in (4, 16) for p in "ab"],
        columns=["head", "filters", "pretrain"],
    )
    assert design_rank(cells, list(cells)).aliased == ()
    split = cells.assign(backbone=np.where(cells["pretrain"] == "a", "x", "y"))
    assert design_rank(split, list(split)).aliased == ("pretrain", "backbone")
    assert imbalances(split, "pretrain", ["head", "backbone"])[0].cramers_v == pytest.approx(1.0)


def test_cells_that_cannot_be_told_apart_are_not_matched() -> None:
    cells = pd.DataFrame({"f": ["a", "a", "b"], "run": [1, 1, 1], "value": [0.1, 0.2, 0.3]})
    with pytest.raises(ValueError, match="cannot be matched"):
        matched_levels(cells, "f", ["run"], "value")


def test_groups_without_spread_have_no_test() -> None:
    assert np.isnan(spread_test([1.0, 1.0, 2.0, 2.0], ["a", "a", "b", "b"]).p_value)
    assert np.isnan(spread_test([1.0, 2.0], ["a", "b"]).p_value)
