"""The convolutional trunks: torchvision networks without their classifier, cut into named layer groups.

Contents
    build_trunk         a network as `Trunk`: images in, pooled features (b, F) out
    freeze_trunk        the same network as `FrozenTrunk`, which cannot leave evaluation mode
    layer_groups        names of the groups that hold weights, input side first
    gradcam_layers      modules whose activations Grad-CAM reads

Tensor names inside `Trunk.net` are torchvision's, so that a weights file needs no second naming scheme.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn
from torchvision import models


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """How one backbone is built and cut.

    groups : group name -> child modules run in this order; the group of a module without weights is that
        of the module it follows, so that no group is empty
    gradcam : child modules whose maps Grad-CAM averages
    inside : name of the child that holds all the modules ("" = the network itself)
    """

    make: Callable[[], nn.Module]
    n_features: int
    min_size: int
    groups: dict[str, tuple[str, ...]]
    gradcam: tuple[str, ...]
    inside: str = ""
    last_relu: bool = False


_RESNET_GROUPS = {
    "stem": ("conv1", "bn1", "relu", "maxpool"),
    "layer1": ("layer1",),
    "layer2": ("layer2",),
    "layer3": ("layer3",),
    "layer4": ("layer4",),
}


def _inception() -> nn.Module:
    # aux_logits False and transform_input False: one input, one output, no hidden change of the input.
    return models.inception_v3(weights=None, aux_logits=False, transform_input=False, init_weights=False)


_RECIPES = {
    "ResNet18": _Recipe(
        make=models.resnet18, n_features=512, min_size=32, groups=_RESNET_GROUPS, gradcam=("layer3", "layer4")
    ),
    "ResNet50": _Recipe(
        make=models.resnet50,
        n_features=2048,
        min_size=32,
        groups=_RESNET_GROUPS,
        gradcam=("layer3", "layer4"),
    ),
    "DenseNet121": _Recipe(
        make=models.densenet121,
        n_features=1024,
        min_size=32,
        groups={
            "stem": ("conv0", "norm0", "relu0", "pool0"),
            "denseblock1": ("denseblock1", "transition1"),
            "denseblock2": ("denseblock2", "transition2"),
            "denseblock3": ("denseblock3", "transition3"),
            "denseblock4": ("denseblock4", "norm5"),
        },
        gradcam=("denseblock4",),
        inside="features",
        last_relu=True,
    ),
    "InceptionV3": _Recipe(
        make=_inception,
        n_features=2048,
        min_size=75,
        groups={
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
        gradcam=("Mixed_7c",),
    ),
}


class Trunk(nn.Module):
    """A torchvision network up to its global average pooling.

    Attributes
    ----------
    backbone : name, one of the keys of `layer_groups`
    n_features : F, width of the pooled features
    min_size : smallest image side in pixels that the network accepts
    groups : names of the layer groups, input side first
    net : the torchvision network; its classifier is an `Identity`, its tensor names are torchvision's
    """

    def __init__(self, backbone: str) -> None:
        super().__init__()
        recipe = _recipe(backbone)
        self.backbone = backbone
        self.n_features = recipe.n_features
        self.min_size = recipe.min_size
        self.groups = tuple(recipe.groups)
        with torch.random.fork_rng(devices=[]):  # building a network must not move anyone's random stream
            self.net = recipe.make()
        setattr(self.net, "classifier" if backbone == "DenseNet121" else "fc", nn.Identity())

    def group_modules(self, group: str) -> list[nn.Module]:
        """Modules of one layer group in the order in which they run. ValueError for an unknown group."""
        recipe = _RECIPES[self.backbone]
        if group not in recipe.groups:
            raise ValueError(
                f"{self.backbone} has no layer group '{group}'; it has {', '.join(self.groups)}."
            )
        return [self.net.get_submodule(_path(recipe, child)) for child in recipe.groups[group]]

    def maps(self, x: Tensor, *, start: str | None = None, stop: str | None = None) -> Tensor:
        """Run the groups from `start` (included) to `stop` (excluded) on `x`.

        Parameters
        ----------
        x : float, shape (b, 3, h, w) for the first group, else what the group before `start` gave
        start, stop : group names; None = from the first, to the last included

        Returns
        -------
        float, shape (b, c, h', w'). `maps(maps(x, stop=g), start=g)` equals `maps(x)`.
        """
        first = self._position(start) if start is not None else 0
        end = self._position(stop) if stop is not None else len(self.groups)
        for group in self.groups[first:end]:
            for module in self.group_modules(group):
                x = module(x)
        return x

    def pool(self, maps: Tensor) -> Tensor:
        """Global average of the last maps: (b, F, h, w) -> (b, F)."""
        if _RECIPES[self.backbone].last_relu:
            maps = F.relu(maps)
        return torch.flatten(F.adaptive_avg_pool2d(maps, (1, 1)), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features, shape (b, F), of preprocessed images, shape (b, 3, s, s), s >= `min_size`."""
        if min(x.shape[-2:]) < self.min_size:
            raise ValueError(
                f"{self.backbone} needs images of at least {self.min_size} px, "
                f"got {x.shape[-2]} x {x.shape[-1]}; set a larger `image_size`."
            )
        return self.pool(self.maps(x))

    def _position(self, group: str) -> int:
        self.group_modules(group)  # raises for an unknown name
        return self.groups.index(group)


class FrozenTrunk(Trunk):
    """A trunk that only extracts features: evaluation mode for ever, no parameter takes a gradient.

    `requires_grad = False` alone would not freeze it: BatchNorm in train mode normalises with the batch
    and moves its running statistics, so features would depend on the batch and drift.
    """

    def __init__(self, backbone: str) -> None:
        super().__init__(backbone)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> FrozenTrunk:
        """Stays in evaluation mode whatever `mode` says, so that a parent's `.train()` cannot thaw it."""
        super().train(False)
        return self


def build_trunk(backbone: str) -> Trunk:
    """A trainable trunk with torch's default initialisation; the global random state is left as it was.

    ValueError : `backbone` is not one of ResNet18, ResNet50, DenseNet121, InceptionV3
    """
    return Trunk(backbone)


def freeze_trunk(trunk: Trunk) -> FrozenTrunk:
    """A frozen trunk with a copy of the tensors of `trunk`."""
    frozen = FrozenTrunk(trunk.backbone)
    frozen.net.load_state_dict(trunk.net.state_dict(), strict=True)
    return frozen


def layer_groups(backbone: str) -> tuple[str, ...]:
    """Names of the layer groups that hold weights, input side first (`unfreeze = k` means the last k)."""
    return tuple(_recipe(backbone).groups)


def gradcam_layers(trunk: Trunk) -> dict[str, nn.Module]:
    """Name -> module whose output maps Grad-CAM reads.

    ResNet: layer3 and layer4 (averaged); DenseNet121: denseblock4; InceptionV3: the last mixed block.
    """
    recipe = _RECIPES[trunk.backbone]
    return {name: trunk.net.get_submodule(_path(recipe, name)) for name in recipe.gradcam}


def _recipe(backbone: str) -> _Recipe:
    if backbone not in _RECIPES:
        raise ValueError(f"Unknown backbone '{backbone}'; available: {', '.join(_RECIPES)}.")
    return _RECIPES[backbone]


def _path(recipe: _Recipe, child: str) -> str:
    return f"{recipe.inside}.{child}" if recipe.inside else child
