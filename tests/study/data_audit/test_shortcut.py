"""The shortcut figure: it sees what file statistics give away, and no more."""

import numpy as np
import pandas as pd
import pytest

from study.data_audit.shortcut import SHORTCUT_COLUMNS, STATISTICS, best_shortcut, shortcut


def facts(n, *, seed=0, n_classes=2):
    """Facts of n images whose statistics do not depend on their class."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "image_id": [f"i{k:04d}" for k in range(n)],
            "class": [f"c{k % n_classes}" for k in range(n)],
            "unit": np.arange(n),
            "width": rng.integers(200, 300, n),
            "height": 256,
            "aspect": rng.uniform(0.8, 1.2, n),
            "mode": "L",
            "mean": rng.uniform(60, 120, n),
            "std": rng.uniform(30, 60, n),
            "black_share": rng.uniform(0, 0.3, n),
            "annotation_share": 0.0,
        }
    )


def test_a_size_that_marks_a_class_is_seen_though_it_is_not_ordered():
    images = facts(300)
    positive = images["class"] == "c1"
    # Both very small and very large images are positive: by rank the width tells nothing.
    images.loc[positive, "width"] = np.where(np.arange(positive.sum()) % 2, 100, 400)
    found = shortcut(images, ("c1",))
    assert found.auc > 0.99
    assert found.conf_low > 0.95
    assert abs(found.features["width"] - 0.5) < 0.02


def test_a_low_value_of_the_positive_class_has_an_auc_below_one_half():
    images = facts(200)
    images.loc[images["class"] == "c1", "mean"] -= 100
    assert shortcut(images, ("c1",)).features["mean"] == 0.0


def test_coloured_files_count_by_their_mode():
    images = facts(200)
    images.loc[images["class"] == "c1", "mode"] = "RGB"
    assert shortcut(images, ("c1",)).features["colour"] == 1.0


def test_statistics_without_information_give_about_one_half():
    values = [shortcut(facts(300, seed=seed), ("c1",)).auc for seed in range(6)]
    assert np.mean(values) == pytest.approx(0.5, abs=0.05)


def test_copies_of_an_image_are_never_trained_on_and_tested():
    images = facts(120)
    copies = pd.concat([images.assign(image_id=images["image_id"] + f"-{k}") for k in range(6)])
    copies = copies.reset_index(drop=True)
    together = shortcut(copies, ("c1",))
    apart = shortcut(copies.assign(unit=np.arange(len(copies))), ("c1",))
    assert (together.n, together.n_groups) == (720, 120)
    assert "Obuchowski clustered" in together.method
    assert apart.auc > 0.8
    assert together.auc < 0.7
    assert together.conf_high - together.conf_low > 1.5 * (apart.conf_high - apart.conf_low)


def test_the_order_of_images_does_not_matter_to_singles_and_the_figure_repeats():
    images = facts(100)
    assert shortcut(images, ("c1",)) == shortcut(images, ("c1",))


def test_too_few_images_give_nan_and_the_reason():
    found = shortcut(facts(18), ("c1",))
    assert np.isnan([found.auc, found.conf_low, found.conf_high]).all()
    assert found.note == (
        "not estimated: 9 positive and 9 negative groups of images that belong together (patients, "
        "duplicates, or single images); at least 10 of each are needed"
    )
    assert set(found.features) == set(STATISTICS)


def test_images_that_were_not_searched_are_noted_not_taken_as_clean():
    images = facts(100)
    images.loc[:9, "annotation_share"] = np.nan
    assert shortcut(images, ("c1",)).note.startswith("10 images are too small")


def test_without_a_positive_class_the_best_of_several_has_a_wider_interval():
    images = facts(300, n_classes=3)
    images.loc[images["class"] == "c2", "mean"] += 30
    best = best_shortcut(images, ["c0", "c1", "c2"])
    assert best.positive == ("c2",)
    assert best.conf_level == pytest.approx(1 - 0.05 / 3)
    named = shortcut(images, ("c2",))
    assert best.auc == named.auc
    assert best.conf_low < named.conf_low
    assert "Bonferroni" in best.note


def test_of_two_classes_the_second_by_name_is_positive():
    assert best_shortcut(facts(60), ["c0", "c1"]).positive == ("c1",)


def test_one_class_has_no_shortcut():
    found = best_shortcut(facts(60, n_classes=1), ["c0"])
    assert np.isnan(found.auc)
    assert "1 classes and none named as positive" in found.note


def test_the_table_has_a_row_for_all_and_one_per_statistic():
    table = shortcut(facts(60), ("c1",)).to_frame()
    assert tuple(table.columns) == SHORTCUT_COLUMNS
    assert table["statistics"].tolist() == ["all", *STATISTICS]
