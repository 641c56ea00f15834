"""The convolutional trunks: torchvision networks without their classifier, cut into named layer groups.

Contents
    build_trunk         a network as `Trunk`: images in, pooled features (b, F) out
    freeze_trunk        the same network as `FrozenTrunk`, which cannot leave evaluation mode
    FusedTrunk          several frozen trunks side by side
    gradcam_layers      modules whose activations Grad-CAM reads

Which modules form a layer group stands in training/layer_groups.py.

Tensor names inside `Trunk.net` are torchvision's, so that a weights file needs no second naming scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  torch's own idiom
from torch import Tensor, nn
from torchvision import models

from training.layer_groups import LAYER_GROUPS, layer_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """How one backbone is built.

    gradcam : child modules whose maps Grad-CAM averages
    inside : name of the child that holds all the modules ("" = the network itself)
    """

    make: Callable[[], nn.Module]
    n_features: int
    min_size: int
    gradcam: tuple[str, ...]
    inside: str = ""
    last_relu: bool = False


def _inception() -> nn.Module:
    # aux_logits False and transform_input False: one input, one output, no hidden change of the input.
    return models.inception_v3(weights=None, aux_logits=False, transform_input=False, init_weights=False)


_RECIPES = {
    "ResNet18": _Recipe(make=models.resnet18, n_features=512, min_size=32, gradcam=("layer3", "layer4")),
    "ResNet50": _Recipe(make=models.resnet50, n_features=2048, min_size=32, gradcam=("layer3", "layer4")),
    "DenseNet121": _Recipe(
        make=models.densenet121,
        n_features=1024,
        min_size=32,
        gradcam=("denseblock4",),
        inside="features",
        last_relu=True,
    ),
    "InceptionV3": _Recipe(make=_inception, n_features=2048, min_size=75, gradcam=("Mixed_7c",)),
}


class Trunk(nn.Module):
    """A torchvision network up to its global average pooling.

    Attributes
    ----------
    backbone : name, one of the keys of `layer_groups`
    n_features : F, width of the pooled features
    min_size : smallest image side in pixels that the network accepts
    groups : names of the layer groups, input side first
    children_run : names of the child modules in the order in which they run
    net : the torchvision network; its classifier is an `Identity`, its tensor names are torchvision's
    """

    def __init__(self, backbone: str) -> None:
        super().__init__()
        recipe = _recipe(backbone)
        self.backbone = backbone
        self.n_features = recipe.n_features
        self.min_size = recipe.min_size
        self.groups = layer_groups(backbone)
        # In the order in which they run.
        self.children_run = tuple(c for name in self.groups for c in LAYER_GROUPS[backbone][name])
        with torch.random.fork_rng(devices=[]):  # building a network must not move anyone's random stream
            self.net = recipe.make()
        setattr(self.net, "classifier" if backbone == "DenseNet121" else "fc", nn.Identity())

    def group_modules(self, group: str) -> list[nn.Module]:
        """Modules of one layer group in the order in which they run. ValueError for an unknown group."""
        if group not in self.groups:
            raise ValueError(
                f"{self.backbone} has no layer group '{group}'; it has {', '.join(self.groups)}."
            )
        return [self.child(name) for name in LAYER_GROUPS[self.backbone][group]]

    def child(self, name: str) -> nn.Module:
        """Module of one child."""
        return self.net.get_submodule(self.child_path(name))

    def child_path(self, name: str) -> str:
        """Path of a child inside `net`: its tensors are named `<path>.…` in `net.state_dict()`."""
        return _path(_RECIPES[self.backbone], name)

    def maps(self, x: Tensor, *, start: str | None = None, stop: str | None = None) -> Tensor:
        """Run the children from `start` (included) to `stop` (excluded) on `x`.

        Parameters
        ----------
        x : float, shape (b, 3, h, w) for the first child, else what the child before `start` gave
        start, stop : names of layer groups (their first child) or of children; None = from the first, to the
            last included

        Returns
        -------
        float, shape (b, c, h', w'). `maps(maps(x, stop=g), start=g)` equals `maps(x)`.
        """
        first = self._position(start) if start is not None else 0
        end = self._position(stop) if stop is not None else len(self.children_run)
        for name in self.children_run[first:end]:
            x = self.child(name)(x)
        return x

    def pool(self, maps: Tensor) -> Tensor:
        """Global average of the last maps: (b, F, h, w) -> (b, F)."""
        return pool_maps(self.backbone, maps)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features, shape (b, F), of preprocessed images, shape (b, 3, s, s), s >= `min_size`."""
        if min(x.shape[-2:]) < self.min_size:
            raise ValueError(
                f"{self.backbone} needs images of at least {self.min_size} px, "
                f"got {x.shape[-2]} x {x.shape[-1]}; set a larger `image_size`."
            )
        return self.pool(self.maps(x))

    def _position(self, group: str) -> int:
        if group not in self.children_run:
            self.group_modules(group)  # raises for an unknown name
            group = LAYER_GROUPS[self.backbone][group][0]
        return self.children_run.index(group)


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


