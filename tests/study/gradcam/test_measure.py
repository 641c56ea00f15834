"""Measures per image, and agreement after randomisation and between seeds."""

from dataclasses import replace

import numpy as np
import pytest

from stats.saliency.localisation import localise
from study.gradcam.agreement import randomisation_rows, stability_rows
from study.gradcam.files import CENTRE, GRADCAM, MEAN_MASK, OTHER_IMAGE, TABLES, UNIFORM
from study.gradcam.masks import lesion_masks
from study.gradcam.measure import measure_cell, reference_maps
from tests.training.saliency.stored_cell import CELL, SIZE, make_settings
from training.heads import build_head
from training.saliency.explained import cell_maps


@pytest.fixture(scope="module")
def masks(stored, opened):
    return lesion_masks(stored[1]["read_mask"], opened.test["image_id"], SIZE)


@pytest.fixture(scope="module")
def measures(opened, masks):
    return measure_cell(opened, masks=masks, references=reference_maps(SIZE, masks))


def test_every_test_image_with_a_lesion_is_measured_for_every_map(opened, masks, measures):
    assert tuple(measures.columns) == tuple(TABLES["measures"])
    lesions = opened.test.loc[opened.test["class"] != "normal", "image_id"]
    assert 0 < len(lesions) < len(opened.test)
    assert set(masks) == set(lesions)
    for name in (GRADCAM, UNIFORM, CENTRE, MEAN_MASK):
        assert sorted(measures.loc[measures["map"] == name, "image_id"]) == sorted(lesions)
    assert len(measures) == 4 * len(lesions)
    assert measures["group_id"].notna().all()


def test_measures_are_those_of_the_map(opened, masks, measures):
    image_id = next(iter(masks))
    heat, _ = cell_maps(opened, [image_id])
    expected = localise(heat[0], masks[image_id])
    row = measures[(measures["map"] == GRADCAM) & (measures["image_id"] == image_id)].iloc[0]
    assert row["energy"] == pytest.approx(expected.energy, abs=1e-6)  # maps of another chunk: last bits
    assert row["pointing"] == expected.pointing
    assert row["mask_share"] == masks[image_id].mean()


def test_the_uniform_map_gets_the_share_of_the_area(measures):
    uniform = measures[measures["map"] == UNIFORM]
    for name in ("energy", "pointing", "iou"):
        np.testing.assert_allclose(uniform[name], uniform["mask_share"])


def test_options_reach_the_measures(opened, masks):
    found = measure_cell(
        opened, masks=masks, references=reference_maps(SIZE, {}), threshold=0.1, tolerance=200.0
    )
    assert set(found["map"]) == {GRADCAM, UNIFORM, CENTRE}, "no training mask, no mean of them"
    assert (found["pointing"] == 1.0).all(), "everything is near enough"
    assert (found["threshold"] == 0.1).all()
    with pytest.raises(ValueError, match="are no test images of cell"):
        measure_cell(opened, masks={"nowhere": np.ones((SIZE, SIZE), dtype=bool)}, references={})


def test_without_lesions_there_is_no_row(opened):
    found = measure_cell(opened, masks={}, references={})
    assert found.empty
    assert tuple(found.columns) == tuple(TABLES["measures"])


def test_randomisation_has_every_step_for_every_image_and_draw(opened):
    ids = list(opened.test["image_id"][:5])
    rows = randomisation_rows(opened, ids, draws=2)
    assert tuple(rows.columns) == tuple(TABLES["randomisation"])
    steps = rows.drop_duplicates("depth").set_index("depth")["part"]
    assert steps.to_dict() == dict(
        enumerate((OTHER_IMAGE, "head", "layer4", "layer3", "layer2", "layer1", "stem"), start=-1)
    )
    assert len(rows) == 5 * (1 + 2 * 6)
    assert (rows[rows["depth"] >= 0].groupby(["depth", "image_id"])["draw"].nunique() == 2).all()
    assert rows["ssim"].between(-1, 1).all()
    draws = rows[rows["depth"] == 5].groupby("draw")["ssim"].apply(list)
    assert draws[0] != draws[1]
    with pytest.raises(ValueError, match="`draws` is 0; allowed are whole numbers from 1"):
        randomisation_rows(opened, ids, draws=0)


def test_the_same_network_agrees_fully_and_another_seed_less(opened):
    ids = list(opened.test["image_id"][:6])
    same = stability_rows(opened, opened, ids)
    assert tuple(same.columns) == tuple(TABLES["stability"])
    kept = same["rank_correlation"].notna()
    assert kept.any()
    np.testing.assert_allclose(same.loc[kept, ["rank_correlation", "ssim"]], 1.0)
    settings = make_settings(seed=1)
    other = replace(opened, cell_id="b" * 12, settings=settings, head=build_head(settings, 512).eval())
    rows = stability_rows(opened, other, ids)
    assert rows["rank_correlation"].mean() < 0.99
    assert (rows["cell_id"].unique(), rows["other_cell_id"].unique()) == ([CELL], ["b" * 12])
    assert set(zip(rows["seed"], rows["other_seed"], strict=True)) == {(0, 1)}
