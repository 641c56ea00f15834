"""Cascading randomisation: what becomes random in which step, and that the cell itself stays."""

import copy
from dataclasses import replace

import pytest
import torch

from tests.training.saliency.stored_cell import make_settings
from training.backbones import FusedTrunk, build_trunk, freeze_trunk
from training.heads import build_head
from training.saliency.explained import network_maps
from training.saliency.randomise import cascade_parts, randomised_networks

STEPS = ("head", "layer4", "layer3", "layer2", "layer1", "stem")


@pytest.fixture(scope="module")
def ids(opened):
    return list(opened.test["image_id"][:6])


def _state(trunk):
    return {name: tensor.clone() for name, tensor in trunk.net.state_dict().items()}


def test_parts_come_from_the_head_down():
    assert cascade_parts("ResNet18") == STEPS
    assert cascade_parts("DenseNet121")[:2] == ("head", "denseblock4")
    assert cascade_parts("InceptionV3") == ("head", "mixed7", "mixed6", "mixed5", "stem")


def test_each_step_changes_its_part_alone_and_keeps_the_steps_before(opened, ids):
    before = _state(opened.trunk)
    random = set()
    for part, trunk, head in randomised_networks(opened, opened.inputs(ids), draw=0):
        after = _state(trunk)
        prefix = {"stem": ("conv1.", "bn1."), "head": ()}.get(part, (f"{part}.",))
        expected = {name for name in after if prefix and name.startswith(prefix)}
        changed = {name for name in after if not torch.equal(after[name], before[name])}
        # convolutions and running statistics change; scale 1 and shift 0 are those of the level `random` too
        assert {name for name in expected if "conv" in name} <= changed
        assert changed <= random | expected
        random |= changed
        assert not torch.equal(head.fc1.weight, opened.head.fc1.weight)
        assert not any(module.training for module in (*trunk.modules(), *head.modules()))
    assert {name for name in before if "conv" in name and "weight" in name} <= random


@pytest.mark.parametrize("backbone", ["DenseNet121", "InceptionV3"])
def test_the_cascade_reaches_every_convolution_of_the_backbone(opened, backbone):
    trunk = freeze_trunk(build_trunk(backbone))
    settings = make_settings(backbone=backbone, image_size=80)
    head = build_head(settings, trunk.n_features).eval()
    cell = replace(opened, trunk=trunk, head=head, settings=settings)
    before = _state(trunk)
    x = torch.randn(2, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    counts = []
    for _, changed, _ in randomised_networks(cell, x, draw=0):
        after = changed.net.state_dict()
        convolutions = [name for name in after if after[name].ndim == 4]
        counts.append(sum(not torch.equal(after[name], before[name]) for name in convolutions))
    assert counts[0] == 0, "the head alone"
    assert counts == sorted(set(counts)), "each step adds some"
    assert counts[-1] == len(convolutions)


def test_the_cell_itself_stays_as_it_is(opened, ids):
    trunk, head = _state(opened.trunk), copy.deepcopy(opened.head.state_dict())
    list(randomised_networks(opened, opened.inputs(ids), draw=0))
    assert all(torch.equal(tensor, trunk[name]) for name, tensor in opened.trunk.net.state_dict().items())
    assert all(torch.equal(tensor, head[name]) for name, tensor in opened.head.state_dict().items())


def test_random_layers_keep_activations_alive(opened, ids):
    x = opened.inputs(ids)
    for _, trunk, head in randomised_networks(opened, x, draw=0):
        with torch.no_grad():
            features = trunk(x)
        assert 0.01 < features.std() < 100
        heat, _ = network_maps(trunk, head, x, opened.targets(ids))
        assert (heat.sum(axis=(1, 2)) > 0).mean() > 0.5


def test_a_draw_repeats_and_draws_differ(opened, ids):
    x = opened.inputs(ids)

    def weights(draw):
        found = list(randomised_networks(opened, x, draw=draw))[-1]
        return found[1].net.conv1.weight, found[2].fc1.weight

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_what_has_no_cascade_is_refused(opened, ids):
    with pytest.raises(ValueError, match="1 image came; BatchNorm statistics of random parts need 2"):
        next(randomised_networks(opened, opened.inputs(ids[:1]), draw=0))
    fused = replace(opened, trunk=FusedTrunk([opened.trunk, copy.deepcopy(opened.trunk)]))
    with pytest.raises(ValueError, match="fuses several trunks; a cascade needs one"):
        next(randomised_networks(fused, opened.inputs(ids), draw=0))
