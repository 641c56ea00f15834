"""Burnt-in annotations: what is drawn is found, and nothing is found where nothing was drawn."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from data.audit.annotations import find_annotations
from data.audit.windows import opening
from data.registry import load_dataset


@pytest.fixture(scope="module")
def phantoms():
    """20 breast phantoms at 256 pixels."""
    dataset = load_dataset("phantom-breast", options={"n_patients": 10, "size": 256, "seed": 3})
    return [dataset.read_image(image_id) for image_id in dataset.manifest["image_id"]]


def with_text(image, text, *, size=12, colour=230):
    drawn = Image.fromarray(image)
    place = (20, image.shape[0] - 3 * size)
    ImageDraw.Draw(drawn).text(place, text, fill=colour, font=ImageFont.load_default(size))
    return np.asarray(drawn)


def with_cross(image, x, y, *, arm=4, colour=230):
    drawn = Image.fromarray(image)
    pen = ImageDraw.Draw(drawn)
    pen.line([(x - arm, y), (x + arm, y)], fill=colour)
    pen.line([(x, y - arm), (x, y + arm)], fill=colour)
    return np.asarray(drawn)


def test_untouched_phantoms_bear_nothing(phantoms):
    for image in phantoms:
        found = find_annotations(image)
        assert found.kinds == ()
        assert found.share == 0.0


@pytest.mark.parametrize("text", ["RT AXILLA", "LEFT BREAST", "LT UOQ 12:00", "rt axilla"])
@pytest.mark.parametrize("size", [9, 12, 18, 24])
def test_text_is_found_on_every_phantom(phantoms, text, size):
    drawn = [with_text(image, text, size=size) for image in phantoms]
    assert all("text" in find_annotations(image).kinds for image in drawn)


def test_crosses_are_found_on_every_phantom(phantoms):
    rng = np.random.default_rng(0)
    for image in phantoms:
        x, y = rng.integers(40, 216, 2)
        assert "caliper" in find_annotations(with_cross(image, int(x), int(y))).kinds


def test_annotations_of_twice_the_size_are_found(phantoms):
    image = np.repeat(np.repeat(phantoms[0], 2, axis=0), 2, axis=1)
    assert find_annotations(with_text(image, "RT AXILLA", size=22)).kinds == ("text",)
    large = np.repeat(np.repeat(with_cross(phantoms[0], 100, 100), 2, axis=0), 2, axis=1)
    assert find_annotations(large).kinds == ("caliper",)


def test_the_area_grows_with_what_is_drawn(phantoms):
    short, long = (find_annotations(with_text(phantoms[0], text)).share for text in ("LT3", "RT AXILLA"))
    assert 0 < short < long < 0.05


def test_colour_is_an_overlay_only_on_a_grey_image(phantoms):
    image = np.repeat(phantoms[0][..., None], 3, axis=2)
    assert find_annotations(image).kinds == ()
    overlaid = image.copy()
    overlaid[50:60, 50:60] = (200, 30, 30)
    assert find_annotations(overlaid).kinds == ("colour",)
    photograph = image.copy()
    photograph[..., 2] = photograph[..., 2] // 4
    photograph[..., 0] = 255
    assert "colour" not in find_annotations(photograph).kinds


@pytest.mark.parametrize("density", [1.0, 0.03])
def test_noise_is_no_text(density):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (256, 256), dtype=np.uint8)
    noise[rng.random(noise.shape) > density] = 0
    assert find_annotations(noise).kinds == ()


def test_an_image_too_small_to_search_is_unknown_rather_than_clean():
    assert find_annotations(np.zeros((47, 200), dtype=np.uint8)) is None
    assert find_annotations(np.zeros((48, 48), dtype=np.uint8)).kinds == ()


def test_opening_is_the_highest_minimum_of_the_windows_that_hold_a_pixel():
    values = np.random.default_rng(0).integers(0, 50, (9, 11)).astype(np.int16)
    expected = np.full(values.shape, -1)
    for y in range(values.shape[0] - 2):
        for x in range(values.shape[1] - 4):
            window = (slice(y, y + 3), slice(x, x + 5))
            expected[window] = np.maximum(expected[window], values[window].min())
    np.testing.assert_array_equal(opening(values, (3, 5)), expected)
