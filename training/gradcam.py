"""Grad-CAM of a stored cell: which places raised the logit of the class that it predicted.

Maps as in training/heatmaps.py, of the layers that the paper names (training/backbones.py).
Images are chosen by rule: of the test split, the most confident of each kind (true positive, true negative,
false positive, false negative), confidence = |logit_1 - logit_0|, ties by image id.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor, nn

from data.atomic import write_bytes, write_parquet
from data.store import Store
from training.backbones import FusedTrunk, Trunk, gradcam_layers
from training.checkpoints import load_model
from training.heatmaps import average_maps, energy_in_mask, layer_gradcam
from training.metrics import logit_margin, positive_score
from training.overlay import image_png, overlay_png
from training.preprocess import preprocess
from training.settings import CellSettings
from training.threads import torch_threads
from training.weights import Weights, load_backbone

KINDS = ("true positive", "true negative", "false positive", "false negative")
ReadMask = Callable[[str], np.ndarray | None]

_INDEX_TYPES = {
    "task": pa.string(),
    "cell_id": pa.string(),
    "image_id": pa.string(),
    "kind": pa.string(),
    "true_class": pa.string(),
    "predicted_label": pa.string(),
    "score": pa.float64(),
    "overlay_path": pa.string(),
    "image_path": pa.string(),
    "energy_in_mask": pa.float64(),
    "mask_share": pa.float64(),
}
INDEX_COLUMNS = tuple(_INDEX_TYPES)
# The rebuilt model must give the stored score: another device rounds differently, another model differs more.
_SCORE_TOLERANCE = 0.01


def gradcam_for_cell(
    store: Store,
    cell_id: str,
    *,
    images: np.ndarray,
    manifest: pd.DataFrame,
    weights: Weights,
    read_mask: ReadMask | None = None,
    per_kind: int = 2,
    device: str = "cpu",
) -> pd.DataFrame:
    """Write pictures, heat maps and index rows of one done cell, and return its rows.

    Parameters
    ----------
    cell_id : a cell with a checkpoint in the store
    images : uint8 (n, c, s, s), s = the cell's image size, aligned with `manifest`
    manifest : image_id, class, label; one row per image
    weights : those that the cell was trained with
    read_mask : image id -> bool (h, w) or None; gives `energy_in_mask`
    per_kind : pictures per kind at most
    device : "cpu", "cuda" or "mps"

    Returns
    -------
    INDEX_COLUMNS, one row per picture; paths are relative to the store's folder gradcam/. `energy_in_mask` is
    the share of the map's mass inside the mask and `mask_share` the mask's share of the image (what a map
    without any preference would give); both null without a mask.

    Files: gradcam/<cell_id>/*.png, heatmaps.npz (image_id, heat float32 (n, s, s), raw peak per layer),
    rows.parquet, and gradcam/index.parquet with the rows of all cells.

    Raises
    ------
    FileNotFoundError : the cell has no checkpoint
    ValueError : other weights, images or manifest than the cell was trained with
    """
    trunk, head, settings, _ = load_model(store.checkpoint_path(cell_id), weights, load_trunk=load_backbone)
    _check_input(cell_id, settings, images, manifest)
    chosen = choose_images(store.read_predictions(cell_ids=[cell_id], splits=["test"]), per_kind=per_kind)
    places = pd.Index(manifest["image_id"]).get_indexer(chosen["image_id"])
    if (places < 0).any():
        gone = chosen["image_id"].to_numpy()[places < 0]
        raise ValueError(f"Cell {cell_id}: the manifest lacks {len(gone)} of its test images ('{gone[0]}').")
    pictures = np.ascontiguousarray(images[places])
    x = preprocess(torch.from_numpy(pictures), settings.preprocessing)
    with torch_threads(1):  # the same bits whatever the number of cores
        heat, peaks = predicted_class_heat(trunk, head, x, chosen, device=torch.device(device))
    masks = [_mask(read_mask, image_id, settings.image_size) for image_id in chosen["image_id"]]
    rows = _rows(chosen, manifest.iloc[places], heat, masks, settings.task)
    _write_cell(store, cell_id, rows, pictures, heat, peaks, masks)
    refresh_index(store)
    return rows


def explained_cells(store: Store) -> set[str]:
    """Ids of the cells in the Grad-CAM index whose pictures are all there."""
    folder = store.gradcam_dir()
    path = folder / "index.parquet"
    if not path.is_file():
        return set()
    index = pd.read_parquet(path)
    whole = index.groupby("cell_id")[["image_path", "overlay_path"]].agg(
        lambda paths: all((folder / name).is_file() for name in paths)
    )
    return set(whole.index[whole.all(axis=1)])


def choose_images(predictions: pd.DataFrame, *, per_kind: int) -> pd.DataFrame:
    """The most confident images of each kind, in the order of KINDS.

    Parameters
    ----------
    predictions : image_id, label, score, logit_0, logit_1 of one cell; positive where logit_1 > logit_0

    Returns
    -------
    these columns with `kind` and `margin` (logit_1 - logit_0); a kind that does not occur has no row
    """
    if per_kind < 1:
        raise ValueError(f"`per_kind` is {per_kind}; allowed are whole numbers from 1.")
    frame = predictions.copy()
    frame["margin"] = logit_margin(frame[["logit_0", "logit_1"]].to_numpy())
    positive = frame["margin"] > 0
    right = positive == (frame["label"] == 1)
    frame["kind"] = [
        f"{'true' if r else 'false'} {'positive' if p else 'negative'}"
        for r, p in zip(right, positive, strict=True)
    ]
    frame["kind"] = pd.Categorical(frame["kind"], categories=KINDS, ordered=True)
    frame["confidence"] = frame["margin"].abs()
    frame = frame.sort_values(["kind", "confidence", "image_id"], ascending=[True, False, True])
    chosen = frame.groupby("kind", observed=True, sort=False).head(per_kind)
    return chosen.assign(kind=chosen["kind"].astype(str)).drop(columns="confidence").reset_index(drop=True)


def predicted_class_heat(
    trunk: Trunk | FusedTrunk, head: nn.Module, x: Tensor, chosen: pd.DataFrame, *, device: torch.device
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Heat maps of the predicted class, float32 (n, s, s), and the raw peak of every layer, (n,) each.

    ValueError : the model does not give the stored scores
    """
    model = nn.Sequential(trunk, head).to(device).eval()
    x = x.to(device)
    with torch.no_grad():
        score = positive_score(model(x).cpu().numpy())
    gap = np.abs(score - chosen["score"].to_numpy())
    if gap.max(initial=0.0) > _SCORE_TOLERANCE:
        row = chosen.iloc[int(gap.argmax())]
        raise ValueError(
            f"The rebuilt model scores '{row['image_id']}' {score[gap.argmax()]:.3f}, but the store holds "
            f"{row['score']:.3f}: these are not the images that the cell was scored on."
        )
    target = torch.from_numpy((chosen["margin"].to_numpy() > 0).astype(np.int64)).to(device)
    maps = {name: layer_gradcam(model, layer, x, target) for name, layer in gradcam_layers(trunk).items()}
    peaks = {name: m.amax(dim=(1, 2)).cpu().numpy() for name, m in maps.items()}
    return average_maps(maps, size=x.shape[-1]).cpu().numpy(), peaks


def refresh_index(store: Store) -> None:
    """Write gradcam/index.parquet from the rows of every explained cell."""
    parts = [pd.read_parquet(path) for path in sorted(store.gradcam_dir().glob("*/rows.parquet"))]
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    write_parquet(store.gradcam_dir() / "index.parquet", frame, types=_INDEX_TYPES)


