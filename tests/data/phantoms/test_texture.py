"""Statistics of speckle, receiver noise, fields and shared draws."""

from __future__ import annotations

import numpy as np
import pytest

from data.phantoms.texture import (
    Draws,
    rician,
    scale_to_grey,
    seed_from,
    shift_to_grey,
    smooth_curve,
    smooth_field,
    speckle_envelope,
)


def make_draws(seed=0, *, shared=0.5, image=1):
    return Draws(np.random.default_rng(seed), np.random.default_rng([seed, image]), shared=shared)


def test_seed_depends_on_every_key_and_on_their_borders():
    seeds = {seed_from(*keys) for keys in [("a", 1, 2), ("a", 12), ("a", 2, 1), ("b", 1, 2), ("a", 1, 2, 0)]}
    assert len(seeds) == 5
    assert seed_from("breast", 0, 1) == seed_from("breast", 0, 1) < 2**64


def test_shared_draws_correlate_as_asked():
    for shared in (0.0, 0.5, 1.0):
        first = make_draws(image=1, shared=shared).normal(40_000)
        second = make_draws(image=2, shared=shared).normal(40_000)
        # standard error of a correlation of 40,000 pairs is below 0.005
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(shared, abs=0.02)
        assert first.std() == pytest.approx(1.0, abs=0.02)


def test_smooth_fields_have_unit_variance_everywhere():
    draws = make_draws()
    fields = np.array([smooth_field(draws, 24, rows=5, columns=3) for _ in range(4000)])
    np.testing.assert_allclose(fields.std(axis=0), 1.0, atol=0.06)
    curves = np.array([smooth_curve(draws, 24, cells=4) for _ in range(4000)])
    np.testing.assert_allclose(curves.std(axis=0), 1.0, atol=0.06)
    assert np.abs(np.diff(curves, axis=1)).max() < 1.5


def test_speckle_has_the_power_of_the_tissue_at_every_depth():
    draws, size = make_draws(), 96
    power = np.mean(
        [
            speckle_envelope(
                draws, np.full((size, size), 2.0), axial=0.004, lateral_near=0.006, lateral_far=0.02
            )
            ** 2
            for _ in range(60)
        ],
        axis=0,
    )
    # at least 1000 independent grains a row: standard error 3 %, 88 rows
    np.testing.assert_allclose(power.mean(axis=1)[4:-4], 4.0, rtol=0.13)


def test_speckle_grains_widen_with_depth():
    def width(rows):
        rows = rows - rows.mean()
        return (rows[:, 1:] * rows[:, :-1]).mean() / (rows**2).mean()

    draws, size = make_draws(), 128
    envelope = speckle_envelope(
        draws, np.ones((size, size)), axial=0.004, lateral_near=0.004, lateral_far=0.02
    )
    assert width(envelope[96:]) > width(envelope[:32]) + 0.05


def test_rician_noise_has_its_known_moments():
    draws, noise = make_draws(), 0.1
    signal = np.full((200, 200), 0.5)
    magnitude = rician(draws, signal, noise=noise)
    # E[M^2] = A^2 + 2 sigma^2 (Gudbjartsson & Patz 1995)
    assert (magnitude**2).mean() == pytest.approx(0.25 + 2 * noise**2, rel=0.01)
    # without signal the magnitude is Rayleigh with mean sigma sqrt(pi / 2)
    assert rician(draws, 0 * signal, noise=noise).mean() == pytest.approx(
        noise * np.sqrt(np.pi / 2), rel=0.02
    )


@pytest.mark.parametrize("to_grey", [shift_to_grey, scale_to_grey])
def test_gain_sets_the_mean(to_grey):
    field = np.random.default_rng(0).gamma(2.0, 60.0, size=(64, 64))
    image = to_grey(field, mean=80.0)
    assert image.dtype == np.uint8
    assert image.mean() == pytest.approx(80.0, abs=1.0)
    assert (np.diff(image.ravel()[np.argsort(field.ravel())].astype(int)) >= 0).all()
