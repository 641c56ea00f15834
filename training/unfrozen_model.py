"""The part of a network that a cell owns: its head and every layer of the trunk that may change."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from training.backbones import Trunk, pool_maps
from training.frozen import FrozenCheck
from training.heads import Head
from training.layer_groups import ORIGINAL_CHILDREN, weighted_children
from training.settings import CellSettings

_HEAD, _TRUNK = "head.", "trunk."
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class UnfrozenModel(nn.Module):
    """Maps behind the shared frozen layers (or preprocessed images) -> logits (b, 2).

    Layers below the first one that the cell ever trains are not part of it, unless
    `frozen_batchnorm = "train"`: then the whole trunk is, because its running statistics move.

    Attributes
    ----------
    head : the cell's head
    trunk : copies of the owned children; tensor names are torchvision's
    start : first child that it runs; None = all, from the preprocessed images on

    Notes
    -----
    A frozen child runs without gradients and, with `frozen_batchnorm = "eval"`, never in train mode.
    """

    def __init__(self, trunk: Trunk, head: Head, settings: CellSettings) -> None:
        super().__init__()
        self._settings = settings
        self._backbone = trunk.backbone
        self.start = first_owned_child(settings)
        first = trunk.children_run.index(self.start) if self.start is not None else 0
        self._names = trunk.children_run[first:]
        self._paths = {name: trunk.child_path(name) for name in self._names}
        self.head = head
        self.trunk = _container({self._paths[name]: trunk.child(name) for name in self._names})
        self._trained: tuple[str, ...] = ()
        self._set_trained(settings.trained_children())  # the optimiser takes all that are trained at any time
        self._check: FrozenCheck | None = None

    def set_epoch(self, epoch: int) -> None:
        """Freeze and unfreeze for an epoch (0-based); layers that were frozen until now are checked.

        Raises
        ------
        FrozenChangedError : a frozen layer has changed since the last call
        """
        trained = self._settings.trained_children(epoch)
        if self._check is not None and trained == self._trained:
            return
        self.check_frozen()
        self._set_trained(trained)
        self._check = FrozenCheck("A frozen layer of the cell's own trunk", self._frozen_tensors)

    def check_frozen(self) -> None:
        """Raises FrozenChangedError where a layer that is frozen now has changed since `set_epoch`."""
        if self._check is not None:
            self._check.check()

    def train(self, mode: bool = True) -> UnfrozenModel:
        """Train mode; frozen children stay in evaluation mode with `frozen_batchnorm = "eval"`."""
        super().train(mode)
        if self._settings.frozen_batchnorm != "train":
            for name in self._frozen():
                self._child(name).train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        # The lowest trained child is where gradients begin.
        below = self._names.index(self._trained[0]) if self._trained else len(self._names)
        for position, name in enumerate(self._names):
            with torch.set_grad_enabled(torch.is_grad_enabled() and position >= below):
                x = self._child(name)(x)
        return self.head(pool_maps(self._backbone, x))

    def trained_tensors(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What a checkpoint keeps of a state dict of this model: tensors that training can have changed.

        The head under its own names; trained children as `trunk.<torchvision name>`; of frozen ones with
        live BatchNorm the running statistics alone.
        """
        kept = {name.removeprefix(_HEAD): t for name, t in state.items() if name.startswith(_HEAD)}
        children = self._settings.trained_children()
        owners = {f"{_TRUNK}{self._paths[name]}.": name in children for name in self._names}
        for name, tensor in state.items():
            owner = next((prefix for prefix in owners if name.startswith(prefix)), None)
            if owner is not None and (owners[owner] or self._moves(name)):
                kept[name] = tensor
        return kept

    def _moves(self, name: str) -> bool:
        return self._settings.frozen_batchnorm == "train" and name.rpartition(".")[2] in _STATISTICS

    def _frozen_tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"{self._paths[name]}.{key}": tensor
            for name in self._frozen()
            for key, tensor in self._child(name).state_dict().items()
        }
        return {key: tensor for key, tensor in tensors.items() if not self._moves(key)}

    def _frozen(self) -> tuple[str, ...]:
        return tuple(
            name
            for name in self._names
            if name in weighted_children(self._backbone) and name not in self._trained
        )

    def _set_trained(self, children: Sequence[str]) -> None:
        self._trained = tuple(children)
        for name in self._names:
            self._child(name).requires_grad_(name in children)

    def _child(self, name: str) -> nn.Module:
        return self.trunk.get_submodule(self._paths[name])


def first_owned_child(settings: CellSettings) -> str | None:
    """First child of the trunk that a cell owns; None = it owns the whole trunk.

    The children before it are frozen for the whole training and shared between cells.
    """
    children = settings.trained_children()
    if settings.frozen_batchnorm == "train" or not children:
        return None
    return None if children[0] == ORIGINAL_CHILDREN[settings.backbone][0] else children[0]


def owned_children(settings: CellSettings) -> tuple[str, ...]:
    """Children with weights that a cell owns, input side first."""
    weighted = weighted_children(settings.backbone)
    start = first_owned_child(settings)
    return weighted if start is None else weighted[weighted.index(start) :]


def load_trunk_tensors(trunk: Trunk, tensors: Mapping[str, Tensor]) -> None:
    """Put `trunk.<name>` tensors of a checkpoint into a trunk.

    Raises
    ------
    ValueError : a tensor that the trunk does not have, or of another shape
    """
    own = trunk.net.state_dict()
    given = {name.removeprefix(_TRUNK): t for name, t in tensors.items() if name.startswith(_TRUNK)}
    for name, tensor in given.items():
        if name not in own or own[name].shape != tensor.shape:
            raise ValueError(
                f"the trunk {trunk.backbone} has no tensor {name} of shape {tuple(tensor.shape)}"
            )
        own[name].copy_(tensor)


def head_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint that belong to the head."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_TRUNK)}


def _container(children: Mapping[str, nn.Module]) -> nn.Module:
    """A module that holds copies of children at their paths, so that tensor names stay torchvision's."""
    root = nn.Module()
    for path, child in children.items():
        parent = root
        *parents, name = path.split(".")
        for part in parents:
            if not hasattr(parent, part):
                parent.add_module(part, nn.Module())
            parent = parent.get_submodule(part)
        parent.add_module(name, copy.deepcopy(child))
    return root
