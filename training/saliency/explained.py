"""A stored cell, ready to be explained: its network, its test images, and Grad-CAM maps of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from data.store import Store
from training.backbones import FusedTrunk, Trunk, gradcam_layers
from training.checkpoints import load_model
from training.metrics import logit_margin, positive_score
from training.preprocess import preprocess
from training.saliency.heatmaps import average_maps, layer_gradcam
from training.settings import CellSettings
from training.threads import torch_threads
from training.weights import Weights, load_backbone

CHUNK = 16  # images that go through the network at once
# The rebuilt model must give the stored score: another device rounds differently, another model differs more.
_SCORE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCell:
    """The network of a done cell and the test images that it was scored on.

    Attributes
    ----------
    trunk, head : in evaluation mode, on `device`
    test : predictions of the test part, sorted by image_id: the stored columns, `class` of the manifest, and
        `margin` (logit_1 - logit_0; positive is predicted where it is above 0)
    pictures : uint8 (n, c, s, s), aligned with `test`
    """

    cell_id: str
    settings: CellSettings
    trunk: Trunk | FusedTrunk
    head: nn.Module
    test: pd.DataFrame
    pictures: np.ndarray
    device: torch.device

    def places(self, image_ids: Sequence[str]) -> np.ndarray:
        """Rows of `test` of these images. ValueError : one of them is no test image of the cell."""
        places = pd.Index(self.test["image_id"]).get_indexer(pd.Index(image_ids))
        if (places < 0).any():
            unknown = [name for name, place in zip(image_ids, places, strict=True) if place < 0]
            first = ", ".join(f"'{name}'" for name in self.test["image_id"].head(3))
            raise ValueError(
                f"{len(unknown)} image(s) are no test images of cell {self.cell_id}, first '{unknown[0]}'. "
                f"It has {len(self.test)} test images ({first}, ...)."
            )
        return np.asarray(places)

    def inputs(self, image_ids: Sequence[str]) -> Tensor:
        """Preprocessed images, float32 (n, 3, s, s), on the device."""
        pictures = np.ascontiguousarray(self.pictures[self.places(image_ids)])
        return preprocess(torch.from_numpy(pictures).to(self.device), self.settings.preprocessing)

    def targets(self, image_ids: Sequence[str]) -> Tensor:
        """The predicted class of each image, int64 (n,)."""
        margin = self.test["margin"].to_numpy()[self.places(image_ids)]
        return torch.from_numpy((margin > 0).astype(np.int64)).to(self.device)


def open_cell(
    store: Store,
    cell_id: str,
    *,
    images: np.ndarray,
    manifest: pd.DataFrame,
    weights: Weights,
    device: str = "cpu",
) -> ExplainedCell:
    """Rebuild the network of a done cell from its checkpoint.

    Parameters
    ----------
    cell_id : a cell with a checkpoint in the store
    images : uint8 (n, c, s, s), s = the cell's image size, aligned with `manifest`
    manifest : image_id, class; one row per image
    weights : those that the cell was trained with
    device : "cpu", "cuda" or "mps"

    Raises
    ------
    FileNotFoundError : the cell has no checkpoint
    ValueError : other weights, images or manifest than the cell was trained with
    """
    trunk, head, settings, _ = load_model(store.read_checkpoint(cell_id), weights, load_trunk=load_backbone)
    _check_input(cell_id, settings, images, manifest)
    test = store.read_predictions(cell_ids=[cell_id], splits=["test"]).reset_index(drop=True)
    places = pd.Index(manifest["image_id"]).get_indexer(test["image_id"])
    if (places < 0).any():
        gone = test["image_id"].to_numpy()[places < 0]
        raise ValueError(f"Cell {cell_id}: the manifest lacks {len(gone)} of its test images ('{gone[0]}').")
    margin = logit_margin(test[["logit_0", "logit_1"]].to_numpy())
    where = torch.device(device)
    return ExplainedCell(
        cell_id=cell_id,
        settings=settings,
        trunk=trunk.to(where).eval(),
        head=head.to(where).eval(),
        test=test.assign(**{"class": manifest["class"].to_numpy()[places], "margin": margin}),
        pictures=images[places],
        device=where,
    )


def cell_maps(cell: ExplainedCell, image_ids: Sequence[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Grad-CAM of the predicted class: float32 (n, s, s), sum 1 or 0, and the raw peak of every layer, (n,).

    Raises
    ------
    ValueError : an image is no test image of the cell; the model does not give the stored scores
    """
    size = cell.settings.image_size
    heats = [np.empty((0, size, size), dtype=np.float32)]
    peaks = {name: [np.empty(0, dtype=np.float32)] for name in gradcam_layers(cell.trunk)}
    for start in range(0, len(image_ids), CHUNK):  # inputs of many images would fill the memory
        part = list(image_ids[start : start + CHUNK])
        x = cell.inputs(part)
        _check_scores(cell, part, x)
        heat, peak = network_maps(cell.trunk, cell.head, x, cell.targets(part))
        heats.append(heat)
        for name, values in peak.items():
            peaks[name].append(values)
    return np.concatenate(heats), {name: np.concatenate(values) for name, values in peaks.items()}


def network_maps(
    trunk: Trunk | FusedTrunk, head: nn.Module, x: Tensor, target: Tensor
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Maps of a network, averaged over its layers, float32 (n, s, s), and the raw peak of every layer, (n,).

    Parameters
    ----------
    x : float32 (n, 3, s, s), preprocessed, n >= 1;  target : int64 (n,), the class that is explained
    """
    model = nn.Sequential(trunk, head)
    heats: list[np.ndarray] = []
    peaks: dict[str, list[np.ndarray]] = {name: [] for name in gradcam_layers(trunk)}
    with torch_threads(1):  # the same bits whatever the number of cores
        for part, classes in zip(x.split(CHUNK), target.split(CHUNK), strict=True):
            maps = {
                name: layer_gradcam(model, layer, part, classes)
                for name, layer in gradcam_layers(trunk).items()
            }
            heats.append(average_maps(maps, size=x.shape[-1]).cpu().numpy())
            for name, values in maps.items():
                peaks[name].append(values.amax(dim=(1, 2)).cpu().numpy())
    return np.concatenate(heats), {name: np.concatenate(values) for name, values in peaks.items()}


def _check_scores(cell: ExplainedCell, image_ids: Sequence[str], x: Tensor) -> None:
    with torch.no_grad(), torch_threads(1):
        score = positive_score(cell.head(cell.trunk(x)).cpu().numpy())
    stored = cell.test["score"].to_numpy()[cell.places(image_ids)]
    gap = np.abs(score - stored)
    if gap.max(initial=0.0) > _SCORE_TOLERANCE:
        worst = int(gap.argmax())
        raise ValueError(
            f"The rebuilt model scores '{image_ids[worst]}' {score[worst]:.3f}, but the store holds "
            f"{stored[worst]:.3f}: these are not the images that the cell was scored on."
        )


def _check_input(cell_id: str, settings: CellSettings, images: np.ndarray, manifest: pd.DataFrame) -> None:
    if len(images) != len(manifest):
        raise ValueError(f"`images` has {len(images)} images, `manifest` {len(manifest)} rows; align them.")
    if images.shape[-2:] != (settings.image_size, settings.image_size):
        raise ValueError(
            f"Cell {cell_id} was trained on {settings.image_size} px images; given were {images.shape[-2]} x "
            f"{images.shape[-1]}."
        )
