"""What the published grid says beyond the paper."""

import pandas as pd
import pytest

from data.published_grid import TEST_IMAGES, load_published_grid
from manuscript.published.beyond import MATCH, beyond_published, interactions, pretraining_slices
from manuscript.published.collapsed import collapsed_cells, predicted_class
from manuscript.published.replicates import replicate_pairs, replicates

GRID = load_published_grid()


def test_pairs_that_differ_in_the_inert_factor() -> None:
    """64 pairs whose FC ratio did nothing: SD of a run 0.0235, largest gap 0.093, no mean gap."""
    first = replicates(GRID).iloc[0]
    assert (first["n"], len(replicate_pairs(GRID))) == (64, 64)
    assert first["sd_of_a_run"] == pytest.approx(0.0235, abs=5e-5)
    assert first["largest_gap"] == pytest.approx(0.0935, abs=5e-5)
    assert first["conf_low"] < 0 < first["conf_high"]
    assert first["p_value"] > 0.5


def test_the_factor_acts_in_the_head_that_uses_it() -> None:
    last = replicates(GRID).iloc[-1]
    assert (last["heads"], last["n"]) == ("NonLinear", 16)
    assert last["conf_low"] > 0
    assert last["p_value"] < 0.05


def test_a_factor_that_acts_is_seen_in_the_pairs() -> None:
    shifted = GRID.assign(test_auc=GRID["test_auc"] + 0.02 * (GRID["fcsizeratio"] == 1.0))
    before, after = replicates(GRID).iloc[0], replicates(shifted).iloc[0]
    assert after["mean_difference"] == pytest.approx(before["mean_difference"] + 0.02)
    assert after["sd_of_a_run"] == pytest.approx(before["sd_of_a_run"])
    assert after["p_value"] < 0.001


def test_the_pretraining_interacts_with_the_backbone() -> None:
    tests = interactions(GRID).set_index("term")
    assert tests.loc["pretrain:backbone", "p_value"] < 1e-6
    slices = pretraining_slices(GRID).set_index(["task", "backbone"])["estimate"]
    shown = {key: round(-value, 3) for key, value in slices.items()}  # RadImageNet minus ImageNet
    assert shown == {
        ("acl", "DenseNet121"): 0.007,
        ("acl", "ResNet50"): 0.071,
        ("breast", "DenseNet121"): -0.059,
        ("breast", "ResNet50"): 0.047,
    }


def test_all_collapsed_models_are_densenet_with_radimagenet() -> None:
    rows = collapsed_cells(GRID)
    fallen = rows[rows["n_collapsed"] > 0]
    assert fallen[["task", "backbone", "pretrain", "n", "n_collapsed"]].to_numpy().tolist() == [
        ["acl", "DenseNet121", "RadImageNet", 22, 12],
        ["breast", "DenseNet121", "RadImageNet", 22, 14],
    ]
    assert (rows["n_collapsed"] == rows["n_all_negative"] + rows["n_all_positive"]).all()
    assert rows["n"].sum() == 176


@pytest.mark.parametrize("task", sorted(TEST_IMAGES))
def test_one_class_is_told_from_a_rate_that_only_resembles_it(task: str) -> None:
    m, n = TEST_IMAGES[task]
    rates = {
        "negative": (0.0, n / (m + n)),
        "positive": (2 * m / (2 * m + n), m / (m + n)),
        None: (0.0, (n - 1) / (m + n)),  # no true positive, but one false positive: both classes predicted
    }
    frame = pd.DataFrame(
        [{"task": task, "test_f1": f1, "test_accuracy": accuracy} for f1, accuracy in rates.values()]
    )
    assert list(predicted_class(frame)) == list(rates)


def test_matched_cells_of_the_published_grid() -> None:
    rows = beyond_published(GRID).comparisons
    acl = GRID[GRID["task"] == "acl"].set_index([*MATCH, "pretrain"])["test_auc"].unstack()
    d = acl["ImageNet"] - acl["RadImageNet"]
    flips = rows[(rows["analysis"] == "permutation") & (rows["task"] == "acl")].iloc[0]
    assert (flips["n"], len(d)) == (44, 44)
    assert flips["estimate"] == pytest.approx(d.mean())
    assert flips["method"].endswith("exact")
    assert 0 < flips["p_value"] < 0.001
    sliced = rows[rows["analysis"] == "contrast"]
    assert (sliced["estimate"] > 0).tolist() == [True, False]