def _check_input(cell_id: str, settings: CellSettings, images: np.ndarray, manifest: pd.DataFrame) -> None:
    if len(images) != len(manifest):
        raise ValueError(f"`images` has {len(images)} images, `manifest` {len(manifest)} rows; align them.")
    if images.shape[-2:] != (settings.image_size, settings.image_size):
        raise ValueError(
            f"Cell {cell_id} was trained on {settings.image_size} px images; given were {images.shape[-2]} x "
            f"{images.shape[-1]}."
        )


def _mask(read_mask: ReadMask | None, image_id: str, size: int) -> np.ndarray | None:
    """The mask at the size of the map; None where there is none or where it is empty."""
    mask = read_mask(image_id) if read_mask is not None else None
    if mask is None or not mask.any():
        return None
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) > 127


def _rows(
    chosen: pd.DataFrame,
    manifest: pd.DataFrame,
    heat: np.ndarray,
    masks: list[np.ndarray | None],
    task: str,
) -> pd.DataFrame:
    rank = chosen.groupby("kind", sort=False).cumcount() + 1
    names = [f"{kind.replace(' ', '-')}-{r}" for kind, r in zip(chosen["kind"], rank, strict=True)]
    cell = chosen["cell_id"].iloc[0]
    energy = [None if m is None else energy_in_mask(h, m) for h, m in zip(heat, masks, strict=True)]
    columns = {
        "task": task,
        "cell_id": chosen["cell_id"],
        "image_id": chosen["image_id"],
        "kind": chosen["kind"],
        "true_class": manifest["class"].to_numpy(),
        "predicted_label": np.where(chosen["margin"] > 0, "positive", "negative"),
        "score": chosen["score"],
        "overlay_path": [f"{cell}/{name}-overlay.png" for name in names],
        "image_path": [f"{cell}/{name}-image.png" for name in names],
        "energy_in_mask": pd.array(energy, dtype="Float64"),
        "mask_share": pd.array([None if m is None else float(m.mean()) for m in masks], dtype="Float64"),
    }
    return pd.DataFrame(columns)


def _write_cell(
    store: Store,
    cell_id: str,
    rows: pd.DataFrame,
    pictures: np.ndarray,
    heat: np.ndarray,
    peaks: Mapping[str, np.ndarray],
    masks: list[np.ndarray | None],
) -> None:
    """Pictures and maps first, the rows that name them last."""
    folder = store.gradcam_dir()
    for position, row in enumerate(rows.itertuples(index=False)):
        write_bytes(folder / row.image_path, image_png(pictures[position]))
        overlay = overlay_png(pictures[position], heat[position], outline=masks[position])
        write_bytes(folder / row.overlay_path, overlay)
    write_bytes(folder / cell_id / "heatmaps.npz", _npz(rows, heat, peaks))
    write_parquet(folder / cell_id / "rows.parquet", rows, types=_INDEX_TYPES)


def _npz(rows: pd.DataFrame, heat: np.ndarray, peaks: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"peak_{name}": values for name, values in peaks.items()}
    arrays |= {"image_id": rows["image_id"].to_numpy(dtype=str), "heat": heat}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
