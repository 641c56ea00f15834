"""Parts of a split against each other, on cases that are counted by hand."""

import numpy as np
import pandas as pd
import pytest

from study.data_audit.parts import BALANCED, part_balance, straddling

IMAGES = pd.DataFrame(
    {
        "image_id": list("abcdef"),
        "group_id": ["p", "p", "q", None, "r", "r"],
        "duplicate_group": ["a", None, None, "a", "e", "e"],
    }
)
SPLIT = pd.DataFrame({"image_id": list("abcdef"), "split": ["train", "test", "train", "test", "val", "val"]})


def test_twins_and_patients_in_training_are_counted_by_part():
    crossed = straddling(IMAGES, SPLIT)
    parts = crossed.parts.set_index("part")
    assert parts.loc["test", ["n", "n_twin", "n_patient"]].tolist() == [2, 1, 1]
    assert parts.loc["val", ["n", "n_twin", "n_patient"]].tolist() == [2, 0, 0]
    assert crossed.duplicates == (("a", "d"),)
    assert crossed.patients == ("p",)
    assert crossed.share("twin", "test") == 0.5


def test_folds_are_counted_apart_and_shared_over_all_images():
    other = SPLIT.assign(split=["test", "train", "test", "train", "train", "train"])
    crossed = straddling(IMAGES, pd.concat([SPLIT.assign(fold=0), other.assign(fold=1)]))
    assert len(crossed.parts) == 4
    assert crossed.share("patient", "test") == 2 / 4
    assert np.isnan(straddling(IMAGES, other).share("twin", "val"))


def test_an_image_outside_the_split_is_no_twin():
    assert straddling(IMAGES, SPLIT[SPLIT["image_id"] != "a"]).duplicates == ()


def test_without_ids_the_share_of_patients_is_unknown_not_zero():
    crossed = straddling(IMAGES.assign(group_id=None), SPLIT)
    assert np.isnan(crossed.share("patient", "test"))
    assert crossed.parts["n_patient"].isna().all()
    assert crossed.share("twin", "test") == 0.5


def test_standardised_difference_against_the_formula():
    rng = np.random.default_rng(0)
    images = pd.DataFrame({"image_id": [f"i{k}" for k in range(60)]} | dict.fromkeys(BALANCED, 1.0))
    images["mean"] = rng.normal(size=60)
    split = images[["image_id"]].assign(split=["train"] * 30 + ["val"] * 10 + ["test"] * 20)
    row = part_balance(images, split).set_index(["part", "statistic"]).loc[("test", "mean")]
    train, test = images["mean"][:30], images["mean"][40:]
    expected = (test.mean() - train.mean()) / np.sqrt((test.var(ddof=1) + train.var(ddof=1)) / 2)
    assert row["difference"] == pytest.approx(expected, rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt(1 / 30 + 1 / 20 + expected**2 / 100), rel=1e-12)


def test_constant_statistics_are_equal_or_beyond_measure():
    images = pd.DataFrame({"image_id": list("abcdef")} | dict.fromkeys(BALANCED, 1.0))
    images.loc[[1, 3], "width"] = 2.0  # the test images
    table = part_balance(images, SPLIT).set_index(["part", "statistic"])["difference"]
    assert table["test", "height"] == 0.0
    assert np.isnan(table["test", "width"])
