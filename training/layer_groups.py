"""Which layers of a backbone are trained: tables of layer groups, and what `unfreeze` means (no torch here).

Contents
    LAYER_GROUPS        backbone -> group -> children of the torchvision network, input side first
    ORIGINAL_CHILDREN   backbone -> children as the original study counted them, with those without weights
    trained_children    the children that a setting trains
    gradual_children    those that it trains in one epoch of gradual unfreezing
    same_levels         other levels of `unfreeze` that train the same children

Tests pin the tables to the networks (names and numbers of parameters).
"""

from __future__ import annotations

_RESNET = {
    "stem": ("conv1", "bn1", "relu", "maxpool"),
    "layer1": ("layer1",),
    "layer2": ("layer2",),
    "layer3": ("layer3",),
    "layer4": ("layer4",),
}
# A child without weights belongs to the group of the child that it follows, so that no group is empty.
LAYER_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "ResNet18": _RESNET,
    "ResNet50": _RESNET,
    "DenseNet121": {
        "stem": ("conv0", "norm0", "relu0", "pool0"),
        "denseblock1": ("denseblock1", "transition1"),
        "denseblock2": ("denseblock2", "transition2"),
        "denseblock3": ("denseblock3", "transition3"),
        "denseblock4": ("denseblock4", "norm5"),
    },
    "InceptionV3": {
        "stem": (
            "Conv2d_1a_3x3",
            "Conv2d_2a_3x3",
            "Conv2d_2b_3x3",
            "maxpool1",
            "Conv2d_3b_1x1",
            "Conv2d_4a_3x3",
            "maxpool2",
        ),
        "mixed5": ("Mixed_5b", "Mixed_5c", "Mixed_5d"),
        "mixed6": ("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        "mixed7": ("Mixed_7a", "Mixed_7b", "Mixed_7c"),
    },
}
# What follows the last group in torchvision's list of children, the classifier apart.
_TAILS = {"InceptionV3": ("avgpool", "dropout"), "DenseNet121": ()}
_WITHOUT_WEIGHTS = frozenset(
    {"relu", "maxpool", "relu0", "pool0", "maxpool1", "maxpool2", "avgpool", "dropout"}
)

ORIGINAL_CHILDREN: dict[str, tuple[str, ...]] = {
    backbone: (
        *(child for children in groups.values() for child in children),
        *_TAILS.get(backbone, ("avgpool",)),
    )
    for backbone, groups in LAYER_GROUPS.items()
}

UNFREEZE_COUNTS = ("groups", "children")
UNFREEZE_SCHEDULES = ("at-once", "gradual")


def layer_groups(backbone: str) -> tuple[str, ...]:
    """Names of the layer groups that hold weights, input side first (`unfreeze = k` means the last k).

    ValueError : unknown backbone
    """
    if backbone not in LAYER_GROUPS:
        raise ValueError(f"Unknown backbone '{backbone}'; available: {', '.join(LAYER_GROUPS)}.")
    return tuple(LAYER_GROUPS[backbone])


def weighted_children(backbone: str) -> tuple[str, ...]:
    """All children that hold weights, input side first."""
    layer_groups(backbone)
    return tuple(child for child in ORIGINAL_CHILDREN[backbone] if child not in _WITHOUT_WEIGHTS)


def trained_children(backbone: str, unfreeze: int | str, count: str | None) -> tuple[str, ...]:
    """Children with weights that `unfreeze` trains, input side first; empty for a frozen trunk.

    Parameters
    ----------
    unfreeze : 0, a number counted from the top, or "all"
    count : "groups" (layer groups) or "children" (children of the network without its classifier, those
        without weights included, as the original study counted); not read where `unfreeze` is 0 or "all"

    Raises
    ------
    ValueError : unknown backbone or count; `unfreeze` is more than there is
    """
    weighted = weighted_children(backbone)
    if unfreeze == "all":
        return weighted
    if unfreeze == 0:
        return ()
    if count not in UNFREEZE_COUNTS:
        raise ValueError(f"`unfreeze_count` is {count!r}; allowed are {', '.join(UNFREEZE_COUNTS)}.")
    groups = LAYER_GROUPS[backbone]
    limit = len(groups) if count == "groups" else len(ORIGINAL_CHILDREN[backbone])
    if not isinstance(unfreeze, int) or isinstance(unfreeze, bool) or not 0 < unfreeze <= limit:
        names = ", ".join(groups if count == "groups" else ORIGINAL_CHILDREN[backbone])
        what = "layer groups" if count == "groups" else "children"
        raise ValueError(
            f"`unfreeze` is {unfreeze!r}; {backbone} has {limit} {what} ({names}): allowed are 0 to {limit}, "
            'or "all". Leave the combination out with `exclude` where backbones differ.'
        )
    if count == "groups":
        top: tuple[str, ...] = tuple(child for name in list(groups)[-unfreeze:] for child in groups[name])
    else:
        top = ORIGINAL_CHILDREN[backbone][-unfreeze:]
    return tuple(child for child in weighted if child in top)


def groups_of(backbone: str, children: tuple[str, ...]) -> tuple[str, ...]:
    """Layer groups that hold any of these children, input side first."""
    return tuple(name for name, members in LAYER_GROUPS[backbone].items() if set(members) & set(children))


def gradual_children(backbone: str, children: tuple[str, ...], *, epoch: int, every: int) -> tuple[str, ...]:
    """Children that are trained in an epoch (0-based) of gradual unfreezing towards `children`.

    In the first `every` epochs the head is trained alone; then one more layer group is added every `every`
    epochs, from the top. Epoch e trains those of `children` that lie in the top e // every groups.
    """
    groups = groups_of(backbone, children)
    reached = groups[max(0, len(groups) - epoch // every) :]
    members = {child for name in reached for child in LAYER_GROUPS[backbone][name]}
    return tuple(child for child in children if child in members)


def first_full_epoch(backbone: str, children: tuple[str, ...], *, every: int) -> int:
    """Epoch (0-based) from which gradual unfreezing trains all of `children`."""
    return len(groups_of(backbone, children)) * every


def same_levels(backbone: str, unfreeze: int | str, count: str | None) -> tuple[int | str, ...]:
    """Other levels of `unfreeze`, counted in the same way, that train exactly the same children."""
    if count is None:
        return ()
    n = len(LAYER_GROUPS[backbone]) if count == "groups" else len(ORIGINAL_CHILDREN[backbone])
    own = trained_children(backbone, unfreeze, count)
    levels: tuple[int | str, ...] = (*range(n + 1), "all")
    return tuple(x for x in levels if x != unfreeze and trained_children(backbone, x, count) == own)
