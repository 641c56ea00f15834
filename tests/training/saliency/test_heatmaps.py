"""Grad-CAM maps: the closed form of one layer, and the average over layers."""

import pytest
import torch
from torch import nn

from training.saliency.heatmaps import average_maps, layer_gradcam


class _TinyNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.conv1 = nn.Conv2d(3, 5, 3, padding=1)
        self.conv2 = nn.Conv2d(5, 4, 3, stride=2)
        self.fc = nn.Linear(4, 2)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)

    def forward(self, x):
        a = torch.relu(self.conv1(x))
        b = torch.relu(self.conv2(a))
        return self.fc(b.mean(dim=(2, 3)))


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_layer_map_equals_the_closed_form(layer):
    model = _TinyNet().eval().requires_grad_(False)
    x = torch.randn(6, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 1, 0, 1, 1, 0])
    found = layer_gradcam(model, getattr(model, layer), x, target)

    kept = {}
    handle = getattr(model, layer).register_forward_hook(lambda m, i, out: kept.update(a=out))
    logits = model(x.clone().requires_grad_(True))
    handle.remove()
    gradient = torch.autograd.grad(logits[torch.arange(6), target].sum(), kept["a"])[0]
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    expected = torch.relu((weights * kept["a"]).sum(dim=1))
    assert (expected > 0).any()
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-6)


def test_average_gives_both_layers_the_same_mass():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 3, generator=generator), 1000 * torch.rand(2, 6, 6, generator=generator)
    both = average_maps({"a": a, "b": b}, size=12)
    alone = (average_maps({"a": a}, size=12) + average_maps({"b": b}, size=12)) / 2
    torch.testing.assert_close(both, alone)
    torch.testing.assert_close(both.sum(dim=(1, 2)), torch.ones(2))


def test_layer_without_evidence_is_left_out():
    a, zero = torch.rand(1, 4, 4), torch.zeros(1, 2, 2)
    assert torch.equal(average_maps({"a": a, "b": zero}, size=8), average_maps({"a": a}, size=8))
    assert torch.equal(average_maps({"a": zero}, size=8), torch.zeros(1, 8, 8))


def test_a_map_lies_where_its_evidence_lies():
    """A channel that copies the image, read with weight 1: the map is the image, in place and not turned."""

    class Copy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.AvgPool2d(4)

        def forward(self, x):
            mean = self.layer(x).mean(dim=(1, 2, 3))
            return torch.stack([-mean, mean], dim=1)

    x = torch.zeros(1, 1, 32, 32)
    x[0, 0, 4:8, 20:28] = 1.0
    model = Copy().eval()
    heat = average_maps({"layer": layer_gradcam(model, model.layer, x, torch.tensor([1]))}, size=32)[0]
    row, column = divmod(int(heat.argmax()), 32)
    assert 4 <= row < 8
    assert 20 <= column < 28
    # bilinear enlargement from 8 x 8 spreads a cell over its neighbours, no further
    assert heat[0:12, 16:32].sum() == pytest.approx(1.0)
