"""Layer groups: tables pinned to the networks, and what each level of `unfreeze` trains."""

from pathlib import Path

import pytest

from training.backbones import build_trunk
from training.layer_groups import (
    LAYER_GROUPS,
    ORIGINAL_CHILDREN,
    first_full_epoch,
    gradual_children,
    same_levels,
    trained_children,
    weighted_children,
)
from training.settings import BACKBONES

# Parameters per layer group; the sums are torchvision's totals without the classifier.
PARAMETERS = {
    "ResNet18": {"stem": 9536, "layer1": 147968, "layer2": 525568, "layer3": 2099712, "layer4": 8393728},
    "ResNet50": {"stem": 9536, "layer1": 215808, "layer2": 1219584, "layer3": 7098368, "layer4": 14964736},
    "DenseNet121": {
        "stem": 9536,
        "denseblock1": 368320,
        "denseblock2": 1051776,
        "denseblock3": 3364096,
        "denseblock4": 2160128,
    },
    "InceptionV3": {"stem": 172672, "mixed5": 818528, "mixed6": 7974656, "mixed7": 12819712},
}
TOTALS = {"ResNet18": 11176512, "ResNet50": 23508032, "DenseNet121": 6953856, "InceptionV3": 21785568}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_tables_are_those_of_the_networks(backbone):
    trunk = build_trunk(backbone)
    net = trunk.net.features if backbone == "DenseNet121" else trunk.net
    names = [name for name, _ in net.named_children() if name != "fc"]
    assert names == list(ORIGINAL_CHILDREN[backbone])
    counts = {g: sum(p.numel() for m in trunk.group_modules(g) for p in m.parameters()) for g in trunk.groups}
    assert counts == PARAMETERS[backbone]
    assert sum(counts.values()) == TOTALS[backbone]
    with_weights = tuple(name for name in names if list(trunk.child(name).parameters()))
    assert weighted_children(backbone) == with_weights


def test_the_documented_tables_are_these():
    text = (Path(__file__).resolve().parents[2] / "docs" / "unfreezing.md").read_text(encoding="utf-8")
    for backbone, counts in PARAMETERS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {backbone} |"))
        groups = line.split("|")[2].split("), ")
        assert len(groups) == len(counts)
        for words, (group, n) in zip(groups, counts.items(), strict=True):
            assert words.strip().startswith(group)
            assert f"({n:,}" in words


def test_levels_count_groups_from_the_top():
    assert trained_children("ResNet50", 0, None) == ()
    assert trained_children("ResNet50", 2, "groups") == ("layer3", "layer4")
    assert trained_children("DenseNet121", 1, "groups") == ("denseblock4", "norm5")
    assert trained_children("InceptionV3", 1, "groups") == ("Mixed_7a", "Mixed_7b", "Mixed_7c")
    for backbone, groups in LAYER_GROUPS.items():
        assert trained_children(backbone, len(groups), "groups") == trained_children(backbone, "all", None)


def test_levels_of_the_original_count_children_without_weights():
    levels = {k: trained_children("ResNet50", k, "children") for k in (1, 3, 5, 7, 8, 9)}
    four = ("layer1", "layer2", "layer3", "layer4")
    assert levels == {
        1: (),  # avgpool
        3: ("layer3", "layer4"),
        5: four,
        7: four,  # maxpool and relu
        8: ("bn1", *four),
        9: ("conv1", "bn1", *four),
    }
    assert trained_children("DenseNet121", 1, "children") == ("norm5",)
    assert trained_children("InceptionV3", 3, "children") == ("Mixed_7c",)


def test_levels_that_train_the_same_layers_are_found():
    assert same_levels("ResNet50", 7, "children") == (5, 6)
    assert same_levels("ResNet50", 1, "children") == (0,)
    assert same_levels("ResNet50", 9, "children") == ("all",)
    assert same_levels("ResNet50", 3, "groups") == ()
    assert same_levels("ResNet50", 5, "groups") == ("all",)
    assert same_levels("ResNet50", 0, None) == ()


def test_too_many_groups_name_those_that_exist():
    with pytest.raises(ValueError, match=r"InceptionV3 has 4 layer groups \(stem, .*allowed are 0 to 4"):
        trained_children("InceptionV3", 5, "groups")
    with pytest.raises(ValueError, match=r"ResNet50 has 9 children \(conv1, bn1, .*allowed are 0 to 9"):
        trained_children("ResNet50", 10, "children")


def test_gradual_unfreezing_begins_with_the_head_and_adds_one_group_at_a_time():
    target = trained_children("ResNet50", 3, "groups")
    stages = [gradual_children("ResNet50", target, epoch=e, every=2) for e in range(8)]
    assert stages == [
        (),
        (),
        ("layer4",),
        ("layer4",),
        ("layer3", "layer4"),
        ("layer3", "layer4"),
        target,
        target,
    ]
    assert first_full_epoch("ResNet50", target, every=2) == 6
    part_of_stem = trained_children("ResNet50", 8, "children")
    assert gradual_children("ResNet50", part_of_stem, epoch=5, every=1) == part_of_stem
