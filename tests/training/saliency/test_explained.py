"""A stored cell opened again: its scores, its maps, and input that does not belong to it."""

import numpy as np
import pytest

from tests.training.saliency.stored_cell import CELL, SIZE
from training.saliency.explained import CHUNK, cell_maps, network_maps, open_cell
from training.weights import resolve_weights


def _given(stored):
    return {name: stored[1][name] for name in ("images", "manifest", "weights")}


def test_test_images_come_with_class_and_margin(stored, opened):
    store, given = stored
    test = store.read_predictions(cell_ids=[CELL], splits=["test"])
    assert list(opened.test["image_id"]) == list(test["image_id"])
    classes = given["manifest"].set_index("image_id")["class"]
    assert list(opened.test["class"]) == list(classes[test["image_id"]])
    assert np.array_equal(opened.test["margin"] > 0, test["score"] > 0.5)
    assert list(opened.targets(list(test["image_id"])).numpy()) == list((test["score"] > 0.5).astype(int))


def test_maps_are_shares_of_evidence_and_the_same_in_any_company(opened):
    ids = list(opened.test["image_id"])
    assert len(ids) > CHUNK, "more than one chunk"
    heat, peaks = cell_maps(opened, ids)
    assert heat.shape == (len(ids), SIZE, SIZE)
    assert heat.dtype == np.float32
    assert (heat >= 0).all()
    sums = heat.sum(axis=(1, 2))
    assert np.all(np.isclose(sums, 1.0, atol=1e-4) | (sums == 0))
    assert set(peaks) == {"layer3", "layer4"}
    assert all(values.shape == (len(ids),) for values in peaks.values())
    some, _ = cell_maps(opened, [ids[18], ids[3]])
    np.testing.assert_allclose(some, heat[[18, 3]], atol=1e-6)


def test_no_image_gives_no_map(opened):
    heat, peaks = cell_maps(opened, [])
    assert heat.shape == (0, SIZE, SIZE)
    assert set(peaks) == {"layer3", "layer4"}


def test_the_explained_class_is_that_of_the_target(opened):
    ids = list(opened.test["image_id"][:4])
    x, target = opened.inputs(ids), opened.targets(ids)
    own, _ = network_maps(opened.trunk, opened.head, x, target)
    np.testing.assert_array_equal(own, cell_maps(opened, ids)[0])
    assert not np.allclose(own, network_maps(opened.trunk, opened.head, x, 1 - target)[0])


def test_other_images_are_refused(stored):
    store, _ = stored
    given = _given(stored)
    cell = open_cell(store, CELL, **{**given, "images": given["images"][::-1].copy()})
    with pytest.raises(ValueError, match=r"The rebuilt model scores '.*' 0\.\d+, but the store holds"):
        cell_maps(cell, list(cell.test["image_id"]))


def test_input_that_does_not_fit_is_named(stored, opened, tmp_path):
    store, _ = stored
    given = _given(stored)
    other = resolve_weights("random", "ResNet50", weights_dir=tmp_path)
    with pytest.raises(
        ValueError, match=r"was trained with random weights of ResNet18, SHA-256 .* Use the weights"
    ):
        open_cell(store, CELL, **{**given, "weights": other})
    with pytest.raises(ValueError, match=r"`images` has 3 images, `manifest` \d+ rows"):
        open_cell(store, CELL, **{**given, "images": given["images"][:3]})
    with pytest.raises(ValueError, match="was trained on 64 px images; given were 32 x 32"):
        open_cell(store, CELL, **{**given, "images": given["images"][:, :, :32, :32]})
    half = len(given["images"]) // 2
    part = {**given, "images": given["images"][:half], "manifest": given["manifest"].iloc[:half]}
    with pytest.raises(ValueError, match="the manifest lacks"):
        open_cell(store, CELL, **part)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        open_cell(store, "ba9876543210", **given)
    with pytest.raises(ValueError, match=r"1 image\(s\) are no test images of cell .*, first 'nowhere'"):
        cell_maps(opened, ["nowhere"])


def test_the_cell_stays_in_evaluation_mode(opened):
    cell_maps(opened, list(opened.test["image_id"][:2]))
    assert not any(module.training for module in (*opened.trunk.modules(), *opened.head.modules()))
    assert all(parameter.grad is None for parameter in opened.trunk.parameters())
