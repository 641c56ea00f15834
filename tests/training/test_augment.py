"""Augmentation: ranges, determinism, independence of the batch, equality with two PIL warps."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as tv
from torchvision.transforms.v2 import functional as v2

from training.augment import PRESETS, augment, draw
from training.photometric import Jitter, blur, jitter
from training.settings import AUGMENTATIONS
from training.warp import Warps, warp

SIZE = 64


def noise(n, channels=1, size=SIZE):
    values = np.random.default_rng(7).integers(0, 256, (n, channels, size, size), dtype=np.uint8)
    return torch.from_numpy(values)


def ids(n):
    return [f"image {i}" for i in range(n)]


def identity(n, **changes):
    zero, one = np.zeros(n), np.ones(n)
    base = {
        "flip": zero > 0,
        "flip_vertical": zero > 0,
        "rotation": zero,
        "shift_x": zero,
        "shift_y": zero,
        "scale": one,
        "shear": zero,
    }
    return Warps(**{**base, **changes})


def test_parameters_stay_in_the_papers_ranges_and_fill_them():
    draws = draw(ids(4000), epoch=3, size=256)
    warps = draws.warps
    for values in (warps.flip, warps.flip_vertical, draws.jitter.contrast_first):
        assert abs(values.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)
    for values, low, high in [
        (draws.jitter.brightness, 0.8, 1.2),
        (draws.jitter.contrast, 0.8, 1.2),
        (draws.sigma, 0.1, 2.0),
        (warps.rotation, -10, 10),
        (warps.shift_x, -26, 26),
        (warps.shift_y, -26, 26),
        (warps.scale, 0.9, 1.1),
        (warps.shear, -0.1, 0.1),
    ]:
        width = high - low
        assert low <= values.min() < low + 0.01 * width
        assert high - 0.01 * width < values.max() <= high
        # Uniform: mean and deviation within 4 standard errors of 4000 draws.
        assert abs(values.mean() - (low + high) / 2) < 4 * width / np.sqrt(12 * 4000)
    assert np.array_equal(warps.shift_x, np.rint(warps.shift_x))


def test_parameters_are_independent_of_each_other():
    draws = draw(ids(4000), epoch=0, size=256)
    warps, tone = draws.warps, draws.jitter
    columns = [warps.flip, warps.rotation, warps.shift_x, warps.shift_y, warps.scale, warps.shear]
    columns += [warps.flip_vertical, tone.brightness, tone.contrast, tone.contrast_first, draws.sigma]
    correlation = np.corrcoef(np.array(columns, dtype=float)) - np.eye(11)
    assert np.abs(correlation).max() < 4 / np.sqrt(4000) * 1.2


ACTING = [name for name in AUGMENTATIONS if name != "none"]


@pytest.mark.parametrize("name", ACTING)
def test_same_keys_give_same_bytes_and_other_keys_other_bytes(name):
    images = noise(6)
    first = augment(images, ids(6), name=name, epoch=1)
    assert torch.equal(first, augment(images, ids(6), name=name, epoch=1))
    assert not torch.equal(first, images)
    assert not torch.equal(first, augment(images, ids(6), name=name, epoch=2))
    assert not torch.equal(first, augment(images, ids(6), name=name, epoch=1, stream_seed=1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ACTING)
def test_result_does_not_depend_on_batch_size_or_order(name, channels):
    n = 19  # more than two chunks
    images, names = noise(n, channels), ids(n)
    together = augment(images, names, name=name, epoch=0)
    alone = [augment(images[i : i + 1], names[i : i + 1], name=name, epoch=0) for i in range(n)]
    backwards = augment(images.flip(0), names[::-1], name=name, epoch=0).flip(0)
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(together, backwards)


def test_presets_act_as_named_and_share_their_draws():
    assert tuple(PRESETS) == AUGMENTATIONS
    everything = draw(ids(50), name="all", epoch=0, size=256).warps
    turned = draw(ids(50), name="rotation", epoch=0, size=256).warps
    moved = draw(ids(50), name="affine", epoch=0, size=256).warps
    paper = draw(ids(50), name="paper", epoch=0, size=256).warps
    np.testing.assert_array_equal(turned.rotation, everything.rotation)
    np.testing.assert_array_equal(moved.scale, everything.scale)
    assert not turned.shift_x.any()
    assert (turned.scale == 1).all()
    assert not moved.rotation.any()
    for values in (turned.flip, moved.flip, paper.flip_vertical):
        assert not values.any()
    np.testing.assert_array_equal(paper.flip, everything.flip)


def test_flips_are_torchvisions():
    images = noise(12)
    warps = draw(ids(12), name="flips", epoch=0, size=SIZE).warps
    for one, source, across, down in zip(
        augment(images, ids(12), name="flips", epoch=0), images, warps.flip, warps.flip_vertical, strict=True
    ):
        source = tv.hflip(source) if across else source
        assert torch.equal(one, tv.vflip(source) if down else source)


@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_against_torchvision(channels):
    n = 12
    images = noise(n, channels)
    parameters = draw(ids(n), name="color-jitter", epoch=0, size=SIZE).jitter
    assert parameters.contrast_first.any()
    assert not parameters.contrast_first.all()
    for i, one in enumerate(jitter(images, parameters)):
        brightness = float(np.float32(parameters.brightness[i]))
        contrast = float(np.float32(parameters.contrast[i]))
        if parameters.contrast_first[i]:
            theirs = v2.adjust_brightness(v2.adjust_contrast(images[i], contrast), brightness)
        else:
            theirs = v2.adjust_contrast(v2.adjust_brightness(images[i], brightness), contrast)
        # Both cut off towards zero, so a last-bit difference may cost one gray level.
        difference = (one.int() - theirs.int()).abs()
        assert difference.max() <= 1
        assert (difference > 0).float().mean() < 0.002


def test_contrast_keeps_the_mean_and_brightness_scales_it():
    images = noise(1) // 2 + 40
    same, half = np.ones(1), np.array([0.5])
    first = np.array([False])
    flatter = jitter(images, Jitter(brightness=same, contrast=half, contrast_first=first)).double()
    darker = jitter(images, Jitter(brightness=half, contrast=same, contrast_first=first)).double()
    mean = images.double().mean().item()
    assert flatter.mean().item() == pytest.approx(mean, abs=1)  # cut off towards zero
    assert flatter.std().item() == pytest.approx(images.double().std().item() / 2, rel=0.01)
    assert darker.mean().item() == pytest.approx(mean / 2, abs=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_against_torchvision(channels):
    sigma = np.array([0.1, 0.5, 1.0, 2.0])
    images = noise(4, channels)
    for i, one in enumerate(blur(images, sigma)):
        theirs = v2.gaussian_blur(images[i], [9, 9], [float(sigma[i])] * 2)
        difference = (one.int() - theirs.int()).abs()
        assert difference.max() <= 1  # separable here, one kernel of 81 weights there
        assert (difference > 0).float().mean() < 0.002


def test_blur_leaves_a_flat_image_and_the_narrowest_leaves_every_image():
    flat = torch.full((2, 1, SIZE, SIZE), 77, dtype=torch.uint8)
    assert torch.equal(blur(flat, np.array([0.7, 2.0])), flat)
    assert torch.equal(blur(noise(1), np.array([0.1])), noise(1))


def test_result_does_not_depend_on_memory_layout():
    images = noise(3, channels=3)
    strided = images.to(memory_format=torch.channels_last)
    expected = augment(images, ids(3), name="paper", epoch=0)
    assert torch.equal(augment(strided, ids(3), name="paper", epoch=0), expected)


def test_none_leaves_images_as_they_are():
    images = noise(3)
    assert torch.equal(augment(images, ids(3), name="none", epoch=0), images)


def test_flip_alone_mirrors_left_and_right():
    images = noise(2)
    flipped = warp(images, identity(2, flip=np.array([True, False])))
    assert torch.equal(flipped[0], images[0].flip(-1))
    assert torch.equal(flipped[1], images[1])


def test_shift_alone_moves_pixels_and_fills_zero():
    images = noise(1)
    moved = warp(images, identity(1, shift_x=np.array([5.0]), shift_y=np.array([-3.0])))
    assert torch.equal(moved[0, 0, :-3, 5:], images[0, 0, 3:, :-5])
    assert moved[0, 0, :, :5].max() == 0
    assert moved[0, 0, -3:].max() == 0


def test_rotation_fills_128():
    dark = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.uint8)
    turned = warp(dark, identity(1, rotation=np.array([10.0])))
    assert set(turned.unique().tolist()) == {0, 128}
    assert turned[0, 0, 0, 0] == 128


@pytest.mark.parametrize("channels", [1, 3])
def test_against_two_pil_warps_of_the_original_pipeline(channels):
    n, size = 12, 96
    images = noise(n, channels, size)
    warps = draw(ids(n), name="paper", epoch=0, size=size).warps
    ours = warp(images, warps).numpy()
    for i in range(n):
        array = images[i].numpy().transpose(1, 2, 0)
        picture = Image.fromarray(array if channels == 3 else array[..., 0])
        if warps.flip[i]:
            picture = tv.hflip(picture)
        nearest = InterpolationMode.NEAREST
        picture = tv.rotate(picture, warps.rotation[i], nearest, fill=[128] * channels)
        shift = [int(warps.shift_x[i]), int(warps.shift_y[i])]
        shear = [warps.shear[i], 0.0]
        picture = tv.affine(picture, 0.0, shift, warps.scale[i], shear, nearest, fill=[0] * channels)
        theirs = np.asarray(picture).reshape(size, size, channels).transpose(2, 0, 1)
        # PIL steps in 16-bit fixed point, so a pixel on a border between two sources may go the other way.
        assert np.mean(ours[i] != theirs) < 0.002


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="`augmentation` is 'heavy'; allowed are paper, none, flips"):
        augment(noise(1), ids(1), name="heavy", epoch=0)
    with pytest.raises(ValueError, match="`image_ids` has 2 ids for 1 images"):
        augment(noise(1), ids(2), name="paper", epoch=0)
    with pytest.raises(ValueError, match=r"shape \(n, c, s, s\); got \(1, 1, 64, 60\)"):
        augment(noise(1)[..., :60], ids(1), name="paper", epoch=0)
    with pytest.raises(TypeError, match=r"must be uint8 \(0 to 255\); got torch.float32"):
        augment(noise(1).float(), ids(1), name="paper", epoch=0)
