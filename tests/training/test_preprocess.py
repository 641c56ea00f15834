"""Preprocessing of each kind against hand-computed pixels."""

import numpy as np
import pytest
import torch

from training.preprocess import preprocess

# One RGB pixel, and the float32 rounding of values of about 2.
PIXEL = (10, 100, 200)
TOLERANCE = 1e-6


def pixel(values):
    return torch.tensor(values, dtype=torch.uint8).view(1, len(values), 1, 1)


def result(name, values=PIXEL):
    return preprocess(pixel(values), name).flatten().tolist()


def test_caffe_is_bgr_minus_means_over_deviations():
    red, green, blue = PIXEL
    expected = [
        (blue / 255 - 103.939 / 255) / 0.225,
        (green / 255 - 116.779 / 255) / 0.224,
        (red / 255 - 123.68 / 255) / 0.229,
    ]
    assert result("caffe") == pytest.approx(expected, abs=TOLERANCE)


def test_imagenet_rgb_against_torchvision():
    from torchvision.transforms.functional import normalize, to_tensor

    image = np.array(PIXEL, dtype=np.uint8).reshape(1, 1, 3)
    expected = normalize(to_tensor(image), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert result("imagenet-rgb") == pytest.approx(expected.flatten().tolist(), abs=TOLERANCE)


def test_minus_one_one_is_bgr_in_that_range():
    assert result("minus-one-one") == pytest.approx(
        [(v - 127.5) * 2 / 255 for v in PIXEL[::-1]], abs=TOLERANCE
    )
    assert result("minus-one-one", (0, 0, 255)) == pytest.approx([1.0, -1.0, -1.0], abs=TOLERANCE)


@pytest.mark.parametrize("name", ["caffe", "imagenet-rgb", "minus-one-one"])
def test_grey_images_equal_their_rgb_copies(name):
    grey = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(preprocess(grey, name), preprocess(grey.repeat(1, 3, 1, 1), name))


def test_the_images_are_not_changed():
    images = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    copy = images.clone()
    preprocess(images, "caffe")
    assert torch.equal(images, copy)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="`preprocessing` is 'tf'; allowed are caffe, imagenet-rgb"):
        preprocess(pixel(PIXEL), "tf")
    with pytest.raises(TypeError, match="must be uint8"):
        preprocess(pixel(PIXEL).float(), "caffe")
    with pytest.raises(ValueError, match=r"\(n, 1 or 3, h, w\); got \(1, 2, 1, 1\)"):
        preprocess(pixel((1, 2)), "caffe")
