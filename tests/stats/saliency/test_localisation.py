"""Energy, pointing game and overlap: values by hand, and what must hold for every map."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stats.saliency.localisation import LOCALISATION_MEASURES, energy_inside, localise, overlap, pointing_game
from stats.saliency.reference_maps import centre_prior, mean_mask, uniform_map

CLOSED_FORM = 1e-12  # sums of at most 100 numbers of order 1

HEAT = np.array([[0.0, 1.0, 2.0], [0.0, 4.0, 3.0], [0.0, 0.0, 0.0]])
MASK = np.array([[False, False, True], [False, False, True], [False, False, True]])


def test_values_by_hand():
    found = localise(HEAT, MASK)
    assert found.energy == pytest.approx((2 + 3) / 10, abs=CLOSED_FORM)
    assert found.pointing == 0.0  # the 4 lies beside the lesion
    # marked from 2 on: 2, 4, 3; of these 2 and 3 in the lesion of three pixels
    assert found.iou == pytest.approx(2 / 4, abs=CLOSED_FORM)
    assert found.mask_share == pytest.approx(1 / 3, abs=CLOSED_FORM)
    assert overlap(HEAT, MASK, threshold=1.0) == 0.0
    assert overlap(HEAT, MASK, threshold=0.25) == pytest.approx(2 / 5, abs=CLOSED_FORM)


def test_tolerance_counts_a_maximum_near_the_lesion():
    assert pointing_game(HEAT, MASK, tolerance=1.0) == 1.0
    far = np.zeros((5, 5))
    far[0, 0] = 1.0
    lesion = np.zeros((5, 5), dtype=bool)
    lesion[3, 4] = True  # a distance of 5
    assert pointing_game(far, lesion, tolerance=4.99) == 0.0
    assert pointing_game(far, lesion, tolerance=5.0) == 1.0


def test_tied_maxima_give_the_share_inside():
    heat = np.array([[3.0, 3.0], [3.0, 0.0]])
    assert pointing_game(heat, np.array([[True, False], [False, True]])) == pytest.approx(1 / 3)


def test_map_without_evidence_has_no_value():
    found = localise(np.zeros((3, 3)), MASK)
    assert np.isnan([found.energy, found.pointing, found.iou]).all()
    assert found.mask_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_inside(HEAT, MASK[:2]), r"`heat` has shape \(3, 3\), `mask` \(2, 3\)"),
        (lambda: energy_inside(HEAT[0], MASK[0]), r"both must be \(h, w\)"),
        (lambda: energy_inside(HEAT, MASK.astype(int)), "`mask` is int64; give bool"),
        (lambda: overlap(HEAT, np.zeros((3, 3), dtype=bool)), "`mask` is empty; an image without a lesion"),
        (lambda: pointing_game(HEAT - 1, MASK), "`heat` has values below 0 or not finite"),
        (lambda: localise(np.where(HEAT > 3, np.nan, HEAT), MASK), "`heat` has values below 0 or not finite"),
        (lambda: pointing_game(HEAT, MASK, tolerance=-1), "`tolerance` is -1; allowed are pixels from 0"),
        (lambda: pointing_game(HEAT, MASK, tolerance=float("nan")), "`tolerance` is nan"),
        (lambda: overlap(HEAT, MASK, threshold=0.0), r"`threshold` is 0.0; allowed are shares .* \(0, 1\]"),
        (lambda: overlap(HEAT, MASK, threshold=1.1), "`threshold` is 1.1"),
        (lambda: mean_mask([]), "`masks` is empty"),
        (lambda: mean_mask([MASK, MASK[:2]]), r"`masks` have the shapes \(3, 3\) and \(2, 3\)"),
        (lambda: centre_prior(5, spread=0.0), "`spread` is 0.0; allowed are shares of the side above 0"),
        (lambda: uniform_map(0), "`size` is 0; allowed are whole numbers from 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)).filter(lambda m: m.any())


@st.composite
def heat_and_mask(draw):
    mask = draw(masks)
    whole = draw(hnp.arrays(np.int64, mask.shape, elements=st.integers(0, 20)))
    return whole.astype(float), mask


@given(masks)
def test_a_map_equal_to_the_mask_is_perfect(mask):
    found = localise(mask.astype(float), mask)
    assert (found.energy, found.pointing, found.iou) == (1.0, 1.0, 1.0)


@given(masks)
def test_a_flat_map_gets_the_share_of_the_area(mask):
    found = localise(np.full(mask.shape, 0.3), mask)
    for name in LOCALISATION_MEASURES:
        assert getattr(found, name) == pytest.approx(mask.mean(), abs=CLOSED_FORM)


@given(heat_and_mask(), st.integers(-20, 20))
def test_scale_of_the_map_changes_nothing(case, exponent):
    heat, mask = case
    scaled = asdict(localise(heat * 2.0**exponent, mask))
    assert scaled == pytest.approx(asdict(localise(heat, mask)), nan_ok=True)


@given(heat_and_mask())
def test_measures_lie_between_0_and_1_and_turning_the_image_changes_nothing(case):
    heat, mask = case
    found, turned = localise(heat, mask), localise(np.rot90(heat).copy(), np.rot90(mask).copy())
    for name in LOCALISATION_MEASURES:
        value = getattr(found, name)
        assert np.isnan(value) == (heat.max() == 0)
        assert np.isnan(value) or 0.0 <= value <= 1.0
        assert getattr(turned, name) == pytest.approx(value, nan_ok=True)


@given(heat_and_mask())
def test_energy_inside_and_outside_sum_to_1(case):
    heat, mask = case
    if heat.max() > 0 and not mask.all():
        assert energy_inside(heat, mask) + energy_inside(heat, ~mask) == pytest.approx(1.0)


def test_reference_maps():
    assert (uniform_map(4) == 1.0).all()
    prior = centre_prior(9)
    assert prior[4, 4] == prior.max() == 1.0
    np.testing.assert_allclose(prior, prior.T)
    np.testing.assert_allclose(prior, prior[::-1, ::-1])
    # one standard deviation (a quarter of the side) from the centre along a row
    assert centre_prior(9, spread=1 / 9)[4, 5] == pytest.approx(np.exp(-0.5))
    half = np.array([[True, False]])
    np.testing.assert_array_equal(mean_mask([half, half, ~half]), [[2 / 3, 1 / 3]])
