"""Augmentation: ranges, determinism, independence of the batch, equality with two PIL warps."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as tv

from training.augment import Warps, augment, draw_warps, warp

SIZE = 64


def noise(n, channels=1, size=SIZE):
    values = np.random.default_rng(7).integers(0, 256, (n, channels, size, size), dtype=np.uint8)
    return torch.from_numpy(values)


def ids(n):
    return [f"image {i}" for i in range(n)]


def identity(n, **changes):
    zero, one = np.zeros(n), np.ones(n)
    base = {"flip": zero > 0, "rotation": zero, "shift_x": zero, "shift_y": zero, "scale": one, "shear": zero}
    return Warps(**{**base, **changes})


def test_parameters_stay_in_the_papers_ranges_and_fill_them():
    warps = draw_warps(ids(4000), epoch=3, size=256)
    assert 0.47 < warps.flip.mean() < 0.53
    for values, low, high in [
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
    warps = draw_warps(ids(4000), epoch=0, size=256)
    columns = [warps.flip, warps.rotation, warps.shift_x, warps.shift_y, warps.scale, warps.shear]
    correlation = np.corrcoef(np.array(columns, dtype=float)) - np.eye(6)
    assert np.abs(correlation).max() < 4 / np.sqrt(4000) * 1.2


def test_same_keys_give_same_bytes_and_other_keys_other_bytes():
    images = noise(6)
    first = augment(images, ids(6), name="paper", epoch=1)
    assert torch.equal(first, augment(images, ids(6), name="paper", epoch=1))
    assert not torch.equal(first, augment(images, ids(6), name="paper", epoch=2))
    assert not torch.equal(first, augment(images, ids(6), name="paper", epoch=1, stream_seed=1))


def test_result_does_not_depend_on_batch_size_or_order():
    images, names = noise(7, channels=3), ids(7)
    together = augment(images, names, name="paper", epoch=0)
    alone = [augment(images[i : i + 1], names[i : i + 1], name="paper", epoch=0) for i in range(7)]
    backwards = augment(images.flip(0), names[::-1], name="paper", epoch=0).flip(0)
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(together, backwards)


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
    warps = draw_warps(ids(n), epoch=0, size=size)
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
    with pytest.raises(ValueError, match="`augmentation` is 'heavy'; allowed are paper, none"):
        augment(noise(1), ids(1), name="heavy", epoch=0)
    with pytest.raises(ValueError, match="`image_ids` has 2 ids for 1 images"):
        augment(noise(1), ids(2), name="paper", epoch=0)
    with pytest.raises(ValueError, match=r"shape \(n, c, s, s\); got \(1, 1, 64, 60\)"):
        augment(noise(1)[..., :60], ids(1), name="paper", epoch=0)
    with pytest.raises(TypeError, match=r"must be uint8 \(0 to 255\); got torch.float32"):
        augment(noise(1).float(), ids(1), name="paper", epoch=0)
