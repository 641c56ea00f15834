"""Rank correlation and SSIM of maps, against SciPy and scikit-image and by their properties."""

import json
from pathlib import Path

import numpy as np
import pytest

from stats.saliency.agreement import rank_correlation, structural_similarity

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
ROUNDING = 1e-10  # another order of the same sums of 121 products of order 1


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_against_scikit_image_and_scipy(case):
    a, b = np.array(case["a"]), np.array(case["b"])
    assert structural_similarity(a, b) == pytest.approx(case["ssim"], abs=ROUNDING)
    assert rank_correlation(a, b) == pytest.approx(case["rank_correlation"], abs=ROUNDING)


@pytest.fixture
def maps():
    rng = np.random.default_rng(5)
    return rng.random((12, 15)), rng.random((12, 15))


@pytest.mark.parametrize("measure", [rank_correlation, structural_similarity])
def test_equal_maps_agree_fully_and_order_and_scale_do_not_matter(maps, measure):
    a, b = maps
    assert measure(a, a) == pytest.approx(1.0)
    assert measure(a, 8.0 * a) == pytest.approx(1.0)
    assert measure(a, b) == pytest.approx(measure(b, a))
    assert measure(a, b) == pytest.approx(measure(3.0 * a, b))
    assert measure(a, b) < 0.5


def test_rank_correlation_sees_the_order_alone(maps):
    a, b = maps
    assert rank_correlation(np.exp(5 * a), b) == pytest.approx(rank_correlation(a, b))
    assert rank_correlation(a, 1.0 - a) == pytest.approx(-1.0)


def test_rank_correlation_by_hand():
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, sums of squares 4.5 and 5
    assert rank_correlation(
        np.array([[0.0, 1.0, 1.0, 2.0]]), np.array([[0.0, 1.0, 2.0, 3.0]])
    ) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_a_constant_map_has_no_rank_correlation(maps):
    assert np.isnan(rank_correlation(np.zeros((12, 15)), maps[1]))
    assert structural_similarity(np.zeros((12, 15)), np.zeros((12, 15))) == pytest.approx(1.0)


def test_bad_input_is_named(maps):
    a, b = maps
    with pytest.raises(ValueError, match=r"The maps have the shapes \(12, 15\) and \(11, 15\)"):
        rank_correlation(a, b[:11])
    with pytest.raises(ValueError, match="A map has values that are not finite"):
        rank_correlation(a, np.full(b.shape, np.inf))
    with pytest.raises(ValueError, match="A map has values below 0"):
        structural_similarity(a, b - 1.0)
    with pytest.raises(ValueError, match=r"shape \(10, 15\); SSIM needs at least 11 x 11 pixels"):
        structural_similarity(a[:10], b[:10])
