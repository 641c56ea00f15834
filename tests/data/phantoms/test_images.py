"""What single phantoms show: masks, cues, difficulty, patients, sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from data.phantoms.breast import BREAST_CLASSES, breast_phantom
from data.phantoms.knee import KNEE_CLASSES, knee_phantom

MAKER = dict.fromkeys(BREAST_CLASSES, breast_phantom) | dict.fromkeys(KNEE_CLASSES, knee_phantom)
KINDS = list(MAKER)


def draw(kind, *, image=0, patient=0, size=64, difficulty=0.0):
    rng = np.random.default_rng([image, patient])
    return MAKER[kind](rng, kind=kind, size=size, difficulty=difficulty, patient=patient)


@pytest.mark.parametrize("kind", KINDS)
def test_image_and_mask_have_their_types(kind):
    for size in (32, 65, 128):
        phantom = draw(kind, size=size)
        assert phantom.image.shape == phantom.mask.shape == (size, size)
        assert phantom.image.dtype == np.uint8
        assert phantom.mask.dtype == bool
        assert phantom.mask.any() == (kind != "normal")
        assert 40 < phantom.image.mean() < 110
        assert phantom.image.std() > 15


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_calls_does_not_matter(kind):
    first = [draw(kind, patient=patient).image for patient in (1, 2, 3)]
    second = [draw(kind, patient=patient).image for patient in (3, 2, 1)][::-1]
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kinds", [BREAST_CLASSES, KNEE_CLASSES])
def test_classes_are_identical_at_difficulty_one(kinds):
    for patient in range(4):
        images = [draw(kind, patient=patient, difficulty=1.0).image for kind in kinds]
        for image in images[1:]:
            np.testing.assert_array_equal(image, images[0])


@pytest.mark.parametrize(
    ("kind", "other"), [("benign", "malignant"), ("benign", "normal"), ("intact", "torn")]
)
def test_classes_come_closer_with_difficulty(kind, other):
    def gap(difficulty):
        pairs = (
            (draw(kind, patient=p, difficulty=difficulty), draw(other, patient=p, difficulty=difficulty))
            for p in range(12)
        )
        return np.mean([np.abs(a.image.astype(float) - b.image).mean() for a, b in pairs])

    gaps = [gap(difficulty) for difficulty in (0.0, 0.4, 0.8, 1.0)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0.0 < gaps[-2]


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_a_patient_resemble_each_other(kind):
    def smooth(image, patient):
        field = gaussian_filter(draw(kind, image=image, patient=patient).image.astype(float), 2.0)
        return (field - field.mean()).ravel() / field.std() / field.size**0.5

    own = [smooth(0, p) @ smooth(1, p) for p in range(10)]
    others = [smooth(0, p) @ smooth(1, p + 1) for p in range(10)]
    assert np.mean(own) > np.mean(others) + 0.1
    assert np.max(own) < 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_anatomy_does_not_depend_on_the_size(kind):
    small, large = draw(kind, size=64), draw(kind, size=128)
    halved = large.image.astype(float).reshape(64, 2, 64, 2).mean(axis=(1, 3))
    fields = [gaussian_filter(image.astype(float), 2.0).ravel() for image in (small.image, halved)]
    assert np.corrcoef(fields)[0, 1] > 0.9
    assert abs(small.mask.mean() - large.mask.mean()) < 0.01


def test_lesion_is_darker_than_the_tissue_around_it():
    for kind in ("benign", "malignant"):
        contrast = []
        for patient in range(10):
            phantom = draw(kind, patient=patient)
            ring = gaussian_filter(phantom.mask.astype(float), 3.0) > 0.05
            contrast.append(phantom.image[ring & ~phantom.mask].mean() - phantom.image[phantom.mask].mean())
        assert np.median(contrast) > 25


def test_benign_is_wider_than_tall_and_compact_malignant_is_neither():
    shapes = {}
    for kind in ("benign", "malignant"):
        ratio, roughness = [], []
        for patient in range(20):
            mask = draw(kind, patient=patient, size=128).mask
            rows, columns = np.nonzero(mask)
            ratio.append(columns.std() / rows.std())
            border = (
                np.abs(np.diff(mask.astype(int), axis=0)).sum()
                + np.abs(np.diff(mask.astype(int), axis=1)).sum()
            )
            roughness.append(border / np.sqrt(mask.sum()))
        shapes[kind] = np.mean(ratio), np.mean(roughness)
    assert shapes["benign"][0] > 1.3 > 1.1 > shapes["malignant"][0]
    assert shapes["malignant"][1] > 1.25 * shapes["benign"][1]


def test_sound_is_stronger_behind_benign_and_weaker_behind_malignant():
    change = {}
    for kind in ("benign", "malignant"):
        values = []
        for patient in range(30):
            phantom, empty = draw(kind, patient=patient), draw("normal", patient=patient)
            columns = phantom.mask.sum(axis=0) > 0.6 * phantom.mask.sum(axis=0).max()
            last = np.flatnonzero(phantom.mask.any(axis=1))[-1]
            behind = np.s_[last + 2 : last + 14]
            difference = phantom.image.astype(float) - empty.image
            values.append(difference[behind, columns].mean() - difference[behind, ~columns].mean())
        change[kind] = np.mean(values)
    assert change["benign"] > 5 > -5 > change["malignant"]


def test_ligament_is_dark_when_intact_and_bright_in_places_when_torn():
    values = {}
    for kind in KNEE_CLASSES:
        phantoms = [draw(kind, patient=patient, size=64) for patient in range(12)]
        values[kind] = np.mean([np.percentile(p.image[p.mask], 80) / p.image.mean() for p in phantoms])
    assert values["torn"] > 1.4 * values["intact"]


def test_mask_is_one_region():
    for kind in ("benign", "malignant", "intact", "torn"):
        for patient in range(8):
            mask = draw(kind, patient=patient, size=128).mask
            parts, n = label(mask, structure=np.ones((3, 3)))
            assert np.bincount(parts.ravel())[1:].max() > 0.97 * mask.sum(), n


@pytest.mark.parametrize("maker", [breast_phantom, knee_phantom])
def test_unknown_class_is_named(maker):
    with pytest.raises(
        ValueError, match=r"`kind` is 'cyst'; this phantom has (benign, malignant, normal|intact, torn)"
    ):
        maker(np.random.default_rng(0), kind="cyst", size=64)
