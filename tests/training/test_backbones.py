"""Trunks: same numbers as torchvision, groups that hold weights, and frozen that means frozen."""

import hashlib

import pytest
import torch
from torch import nn
from torchvision import models

from training.backbones import FrozenTrunk, build_trunk, freeze_trunk, gradcam_layers
from training.layer_groups import layer_groups

N_FEATURES = {"ResNet18": 512, "ResNet50": 2048, "DenseNet121": 1024, "InceptionV3": 2048}
ALL = pytest.mark.parametrize("backbone", list(N_FEATURES))


def _images(size: int, n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def _state_hash(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


@ALL
def test_features_equal_torchvision_bit_for_bit(backbone):
    trunk = freeze_trunk(build_trunk(backbone))
    make = getattr(models, {"InceptionV3": "inception_v3"}.get(backbone, backbone.lower()))
    inception = {"aux_logits": False, "transform_input": False, "init_weights": False}
    reference = make(weights=None, **(inception if backbone == "InceptionV3" else {}))
    missing = reference.load_state_dict(trunk.net.state_dict(), strict=False)
    assert set(missing.missing_keys) <= {"fc.weight", "fc.bias", "classifier.weight", "classifier.bias"}
    assert missing.unexpected_keys == []
    setattr(reference, "classifier" if backbone == "DenseNet121" else "fc", nn.Identity())
    x = _images(80)
    with torch.no_grad():
        expected = reference.eval()(x)
        features = trunk(x)
    assert features.shape == (2, N_FEATURES[backbone])
    assert torch.equal(features, expected)


@ALL
def test_every_parameter_is_in_exactly_one_group(backbone):
    trunk = build_trunk(backbone)
    names = layer_groups(backbone)
    per_group = {g: [p for m in trunk.group_modules(g) for p in m.parameters()] for g in names}
    assert all(per_group.values()), "a group without weights would make two unfreezing levels equal"
    in_groups = [id(p) for group in per_group.values() for p in group]
    assert sorted(in_groups) == sorted(id(p) for p in trunk.parameters())


def test_layer_group_names():
    assert layer_groups("ResNet50") == ("stem", "layer1", "layer2", "layer3", "layer4")
    assert layer_groups("DenseNet121") == ("stem", "denseblock1", "denseblock2", "denseblock3", "denseblock4")
    assert layer_groups("InceptionV3") == ("stem", "mixed5", "mixed6", "mixed7")


@pytest.mark.parametrize(("backbone", "cut"), [("ResNet18", "layer3"), ("DenseNet121", "denseblock4")])
def test_running_two_halves_equals_running_the_whole(backbone, cut):
    trunk = freeze_trunk(build_trunk(backbone))
    x = _images(64)
    whole = trunk.maps(x)
    halves = trunk.maps(trunk.maps(x, stop=cut), start=cut)
    assert torch.equal(whole, halves)


@pytest.mark.parametrize("backbone", ["ResNet18", "DenseNet121", "InceptionV3"])
def test_frozen_trunk_is_unchanged_by_train_and_forward(backbone):
    trunk = freeze_trunk(build_trunk(backbone))
    model = nn.Sequential(trunk, nn.Linear(trunk.n_features, 2))
    before = _state_hash(trunk)
    model.train()
    trunk.train(True)
    assert not any(m.training for m in trunk.modules())
    assert not any(p.requires_grad for p in trunk.parameters())
    first = trunk(_images(80, 4))
    again = trunk(_images(80, 4)[:2])
    assert _state_hash(trunk) == before
    # Features of an image must not depend on its batch (BatchNorm in train mode would make them differ by
    # tens of per cent); only the summation order of another batch size may show.
    torch.testing.assert_close(first[:2], again, rtol=1e-4, atol=1e-5)


def test_an_unfrozen_trunk_does_drift():
    # The check above can fail: the same steps on a trainable trunk move its BatchNorm statistics.
    trunk = build_trunk("ResNet18")
    before = _state_hash(trunk)
    trunk.train()
    trunk(_images(64))
    assert _state_hash(trunk) != before


def test_building_leaves_the_global_random_state():
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    build_trunk("ResNet18")
    FrozenTrunk("ResNet18")
    assert torch.equal(torch.random.get_rng_state(), state)


def test_gradcam_layers_per_backbone():
    names = {b: tuple(gradcam_layers(build_trunk(b))) for b in ("ResNet18", "DenseNet121", "InceptionV3")}
    assert names == {
        "ResNet18": ("layer3", "layer4"),
        "DenseNet121": ("denseblock4",),
        "InceptionV3": ("Mixed_7c",),
    }


def test_unknown_backbone_names_the_known():
    with pytest.raises(
        ValueError, match="Unknown backbone 'VGG16'; available: ResNet18, ResNet50, DenseNet121"
    ):
        build_trunk("VGG16")


def test_unknown_group_names_the_groups():
    with pytest.raises(ValueError, match="ResNet18 has no layer group 'layer5'; it has stem, layer1"):
        build_trunk("ResNet18").group_modules("layer5")


def test_too_small_image_names_the_limit():
    with pytest.raises(ValueError, match="InceptionV3 needs images of at least 75 px, got 64 x 64"):
        build_trunk("InceptionV3")(_images(64))
