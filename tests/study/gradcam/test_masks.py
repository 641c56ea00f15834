"""The lesion on the grid of the map."""

import numpy as np
import pytest

from study.gradcam.masks import lesion_masks, square_mask


def test_a_mask_of_the_right_size_stays():
    mask = np.random.default_rng(0).random((16, 16)) > 0.7
    np.testing.assert_array_equal(square_mask(mask, 16), mask)


def test_proportions_and_place_are_kept_in_both_directions():
    mask = np.zeros((40, 80), dtype=bool)
    mask[10:30, 60:80] = True  # the right quarter, the middle half
    for size in (8, 16, 160):
        square = square_mask(mask, size)
        assert square.shape == (size, size)
        assert square.mean() == pytest.approx(mask.mean())
        rows, columns = np.nonzero(square)
        assert rows.min() == size // 4
        assert rows.max() == 3 * size // 4 - 1
        assert columns.min() == 3 * size // 4
        assert columns.max() == size - 1


def test_a_lesion_between_the_pixels_keeps_one():
    mask = np.zeros((100, 100), dtype=bool)
    mask[31, 87] = True
    square = square_mask(mask, 10)
    assert np.argwhere(square).tolist() == [[3, 8]]


def test_images_without_a_lesion_have_no_entry():
    masks = {"a": np.ones((4, 4), dtype=bool), "b": np.zeros((4, 4), dtype=bool), "c": None}
    found = lesion_masks(masks.get, ["c", "b", "a"], 2)
    assert list(found) == ["a"]
    assert found["a"].all()
