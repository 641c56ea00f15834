"""Places that are known are found; what is compared there means what it says."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from data.audit.alignment import NO_CHANGE, align, warp
from data.audit.displacement import local_displacement
from data.audit.similarity import fit_grey_levels, local_agreement, mean_ssim

SIZE = 64


@pytest.fixture
def picture():
    """A textured image, float32 (1, 64, 64), grey levels about 20 to 230."""
    noise = np.random.default_rng(0).normal(size=(SIZE, SIZE))
    mixed = 8.0 * gaussian_filter(noise, 6.0) + 2.0 * gaussian_filter(noise, 1.5)
    return (125.0 + 35.0 * mixed / mixed.std()).astype(np.float32)[None]


INSIDE = np.ones((1, SIZE, SIZE), dtype=bool)


@pytest.mark.parametrize(
    "place",
    [(0.9, 0.0, 0.9, 0.0), (0.95, 0.05, 1.0, 0.0), (1.0, 0.0, 1.08, -0.04), (0.93, -0.03, 0.97, 0.02)],
)
def test_a_known_place_is_found(picture, place):
    template, _ = warp(picture, np.array([place]))
    found = align(template, picture, NO_CHANGE[None], steps=40)
    np.testing.assert_allclose(found.place[0], place, atol=2e-3)
    assert found.correlation[0] > 0.999


def test_brightness_contrast_and_a_label_do_not_move_the_place(picture):
    template, _ = warp(picture, np.array([(0.92, 0.0, 0.96, 0.02)]))
    template = 0.5 * template + 60.0
    template[0, 50:58, 5:40] = 255.0
    found = align(template, picture, NO_CHANGE[None], steps=40)
    np.testing.assert_allclose(found.place[0], (0.92, 0.0, 0.96, 0.02), atol=0.02)


def test_each_pair_is_aligned_as_if_alone(picture):
    places = np.array([(0.9, 0.0, 0.9, 0.0), (1.0, 0.0, 1.0, 0.0), (0.95, 0.05, 1.0, 0.0)])
    images = np.repeat(picture, 3, axis=0)
    templates, _ = warp(images, places)
    together = align(templates, images, np.repeat(NO_CHANGE[None], 3, axis=0), steps=20).place
    for k in range(3):
        alone = align(templates[k : k + 1], picture, NO_CHANGE[None], steps=20).place[0]
        np.testing.assert_allclose(together[k], alone, atol=1e-5)


def test_no_pairs_are_no_error(picture):
    none = picture[:0]
    found = align(none, none, np.zeros((0, 4)), steps=3)
    assert found.place.shape == (0, 4)
    assert local_agreement(none, found.warped, found.inside).shape == (0,)
    assert local_displacement(none, found.warped, found.inside).shape == (0,)


def test_agreement_is_one_for_the_same_texture_and_low_for_another(picture):
    other = np.random.default_rng(1).normal(size=picture.shape).astype(np.float32)
    other = gaussian_filter(other, (0, 1.5, 1.5)) * 200.0 + gaussian_filter(picture, (0, 6, 6))
    assert local_agreement(picture, 0.5 * picture + 30.0, INSIDE)[0] == pytest.approx(1.0, abs=0.02)
    assert local_agreement(picture, other, INSIDE)[0] < 0.2


def test_a_label_does_not_lower_the_agreement(picture):
    labelled = picture.copy()
    labelled[0, 42:48, 8:48] = 255.0
    assert local_agreement(picture, labelled, INSIDE)[0] > 0.9


def test_a_flat_image_gives_no_agreement(picture):
    assert local_agreement(picture, np.full_like(picture, 9.0), INSIDE)[0] == 0.0


@pytest.mark.parametrize("shift", [0.2, 0.5])
def test_displacement_is_measured_in_pixels(picture, shift):
    down, across = np.mgrid[:SIZE, :SIZE].astype(float)
    moved = map_coordinates(picture[0].astype(float), [down, across - shift], order=3, mode="nearest")
    measured = local_displacement(picture, moved[None].astype(np.float32), INSIDE)[0]
    assert measured == pytest.approx(shift, rel=0.3)


def test_brightness_is_no_displacement(picture):
    assert local_displacement(picture, 0.6 * picture + 50.0, INSIDE)[0] < 0.01


def test_ssim_is_one_for_the_same_image_and_falls_with_noise(picture):
    noise = np.random.default_rng(2).normal(size=picture.shape)
    values = [mean_ssim(picture, picture + scale * noise, INSIDE)[0] for scale in (0.0, 10.0, 40.0)]
    assert values[0] == pytest.approx(1.0)
    assert values[0] > values[1] > values[2]


def test_the_grey_fit_undoes_gamma(picture):
    changed = (255.0 * (picture / 255.0) ** 1.6).astype(np.float32)
    fitted = fit_grey_levels(picture[0], changed[0], INSIDE[0])
    assert np.abs(fitted - picture[0]).mean() < 1.0
    assert np.abs(changed - picture).mean() > 20.0