class FusedTrunk(nn.Module):
    """Frozen trunks of one backbone side by side: their pooled features are joined, in order.

    Attributes
    ----------
    backbone, min_size : as in `Trunk`
    n_features : sum of the trunks' widths
    trunks : the trunks

    Raises
    ------
    ValueError : fewer than two trunks, or trunks of different backbones
    """

    def __init__(self, trunks: Sequence[FrozenTrunk]) -> None:
        super().__init__()
        names = sorted({trunk.backbone for trunk in trunks})
        if len(trunks) < 2 or len(names) > 1:
            raise ValueError(
                f"A fusion needs two trunks or more of one backbone; got {len(trunks)} of {', '.join(names)}."
            )
        self.backbone, self.min_size = names[0], trunks[0].min_size
        self.n_features = sum(trunk.n_features for trunk in trunks)
        self.trunks = nn.ModuleList(trunks)
        self.train(False)

    def train(self, mode: bool = True) -> FusedTrunk:
        """Stays in evaluation mode whatever `mode` says."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Joined features (b, n_features) of preprocessed images (b, 3, s, s)."""
        return torch.cat([trunk(x) for trunk in self.trunks], dim=1)


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


def pool_maps(backbone: str, maps: Tensor) -> Tensor:
    """Global average of a backbone's last maps, after its last ReLU: (b, F, h, w) -> (b, F)."""
    if _recipe(backbone).last_relu:
        maps = F.relu(maps)
    return torch.flatten(F.adaptive_avg_pool2d(maps, (1, 1)), 1)


def gradcam_layers(trunk: Trunk | FusedTrunk) -> dict[str, nn.Module]:
    """Name -> module whose output maps Grad-CAM reads.

    ResNet: layer3 and layer4 (averaged); DenseNet121: denseblock4; InceptionV3: the last mixed block. Fused
    trunks: those of each trunk, with its place (from 1) before the name; all count the same in the average.
    """
    if isinstance(trunk, FusedTrunk):
        return {
            f"{place}_{name}": module
            for place, part in enumerate(trunk.trunks, start=1)
            if isinstance(part, Trunk)
            for name, module in gradcam_layers(part).items()
        }
    recipe = _RECIPES[trunk.backbone]
    return {name: trunk.net.get_submodule(_path(recipe, name)) for name in recipe.gradcam}


def _recipe(backbone: str) -> _Recipe:
    if backbone not in _RECIPES:
        raise ValueError(f"Unknown backbone '{backbone}'; available: {', '.join(_RECIPES)}.")
    return _RECIPES[backbone]


def _path(recipe: _Recipe, child: str) -> str:
    return f"{recipe.inside}.{child}" if recipe.inside else child
