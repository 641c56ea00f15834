"""The BatchNorm probe: closed form on one layer, silence where it fits, a note on wrong preprocessing."""

import math

import pytest
import torch
from torch import nn

from training.bn_probe import LayerFit, probe_batchnorm, probe_note
from training.preprocess import preprocess
from training.weights_random import calibration_images, random_trunk


def test_shift_and_ratio_are_those_of_the_images_over_all_batches():
    layer = nn.BatchNorm2d(3, eps=0.0).eval()
    layer.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    layer.running_var.copy_(torch.tensor([4.0, 1.0, 0.25]))
    x = torch.randn(10, 3, 6, 6, generator=torch.Generator().manual_seed(0)).double().float() * 2 + 5
    before = layer.state_dict()["running_mean"].clone()
    (fit,) = probe_batchnorm(nn.Sequential(layer).eval(), x.split(4))
    mean, variance = x.double().mean(dim=(0, 2, 3)), x.double().var(dim=(0, 2, 3), correction=0)
    shift = ((mean - layer.running_mean).abs() / layer.running_var.sqrt()).median()
    assert fit.shift == pytest.approx(float(shift), rel=1e-6)
    ratio = math.exp(float((variance / layer.running_var).log().median()))
    assert fit.variance_ratio == pytest.approx(ratio, rel=1e-6)
    assert torch.equal(layer.running_mean, before)


def test_fitting_statistics_give_no_note_and_wrong_preprocessing_does():
    trunk, images = random_trunk("ResNet18"), calibration_images()
    right = preprocess(images, "caffe")
    fits = probe_batchnorm(trunk, right.split(16))
    assert len(fits) == 20
    # The statistics were set in one batch, in float32 and with the unbiased variance.
    assert max(fit.shift for fit in fits) < 5e-3
    assert all(0.98 < fit.variance_ratio < 1.02 for fit in fits)
    assert probe_note("random", fits, n_images=64) is None
    for wrong in (images.expand(-1, 3, -1, -1).float(), preprocess(images, "minus-one-one")):
        note = probe_note("random", probe_batchnorm(trunk, wrong.split(16)), n_images=64)
        assert note is not None
        assert "BatchNorm of the random weights does not fit these images" in note
        assert "(first bn1;" in note


def test_a_few_deep_layers_far_off_are_no_reason_for_a_note():
    near = LayerFit(layer="bn1", shift=0.1, variance_ratio=1.0)
    far = LayerFit(layer="layer4", shift=2.0, variance_ratio=1.0)
    assert probe_note("x", [near, near, far], n_images=64) is None
    assert "in 2 of 3 layers" in (probe_note("x", [near, far, far], n_images=64) or "")
    assert "first layer4" in (probe_note("x", [far, near, near], n_images=64) or "")


def test_values_that_are_not_numbers_are_far_off():
    fit = LayerFit(layer="bn1", shift=math.nan, variance_ratio=1.0)
    assert fit.is_far
    assert "worst bn1: shift nan sd" in (probe_note("x", [fit], n_images=3) or "")


def test_a_trunk_in_train_mode_and_no_image_are_refused():
    with pytest.raises(ValueError, match="The trunk is in train mode"):
        probe_batchnorm(nn.Sequential(nn.BatchNorm2d(1)).train(), [torch.zeros(2, 1, 2, 2)])
    with pytest.raises(ValueError, match="The BatchNorm probe got no image"):
        probe_batchnorm(nn.Sequential(nn.BatchNorm2d(1)).eval(), [])
