"""Cascading randomisation: the network of a cell with its parts replaced by random ones, from the head down.

Adebayo et al. 2018 (Sanity checks for saliency maps, NeurIPS): a map that stays the same while the weights
below it become random does not show what the network learned. Step 0 replaces the head, step 1 also the last
layer group, and so on down to the stem; what was replaced stays so.

A random part has He-normal convolutions, BatchNorm scale 1 and shift 0, and the initial weights of the head.
Running statistics of its BatchNorm are set to those of the images at hand: with the default ones the
activations of a deep network die out or overflow, and maps would change for that reason alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from training.backbones import FusedTrunk, Trunk
from training.heads import build_head
from training.layer_groups import LAYER_GROUPS
from training.saliency.explained import ExplainedCell
from training.seeds import derive_seed
from training.threads import torch_threads
from training.weights_random import initial_tensors

HEAD = "head"


def cascade_parts(backbone: str) -> tuple[str, ...]:
    """The parts in the order in which they become random: the head, then the layer groups from the top."""
    return (HEAD, *reversed(LAYER_GROUPS[backbone]))


def randomised_networks(
    cell: ExplainedCell, x: Tensor, *, draw: int
) -> Iterator[tuple[str, Trunk, nn.Module]]:
    """Part, trunk and head after each step of the cascade, in evaluation mode; the cell stays as it is.

    Parameters
    ----------
    x : float32 (n, 3, s, s), preprocessed images that set the BatchNorm statistics of random parts, n >= 2
    draw : number of the random draw; each gives other weights, the same on every machine

    Raises
    ------
    ValueError : fewer than 2 images; a fusion of several trunks, which has no single order of parts

    Notes
    -----
    The trunk that is yielded is changed by the next step: use it before.
    """
    if isinstance(cell.trunk, FusedTrunk):
        raise ValueError(
            f"Cell {cell.cell_id} fuses several trunks; a cascade needs one. "
            "Name cells of a single pretraining."
        )
    if len(x) < 2:
        raise ValueError(f"{len(x)} image came; BatchNorm statistics of random parts need 2 or more.")
    seed = derive_seed("randomise", cell.cell_id, draw)
    trunk = copy.deepcopy(cell.trunk)
    head = build_head(replace(cell.settings, seed=seed % 2**31), trunk.n_features).to(cell.device).eval()
    drawn = initial_tensors(trunk.backbone, seed=seed)
    with torch.no_grad(), torch_threads(1):
        _calibrate([head], lambda: head(trunk(x)))
    yield HEAD, trunk, head
    for group in cascade_parts(trunk.backbone)[1:]:
        with torch.no_grad(), torch_threads(1):
            _randomise(trunk, group, drawn)
            _calibrate([*trunk.group_modules(group)], lambda: trunk(x))
        yield group, trunk, head


def _randomise(trunk: Trunk, group: str, drawn: dict[str, Tensor]) -> None:
    paths = tuple(f"{trunk.child_path(child)}." for child in LAYER_GROUPS[trunk.backbone][group])
    for name, parameter in trunk.net.named_parameters():
        if name.startswith(paths):
            parameter.data.copy_(drawn[name])


def _calibrate(modules: Iterable[nn.Module], forward: Callable[[], Tensor]) -> None:
    """Set the running statistics of all BatchNorm layers in `modules` to those of one forward pass."""
    layers = [
        layer
        for module in modules
        for layer in module.modules()
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    with _measuring(layers):
        forward()


@contextmanager
def _measuring(layers: list[nn.BatchNorm1d | nn.BatchNorm2d]) -> Iterator[None]:
    """These layers alone in train mode, taking the statistics of the batch as they are."""
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        nn.Module.train(layer, True)
        layer.momentum = 1.0  # running = batch
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.eval()
            layer.momentum = momentum
